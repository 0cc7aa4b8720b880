# The two commands a new user needs are `make demo` and `make test`; both install what is missing.
BUILD := build/release

.PHONY: demo test build check format bench fuzz clean
.DEFAULT_GOAL := build

build:
	@scripts/bootstrap.sh
	@scripts/web.sh
	@cmake --preset release >build-configure.log 2>&1 || (cat build-configure.log; exit 1)
	@rm -f build-configure.log
	cmake --build $(BUILD)

demo: build
	@SOURCE=$(or $(SOURCE),sim) scripts/demo.sh

test:
	@scripts/bootstrap.sh test
	@$(MAKE) --no-print-directory build
	@scripts/test.sh

# Format, headers that compile alone, warnings as errors, unit tests, the same under sanitizers, lint.
check:
	@scripts/bootstrap.sh test check
	scripts/check.sh

format:
	git ls-files '*.cc' '*.h' '*.cu' | xargs clang-format -i

# Coverage-guided fuzzing of every parser of outside bytes, SECONDS each.
fuzz:
	@scripts/bootstrap.sh check
	scripts/fuzz.sh $(or $(SECONDS),60)

bench:
	@scripts/bootstrap.sh
	@$(MAKE) --no-print-directory build
	bench/run.sh

clean:
	rm -rf build demo web/dist
