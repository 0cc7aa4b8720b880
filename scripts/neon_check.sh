#!/usr/bin/env bash
# Compiles the CPU engine's kernels for 64-bit ARM and sees fused multiply-adds of NEON in them. Needs Debian's
# g++-aarch64-linux-gnu. Highway's headers are the same for every machine.
set -euo pipefail
cd "$(dirname "$0")/.."
compiler=$(command -v aarch64-linux-gnu-g++) || { echo "neon_check: there is no aarch64-linux-gnu-g++; install Debian's g++-aarch64-linux-gnu"; exit 1; }
out=$(mktemp)
trap 'rm -f "$out"' EXIT
for source in mop/nn/cpu/dense.cc mop/nn/cpu/lstm_backward.cc mop/nn/cpu/lstm_forward.cc; do
  "$compiler" -std=c++20 -O2 -ffp-contract=off -march=armv8-a+crypto -I. -idirafter /usr/include \
    "-DHWY_DISABLED_TARGETS=(HWY_SVE|HWY_SVE2|HWY_SVE_256|HWY_SVE2_128)" -S -o "$out" "$source"
  count=$(grep -c fmla "$out") || { echo "neon_check: $source has no NEON multiply-add"; exit 1; }
  echo "$source: $count fmla"
done
