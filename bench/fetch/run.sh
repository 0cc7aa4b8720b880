#!/usr/bin/env bash
# `mop fetch` against mop's own exchange: 50 files over a line with 50 ms latency, the run right after, and the whole
# history of 25 coins x 2 timeframes at the pace of the real weight limit (6000 a minute). One JSON line per figure on
# stdout, exit status 1 when a limit does not hold. Run it on an idle machine; takes about 3 minutes.
set -euo pipefail
cd "$(dirname "$0")/../.."
cmake --preset release >&2
cmake --build build/release --target mop >&2
mop=$PWD/build/release/mop
work=$(mktemp -d)
sim=
trap '[ -z "$sim" ] || kill "$sim" 2>/dev/null || true; rm -rf "$work"' EXIT
start_sim() {  # flags of mop sim; leaves the address in $url
  [ -z "$sim" ] || kill "$sim"
  rm -f "$work/url"
  "$mop" sim --port 0 --seed 1 "$@" >"$work/url" 2>"$work/err" &
  sim=$!
  for _ in $(seq 100); do [ -s "$work/url" ] && break; sleep 0.1; done
  url=$(head -n 1 "$work/url")
}
fetch() {  # result file, data directory, flags
  "$mop" fetch --symbols all --base-url "$url" --data-dir "$work/$2" --json "${@:3}" >"$work/$1.json" 2>/dev/null
}
start_sim --latency 50
fetch first short
fetch again short
start_sim
fetch full full --full
/usr/bin/python3 - "$work" <<'PY'
import json
import sys

first, again, full = (json.load(open(f"{sys.argv[1]}/{name}.json")) for name in ("first", "again", "full"))
missed = False


def row(what, run, limit_s, holds=True):
    global missed
    rows = sum(one["rows_added"] for one in run["files"])
    missed |= run["http_429"] > 0 or not holds or (limit_s is not None and run["elapsed_s"] >= limit_s)
    print(json.dumps({
        "name": f"fetch {what}: {len(run['files'])} files, {rows:,} rows, {run['requests']:,} requests, "
                f"{100 * run['budget_share_used']:.0f} % of the allowed weight, fullest minute {run['peak_weight']} of "
                f"{run['weight_limit']}, {run['http_429']} x 429",
        "ours": run["elapsed_s"], "rival": None, "rival_name": None, "ratio": None, "unit": "s",
        "limit": "no 429" if limit_s is None else f"{limit_s} s, no 429"}))


row("over a line with 50 ms latency", first, 10, sum(one["rows"] for one in first["files"]) == 50_000)
row("right after", again, 3, all(one["rows_added"] == 0 or one["rows_added"] == 1 for one in again["files"]))
row("of the whole history", full, None, sum(one["rows"] for one in full["files"]) > 2_000_000)
sys.exit(missed)
PY
