#!/usr/bin/env bash
# What only a machine with a GPU can check: the kernels against their emulation and the CPU, memory and races under
# compute-sanitizer. BUILD names a tree that is built already. `bench/gpu_fleet.sh` measures.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ -z "${BUILD:-}" ]; then
  BUILD=build/cuda
  export PATH=$PATH:/usr/local/cuda/bin
  cmake --preset cuda
  cmake --build $BUILD --target nn_test train_test
fi
"$BUILD/rooms/nn/nn_test" --gtest_filter='*Gpu*'
"$BUILD/rooms/train/train_test" --gtest_filter='*Gpu*'
# Two branches, dropout, several tiles: every kernel, in little.
for tool in memcheck racecheck initcheck synccheck; do
  compute-sanitizer --tool $tool --error-exitcode 1 "$BUILD/rooms/nn/nn_test" \
    --gtest_filter='*AGpuGives*/two_branches:*AGpuGives*/two_tiles'
done
