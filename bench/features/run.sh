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
$pin "$build/bench/features/mop_bench_features" "$candles" >"$rivals/ours.json"
$pin "$rivals/rival_talib" "$candles" >"$rivals/talib.json"
OPENBLAS_NUM_THREADS=1 $pin /usr/bin/python3 "$root/bench/features/rival_pandas.py" "$candles" >"$rivals/pandas.json"
/usr/bin/python3 - "$rivals" <<'PYTHON'
import json
import sys

ours, talib, pandas = (json.load(open(f"{sys.argv[1]}/{name}.json")) for name in ("ours", "talib", "pandas"))
size = f"{ours['columns']} raw columns, {ours['candles']:,} candles"
limit = f"{ours['memory_write_s']:.3f} s to write the same {ours['bytes'] / 1e6:.0f} MB of columns and candles"


def row(name, mine, theirs, rival, unit, bound):
    ratio = None if theirs is None else round(theirs / mine, 2)
    print(json.dumps({"name": name, "ours": mine, "rival": theirs, "rival_name": rival, "ratio": ratio,
                      "unit": unit, "limit": bound}))


row(f"{size}, into given memory", ours["batch_s"], talib["talib_s"], "TA-Lib C, gcc -O2, into given memory", "s", limit)
for mine, where in (("batch_s", "into given memory"), ("batch_with_allocation_s", "memory allocated")):
    row(f"{size}, {where}", ours[mine], pandas["pandas_s"], "pandas, the same values", "s", limit)
    row(f"{size}, {where}", ours[mine], pandas["tuned_s"], "pandas tuned, without edge rules", "s", limit)
row("streaming all raw columns, one candle", ours["stream_us"], None, "2 us allowed", "us", "2 us")
row("peeking all raw columns, one open candle", ours["peek_us"], None, "2 us allowed", "us", "2 us")
PYTHON
