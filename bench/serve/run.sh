#!/usr/bin/env bash
# The API under load: 2,000 GET a second (wrk) while 1,000 clients follow the events and every 3 s 50 series close.
# Server, wrk and clients share this machine, so the figures are upper bounds. One JSON line per figure on stdout, exit
# status 1 when a limit does not hold. Takes half a minute.
set -euo pipefail
cd "$(dirname "$0")/../.."
if ! command -v wrk >/dev/null; then
  as_root=()
  [ "$(id -u)" -eq 0 ] || as_root=(sudo)
  "${as_root[@]}" apt-get install -y -qq --no-install-recommends wrk >&2
fi
cmake --preset release >&2
cmake --build build/release --target http_driver >&2
ulimit -n 8192
work=$(mktemp -d)
mkfifo "$work/in"
trap 'exec 3>&-; wait; rm -rf "$work"' EXIT
build/release/tests/http_driver "$work" <"$work/in" >"$work/url" &
exec 3>"$work/in"
for _ in $(seq 100); do [ -s "$work/url" ] && break; sleep 0.1; done
url=$(head -n 1 "$work/url")
echo "rate 3000" >&3
/usr/bin/python3 bench/serve/event_clients.py "$url" 1000 22 "$work/ready" >"$work/events.json" &
clients=$!
for _ in $(seq 100); do [ -e "$work/ready" ] && break; sleep 0.1; done
wrk --threads 1 --connections 40 --duration 15s --latency --script bench/serve/gets.lua "$url" >"$work/wrk"
wait $clients
cat "$work/wrk" >&2
/usr/bin/python3 - "$work" <<'PY'
import json
import re
import sys

work = sys.argv[1]
text = open(f"{work}/wrk").read()
events = json.load(open(f"{work}/events.json"))


def ms(percent):
    value, unit = re.search(rf"{percent}%\s+([\d.]+)(us|ms|s)\b", text).groups()
    return float(value) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit]


rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1))
failed = re.search(r"Non-2xx.*|Socket errors:.*", text)
whole = events["clients"] == 1000 and events["complete"] == 1000
missed = ms(99) >= 50 or rate < 2000 or failed is not None or not whole
for percent, limit in ((50, None), (99, 50)):
    print(json.dumps({
        "name": f"serve: {rate:,.0f} GET/s beside {events['clients']:,} event clients, p{percent}", "ours": ms(percent),
        "rival": None, "rival_name": None, "ratio": None, "unit": "ms", "limit": limit and f"{limit} ms, no failure"}))
print(json.dumps({
    "name": f"serve: one close ({events['per_close']} events) from the first of {events['clients']:,} clients to the last, p99",
    "ours": events["spread_p99_ms"], "rival": None, "rival_name": None, "ratio": None, "unit": "ms",
    "limit": f"none lost: {events['complete']:,} of 1,000 complete"}))
sys.exit(missed)
PY
