#!/usr/bin/env bash
# The engine against PyTorch and ONNX Runtime: one JSON line per figure on stdout, exit status 1 when a limit
# does not hold. Run it on an idle machine. Installs what is missing of the rivals (apt, npm).
set -euo pipefail
cd "$(dirname "$0")/../.."
rivals=bench/.rivals
if ! /usr/bin/python3 -c 'import torch' 2>/dev/null; then
  sudo=$([ "$(id -u)" = 0 ] || echo sudo)
  $sudo apt-get install -y -qq python3-torch libopenblas0-pthread >&2
fi
if [ ! -d $rivals/node_modules/onnxruntime-node ]; then
  mkdir -p $rivals
  # The CPU library is in the package; the skipped step would download GPU ones.
  ONNXRUNTIME_NODE_INSTALL=skip npm install --prefix $rivals --no-audit --no-fund --silent onnxruntime-node@1.30.0 >&2
fi
cmake --preset release >&2
cmake --build build/release --target mop mop_bench_engine mop_bench_time_to_loss >&2
status=0
/usr/bin/python3 bench/engine/compare.py build/release/bench/engine/mop_bench_engine "$PWD/$rivals" || status=1
/usr/bin/python3 bench/engine/fleet.py "$PWD/build/release/mop" || status=1
if [ -d ../shared/candles ]; then
  /usr/bin/python3 bench/engine/time_to_loss.py "$PWD/build/release/mop" \
    "$PWD/build/release/bench/engine/mop_bench_time_to_loss" "$PWD/../shared/candles" || status=1
else
  echo "engine/time_to_v1_loss: skipped, it needs real candles in ../shared/candles" >&2
fi
exit $status
