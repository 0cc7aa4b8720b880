#!/usr/bin/env bash
# MOP's forecasts beside gradient-boosted trees on real candles: one JSON line per figure on stdout, exit status
# 1 when a limit does not hold. Both fit before 2025-07-01 and are scored on 2025-07-01 to 2025-10-31, on the
# same rows (rival_trees.py says what makes it fair). Usage: bench/forecast/run.sh [1h] [15m]; both when none.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ $# -gt 0 ] || set -- 1h 15m
here=$PWD/bench/forecast candles=$PWD/../shared/candles
split=2025-07-01 end=2025-11-01
if [ ! -d "$candles" ]; then
  echo "forecast: skipped, it needs real candles in $candles" >&2
  exit 0
fi
trees=$PWD/bench/.rivals/trees
# Without it waiting threads spin, and starve the working ones where other programs run.
export OMP_WAIT_POLICY=passive
export PYTHONPATH=$trees/usr/lib/python3/dist-packages LD_LIBRARY_PATH=$trees/usr/lib/$(uname -m)-linux-gnu
if ! /usr/bin/python3 -c 'import pandas' 2>/dev/null; then
  sudo=$([ "$(id -u)" = 0 ] || echo sudo)
  $sudo apt-get install -y -qq python3-pandas >&2
fi
# Unpacked beside the system: python3-scipy's headers conflict with the Boost that MOP is built with.
if ! /usr/bin/python3 -c 'import sklearn.ensemble' 2>/dev/null; then
  mkdir -p "$trees/packages"
  (cd "$trees/packages" && apt-get download -qq python3-sklearn python3-sklearn-lib python3-scipy python3-joblib \
    python3-threadpoolctl python3-decorator liblbfgsb0) >&2
  for package in "$trees"/packages/*.deb; do dpkg -x "$package" "$trees"; done
fi
cmake --preset release >&2
cmake --build build/release --target mop >&2
mop=$PWD/build/release/mop
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"  # no mop.toml here: built-in settings
"$mop" import --from "$candles" --data-dir raw --quiet >&2
status=0
for timeframe in "$@"; do
  "$mop" train --until $split --kinds "$timeframe" --data-dir raw --quiet >&2
  # Coins without candles in the scored span are named and left out: exit status 3.
  "$mop" evaluate --split $split --end $end --kinds "$timeframe" --data-dir raw --forecasts "$timeframe.csv" \
    --quiet >&2 || [ $? = 3 ]
  /usr/bin/python3 "$here/rival_trees.py" raw "$timeframe" $split $end "$timeframe.csv" >"$timeframe.json"
  cat "$timeframe.json" >&2
  /usr/bin/python3 "$here/figures.py" <"$timeframe.json" || status=1
done
exit $status
