#!/usr/bin/env bash
# Every bench/<part>/run.sh measures MOP beside named rivals on this machine, in one run, and prints one JSON
# object a line: {"name","ours","rival","rival_name","ratio","unit","limit"}. Here they become one table and
# bench/results.json. Rivals are installed by the parts; close other programs before you trust a figure.
set -euo pipefail
cd "$(dirname "$0")/.."
lines=$(mktemp)
trap 'rm -f "$lines"' EXIT
missed=()
for part in bench/*/run.sh; do
  if [ "$part" = bench/forecast/run.sh ]; then
    echo "$part: left out, it takes long; run it by itself" >&2
    continue
  fi
  echo "== $part" >&2
  "$part" >>"$lines" || missed+=("$part")
done
/usr/bin/python3 - "$lines" <<'PY'
import json, os, sys
rows = [json.loads(line) for line in open(sys.argv[1]) if line.strip()]
with open("bench/results.json.tmp", "w") as out:
    json.dump(rows, out, indent=1)
os.replace("bench/results.json.tmp", "bench/results.json")
cell = lambda x: f"{x:.4g}" if isinstance(x, (int, float)) else str(x if x is not None else "")
table = [["what", "MOP", "rival", "unit", "ratio", "limit", "rival is"]]
table += [[r["name"], cell(r["ours"]), cell(r["rival"]), r["unit"], cell(r["ratio"]), cell(r["limit"]), r["rival_name"] or ""] for r in rows]
widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
for row in table:
    print("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())
PY
echo "written to bench/results.json"
[ ${#missed[@]} -eq 0 ] || { echo "a limit was missed in, or no figure came from: ${missed[*]}" >&2; exit 1; }
