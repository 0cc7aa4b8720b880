#!/usr/bin/env bash
# Fuzzes every parser of outside bytes under AddressSanitizer and UndefinedBehaviorSanitizer: fuzz.sh [SECONDS each]
# [target ...]. New inputs stay in build/fuzz/corpus; a finding is kept in build/fuzz/findings and ends the run with 1.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
shift || true
for name in "$@"; do
  [ -e "tests/fuzz/fuzz_$name.cc" ] || { echo "fuzz.sh: there is no target '$name'; tests/fuzz/fuzz_*.cc are the targets" >&2; exit 2; }
done
cmake --preset fuzz >/dev/null
cmake --build build/fuzz --target fuzzers
targets=("$@")
[ ${#targets[@]} -gt 0 ] || for source in tests/fuzz/fuzz_*.cc; do
  name=${source##*/fuzz_}
  targets+=("${name%.cc}")
done
mkdir -p build/fuzz/findings
failed=()
one() {
  mkdir -p "build/fuzz/corpus/$1"
  echo "== $1, $seconds s"
  "build/fuzz/tests/fuzz/fuzz_$1" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="build/fuzz/findings/$1-" "build/fuzz/corpus/$1" "tests/fuzz/corpus/$1" \
    2>"build/fuzz/$1.log" || return 1
  grep -E 'stat::(number_of_executed_units|new_units_added)' "build/fuzz/$1.log"
}
for target in "${targets[@]}"; do
  one "$target" || { tail -n 40 "build/fuzz/$target.log"; failed+=("$target"); }
done
[ ${#failed[@]} -eq 0 ] || { echo "findings: ${failed[*]} (build/fuzz/findings)"; exit 1; }
echo "${#targets[@]} targets, no finding"
