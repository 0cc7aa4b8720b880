#!/usr/bin/env bash
# How soon a forecast is there, and what waiting for it costs: close_latency.sh MODELS_DIR [CLOSES] [WORK_DIR]
# First a minute at the exchange's own pace: CPU and memory of mop serve while nothing closes. Then CLOSES (40) closes at
# 60 times the clock: from the last closing frame that serve received to the commit of all forecasts, and to the last byte
# of their events at a client of /api/v1/events. Simulation, server and client share this machine.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
models=$(cd "${1:?MODELS_DIR is missing: close_latency.sh MODELS_DIR [CLOSES] [WORK_DIR]}" && pwd)
closes=${2:-40}
work=${3:-$(mktemp -d)}
port=${PORT:-9600}
mkdir -p "$work"
cp "$here/build/release/mop" "$work/mop"
cd "$work"
trap 'kill ${sim:-} ${serve:-} 2>/dev/null || true' EXIT

begin() {  # speed, more arguments of serve
  local speed=$1
  shift
  ./mop sim --port "$port" --market realistic --seed 3 --start 2025-07-02T00:01 --clock "x$speed" >sim.log 2>&1 &
  sim=$!
  until curl -fs "http://127.0.0.1:$port/api/v3/ping" >/dev/null; do :; done
  rm -f logs/serve.log
  ./mop serve --base-url "http://127.0.0.1:$port" --clock "x$speed" --models-dir "$models" --data-dir "data$speed" \
    --db "mop$speed.db" --listen "127.0.0.1:$((port + 1))" "$@" >serve.out 2>&1 &
  serve=$!
  until curl -fs "http://127.0.0.1:$((port + 1))/api/v1/health/ready" >/dev/null; do kill -0 $serve; sleep 0.1; done
}
end() {
  kill "$serve" 2>/dev/null || true
  wait "$serve" || true
  kill "$sim"
  wait "$sim" || true
}
ticks() { awk '{print $14 + $15}' "/proc/$serve/stat"; }

begin 1
sleep 10
before=$(ticks)
sleep 60
awk -v t="$(($(ticks) - before))" -v hz="$(getconf CLK_TCK)" \
  'BEGIN { printf "between closes: %.2f %% of a core over 60 s\n", 100 * t / hz / 60 }'
awk '/VmRSS/ { printf "resident: %.1f MB\n", $2 / 1024 }' "/proc/$serve/status"
end

begin 60 --closes "$closes"
/usr/bin/python3 - "$((port + 1))" logs/serve.log <<'PY'
import datetime
import re
import socket
import sys
import time

stream = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
stream.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
since = 1000 * time.time()
ended, tail, mark = [], b"", b"event: health\n"  # the last event of a close
while data := stream.recv(1 << 20):  # until serve ends
    tail += data
    if mark in tail:
        ended.append(1000 * time.time())
        tail = b""
    tail = tail[-len(mark):]
log = re.findall(r"^(\S+)Z info close at=(\S+) forecasts=(\d+) .*frame_to_ledger_ms=([\d.]+)", open(sys.argv[2]).read(), re.M)
to_ledger, to_client = {True: [], False: []}, {True: [], False: []}
for at, close, forecasts, ms in log:
    committed = 1000 * datetime.datetime.fromisoformat(at + "+00:00").timestamp()
    heard = next((t for t in ended if t > committed - 1), None)
    if forecasts == "0" or committed < since or heard is None:
        continue
    hour = close.endswith(":00Z")
    to_ledger[hour].append(float(ms))
    to_client[hour].append(float(ms) + max(0.0, heard - committed))
for name, times in (("ledger", to_ledger), ("client", to_client)):
    every = sorted(times[False] + times[True])
    p = lambda v, q: sorted(v)[min(len(v) - 1, int(q * len(v)))] if v else float("nan")
    print(f"closing frame to {name}: {len(every)} closes, p50 {p(every, .5):.1f} ms, p99 {p(every, .99):.1f} ms; "
          f"the hour's p50 {p(times[True], .5):.1f} ms")
PY
end
