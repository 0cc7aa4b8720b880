#!/usr/bin/env bash
# The fleet on a GPU against PyTorch: one JSON line per figure, exit status 1 when a limit does not hold. Needs nvcc, a
# GPU, and a python3 (PYTHON names another) whose PyTorch knows CUDA; MOP names a program that is built already.
set -euo pipefail
cd "$(dirname "$0")/.."
mop=${MOP:-}
if [ -z "$mop" ]; then
  export PATH=$PATH:/usr/local/cuda/bin
  cmake --preset cuda >&2
  cmake --build build/cuda --target mop >&2
  mop=build/cuda/mop
fi
candles=${CANDLES:-../shared/candles}
[ -d "$candles" ] || candles=
exec "${PYTHON:-python3}" bench/gpu/fleet.py "$(realpath "$mop")" ${candles:+"$candles"}
