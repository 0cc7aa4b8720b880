#!/bin/sh
# Makes mop/features/testdata/talib.csv: TA-Lib's values on the synthetic candles of indicators_pandas.csv.
# Usage: tests/oracles/talib_testdata.sh   (needs npm and gcc; running it again gives the same file)
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
talib=$root/bench/.rivals/talib
"$root/tests/oracles/build_talib.sh" "$talib"
gcc -O2 -I"$talib/include" -I"$root/tests/oracles" "$root/tests/oracles/talib_csv.c" "$talib/libtalib.a" -lm \
  -o "$talib/talib_csv"
"$talib/talib_csv" "$root/mop/features/testdata/indicators_pandas.csv" >"$root/mop/features/testdata/talib.csv"
