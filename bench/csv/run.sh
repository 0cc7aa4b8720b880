#!/usr/bin/env bash
# Loading the store's CSV files on one core beside pandas: one JSON line per figure on stdout, exit status 1 when the
# limit (400 MB/s) does not hold. Usage: bench/csv/run.sh [DIRECTORY of candle files]; without one the reference candles
# of ../shared are imported, or, where they are not, a synthetic market is fetched from `mop sim`.
set -euo pipefail
cd "$(dirname "$0")/../.."
if ! /usr/bin/python3 -c 'import pandas' 2>/dev/null; then
  sudo=$([ "$(id -u)" = 0 ] || echo sudo)
  $sudo apt-get install -y -qq python3-pandas >&2
fi
cmake --preset release >&2
cmake --build build/release --target mop mop_bench_csv >&2
work=$(mktemp -d)
sim=
trap '[ -z "$sim" ] || kill "$sim" 2>/dev/null || true; rm -rf "$work"' EXIT
mop=$PWD/build/release/mop
data=${1:-}
what="files of $data"
if [ -z "$data" ] && [ -d ../shared/candles ]; then
  data=$work/raw what="the reference candles"
  "$mop" import --from ../shared/candles --data-dir "$data" --quiet >&2
elif [ -z "$data" ]; then
  data=$work/raw what="a synthetic market"
  "$mop" sim --port 0 --seed 1 >"$work/url" 2>/dev/null &
  sim=$!
  for _ in $(seq 100); do [ -s "$work/url" ] && break; sleep 0.1; done
  "$mop" fetch --symbols all --limit 40000 --base-url "$(head -n 1 "$work/url")" --data-dir "$data" --quiet >&2
fi
pin=$(command -v taskset >/dev/null && echo "taskset -c 0" || true)
# In turns, five times each: neighbours on the same machine slow either side down for seconds on end.
for _ in 1 2 3 4 5; do
  $pin build/release/bench/csv/mop_bench_csv "$data" >>"$work/ours.json"
  OPENBLAS_NUM_THREADS=1 $pin /usr/bin/python3 bench/csv/rival_pandas.py "$data" >>"$work/pandas.json"
done
/usr/bin/python3 - "$work" "$what" <<'PY'
import json
import sys

runs = {name: [json.loads(line) for line in open(f"{sys.argv[1]}/{name}.json")] for name in ("ours", "pandas")}
ours, pandas = (min(of, key=lambda run: run["seconds"]) for of in runs.values())
assert ours["rows"] == pandas["rows"], (ours, pandas)
mine, theirs = (one["bytes"] / one["seconds"] / 1e6 for one in (ours, pandas))
slowest = min(run["bytes"] / run["seconds"] / 1e6 for run in runs["ours"])
print(json.dumps({"name": f"CSV load of {sys.argv[2]}, {ours['rows']:,} rows, one core, best of 5 (slowest {slowest:.0f}); peak memory "
                          f"{ours['peak_kib'] / 1024:.0f} MiB (pandas {pandas['peak_kib'] / 1024:.0f})",
                  "ours": round(mine, 1), "rival": round(theirs, 1),
                  "rival_name": f"pandas {pandas['version']} read_csv, C engine, the same six columns",
                  "ratio": round(mine / theirs, 2), "unit": "MB/s", "limit": "400 MB/s"}))
sys.exit(mine < 400)
PY
