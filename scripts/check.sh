#!/usr/bin/env bash
# What a change must pass before it is committed.
set -euo pipefail
cd "$(dirname "$0")/.."
git ls-files '*.cc' '*.h' '*.cu' | xargs clang-format --dry-run -Werror
for preset in dev asan; do
  cmake --preset $preset >/dev/null
  cmake --build build/$preset
done
cmake --build build/dev --target headers
scripts/neon_check.sh
ctest --preset dev --no-tests=error -j "$(nproc)"
ctest --preset asan --no-tests=error -j "$(nproc)"
git ls-files 'mop/*.cc' | grep -v _test.cc | xargs -P "$(nproc)" -n 4 clang-tidy-19 -p build/dev --quiet
if command -v nvcc >/dev/null || [ -x /usr/local/cuda/bin/nvcc ]; then
  PATH=$PATH:/usr/local/cuda/bin cmake --preset cuda >/dev/null && cmake --build build/cuda --target mop nn_test train_test
fi
