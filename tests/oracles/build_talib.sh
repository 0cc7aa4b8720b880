#!/bin/sh
# Compiles TA-Lib's C code out of the npm package talib-binding into DIR/libtalib.a, headers in DIR/include.
# Usage: tests/oracles/build_talib.sh DIR   (needs npm and gcc; does nothing when the library is there)
set -eu
dir=$1
[ -f "$dir/libtalib.a" ] && exit 0
mkdir -p "$dir/objects"
cd "$dir"
[ -d package ] || { npm pack --silent talib-binding@1.0.2 >/dev/null && tar xzf talib-binding-1.0.2.tgz; }
source=$PWD/package/ta-lib/c
ls "$source"/src/ta_func/*.c "$source"/src/ta_common/*.c | xargs -P "$(nproc)" -I{} sh -c \
  'gcc -O2 -w -I"$1/include" -I"$1/src/ta_common" -I"$1/src/ta_func" -c "$2" -o "objects/$(basename "$2").o"' _ "$source" {}
ar rcs libtalib.part objects/*.o
mkdir -p include
cp "$source"/include/*.h include/
mv libtalib.part libtalib.a
