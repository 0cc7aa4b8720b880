#!/usr/bin/env bash
# Figures of `mop fetch` against mop's own exchange: 50 files over a line with 50 ms latency, the run right after, and
# (with `full`) the whole history of 25 coins x 2 timeframes at the pace of the real weight limit. Needs a release
# build and an idle machine.
set -euo pipefail
cd "$(dirname "$0")/.."
mop=$PWD/build/release/mop
work=$(mktemp -d)
"$mop" sim --port 0 --seed 1 --latency 50 >"$work/url" 2>"$work/err" &
sim=$!
trap 'kill $sim 2>/dev/null || true; rm -rf "$work"' EXIT
for _ in $(seq 100); do [ -s "$work/url" ] && break; sleep 0.1; done
url=$(head -n 1 "$work/url")
echo "== 50 files of 1000 rows, 50 ms latency (must: under 10 s, no 429)"
"$mop" fetch --symbols all --base-url "$url" --data-dir "$work/raw" 2>/dev/null | tail -n 2
echo "== again (must: under 3 s, only what is new)"
"$mop" fetch --symbols all --base-url "$url" --data-dir "$work/raw" 2>/dev/null | tail -n 2
[ "${1:-}" = full ] || exit 0
echo "== the whole history of all coins (must: no 429)"
"$mop" fetch --symbols all --full --base-url "$url" --data-dir "$work/full" 2>/dev/null | tail -n 2
