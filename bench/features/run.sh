#!/bin/sh
# Speed of the indicators on one core beside TA-Lib's C code and pandas: JSON lines on standard output.
# Usage: bench/features/run.sh [BUILD_DIR] [CANDLES]   (needs gcc, npm, python3-pandas)
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${1:-$root/build/release}
candles=${2:-1000000}
rivals=$root/bench/.rivals
talib=$rivals/talib
if ! /usr/bin/python3 -c 'import pandas' 2>/dev/null; then
  sudo=$([ "$(id -u)" -eq 0 ] || echo sudo)
  $sudo apt-get install -y -qq python3-pandas >&2
fi
{
  "$root/tests/oracles/build_talib.sh" "$talib"
  gcc -O2 -I"$talib/include" -I"$root/tests/oracles" -I"$root/bench/features" "$root/bench/features/rival_talib.c" \
    "$talib/libtalib.a" -lm -o "$rivals/rival_talib"
  cmake --build "$build" --target mop_bench_features
} >&2
pin=$(command -v taskset >/dev/null && echo "taskset -c 0" || true)
rm -f "$rivals"/ours.json "$rivals"/talib.json "$rivals"/pandas.json
# In turns, five times each: neighbours on the same machine slow either side down for seconds on end.
for _ in 1 2 3 4 5; do
  $pin "$build/bench/features/mop_bench_features" "$candles" >>"$rivals/ours.json"
  $pin "$rivals/rival_talib" "$candles" >>"$rivals/talib.json"
  OPENBLAS_NUM_THREADS=1 $pin /usr/bin/python3 "$root/bench/features/rival_pandas.py" "$candles" >>"$rivals/pandas.json"
done
/usr/bin/python3 - "$rivals" <<'PYTHON'
import json
import sys

runs = {name: [json.loads(line) for line in open(f"{sys.argv[1]}/{name}.json")] for name in ("ours", "talib", "pandas")}
# Each figure's fastest run; sizes are the same in all.
ours, talib, pandas = ({key: min(run[key] for run in of) for key in of[0]} for of in runs.values())
slowest = max(run["batch_s"] for run in runs["ours"])
size = f"{ours['columns']} raw columns, {ours['candles']:,} candles"
limit = f"{ours['memory_write_s']:.3f} s to write the same {ours['bytes'] / 1e6:.0f} MB of columns and candles"


def row(name, mine, theirs, rival, unit, bound):
    ratio = None if theirs is None else round(theirs / mine, 2)
    print(json.dumps({"name": name, "ours": mine, "rival": theirs, "rival_name": rival, "ratio": ratio,
                      "unit": unit, "limit": bound}))


row(f"{size}, into given memory (slowest of 5: {slowest:.3f})", ours["batch_s"], talib["talib_s"], "TA-Lib C, gcc -O2, into given memory", "s", limit)
for mine, where in (("batch_s", "into given memory"), ("batch_with_allocation_s", "memory allocated")):
    row(f"{size}, {where}", ours[mine], pandas["pandas_s"], "pandas, the same values", "s", limit)
    row(f"{size}, {where}", ours[mine], pandas["tuned_s"], "pandas tuned, without edge rules", "s", limit)
row("streaming all raw columns, one candle", ours["stream_us"], None, "2 us allowed", "us", "2 us")
row("peeking all raw columns, one open candle", ours["peek_us"], None, "2 us allowed", "us", "2 us")
PYTHON
