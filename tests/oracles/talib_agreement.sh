#!/bin/sh
# Largest relative difference between `mop features --raw` and TA-Lib's C code (where TA-Lib has no function:
# pandas), per column, over whole series of real candles; fails above 1e-9.
# Usage: tests/oracles/talib_agreement.sh MOP_PROGRAM CANDLE_DIR [SYMBOL_TIMEFRAME ...]
# CANDLE_DIR holds SYMBOL_TIMEFRAME.csv files (open_time,open,high,low,close,volume first). 77 (skipped) without
# candles.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
mop=$1 candles=$2
shift 2
[ $# -gt 0 ] || set -- BTCUSDT_15m BTCUSDT_1h ETHUSDT_15m ETHUSDT_1h SOLUSDT_15m SOLUSDT_1h DOGEUSDT_15m \
  DOGEUSDT_1h PEPEUSDT_15m PEPEUSDT_1h
cannot_run() { echo "talib_agreement: $1; scripts/bootstrap.sh test installs it"; exit 1; }
[ -d "$candles" ] || { echo "skipped: no candles in $candles"; exit 77; }
command -v gcc >/dev/null || cannot_run "no gcc"
/usr/bin/python3 -c 'import pandas' || cannot_run "no python3-pandas"
talib=$root/bench/.rivals/talib
[ -f "$talib/libtalib.a" ] || command -v npm >/dev/null || cannot_run "no npm to fetch TA-Lib's source with"
"$here/build_talib.sh" "$talib" || { echo "talib_agreement: TA-Lib's source cannot be fetched or built"; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
gcc -O2 -I"$talib/include" -I"$here" "$here/talib_csv.c" "$talib/libtalib.a" -lm -o "$work/talib_csv"
mkdir "$work/from"
for series in "$@"; do
  cp "$candles/$series.csv" "$work/from/"
done
"$mop" import --from "$work/from" --data-dir "$work/raw" --quiet >/dev/null
for series in "$@"; do
  "$mop" features "${series%_*}" --timeframe "${series#*_}" --data-dir "$work/raw" --raw --out "$work/$series.mop.csv" --quiet
done
/usr/bin/python3 "$here/talib_compare.py" "$work" "$@"
