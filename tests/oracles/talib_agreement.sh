#!/bin/sh
# Largest relative difference between `mop features --raw` and TA-Lib's C code, per column, over whole series.
# Usage: tests/oracles/talib_agreement.sh MOP_PROGRAM CANDLE_DIR [SYMBOL_TIMEFRAME ...]
# CANDLE_DIR holds SYMBOL_TIMEFRAME.csv files (open_time,open,high,low,close,volume first).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
mop=$1 candles=$2
shift 2
[ $# -gt 0 ] || set -- BTCUSDT_15m BTCUSDT_1h ETHUSDT_15m ETHUSDT_1h SOLUSDT_15m SOLUSDT_1h DOGEUSDT_15m \
  DOGEUSDT_1h PEPEUSDT_15m PEPEUSDT_1h
talib=$root/bench/.rivals/talib
"$here/build_talib.sh" "$talib"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
gcc -O2 -I"$talib/include" -I"$here" "$here/talib_csv.c" "$talib/libtalib.a" -lm -o "$work/talib_csv"
for series in "$@"; do
  mkdir -p "$work/from"
  cp "$candles/$series.csv" "$work/from/"
done
"$mop" import --from "$work/from" --data-dir "$work/raw" --quiet >/dev/null
for series in "$@"; do
  "$mop" features "${series%_*}" --timeframe "${series#*_}" --data-dir "$work/raw" --raw --out "$work/$series.mop.csv" --quiet
done
/usr/bin/python3 "$here/talib_compare.py" "$work" "$@"
