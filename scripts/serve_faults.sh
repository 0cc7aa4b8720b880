#!/usr/bin/env bash
# Everything that can go wrong around mop serve, on purpose: serve_faults.sh MODELS_DIR [KILLS] [DAYS] [WORK_DIR]
#
# kills  at 5 times the clock, kill -9 as often as told (100) at random moments, and between them a cable that is pulled
#        (the exchange stands still, connections stay open), a database that somebody else keeps locked, a full disk
#        (as root: on a small tmpfs of its own) and a jump of the exchange's clock.
# month  DAYS days (30) at 1000 times the clock with scripted network faults: connections reset, broken, silent, shut down,
#        refused with 451, requests limited with 429 and 418, answers late, cut short and wrong; candles that are absent.
# After each: ledger and stored candles verify, and every close is forecast in time or missed with its reason.
# What is forecast of the closes that the exchange had is printed as the availability.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
models=$(cd "${1:?MODELS_DIR is missing: serve_faults.sh MODELS_DIR [KILLS] [DAYS] [WORK_DIR]}" && pwd)
kills=${2:-100}
days=${3:-30}
work=${4:-$(mktemp -d)}
port=${PORT:-9400}
url=http://127.0.0.1:$port
mkdir -p "$work"
cp "$here/build/release/mop" "$work/mop"
cd "$work"
RANDOM=7

exchange() {  # speed, arguments of mop sim
  local speed=$1
  shift
  ./mop sim --port "$port" --market realistic --seed 3 --start 2025-07-02 --clock "x$speed" "$@" >>sim.log 2>&1 &
  sim=$!
  until curl -fs "$url/api/v3/ping" >/dev/null; do :; done
}
serve() {  # speed, directory, more arguments
  local speed=$1 place=$2
  shift 2
  exec ./mop serve --base-url "$url" --clock "x$speed" --models-dir "$models" --data-dir "$place/data" --db "$place/mop.db" \
    --listen 127.0.0.1:0 "$@"
}
stop_all() {
  kill -CONT "${sim:-0}" 2>/dev/null || true
  kill "${sim:-0}" 2>/dev/null || true
  [ -z "${disk:-}" ] || umount "$disk" 2>/dev/null || true
}
trap stop_all EXIT

judge() {  # directory
  ./mop ledger verify --db "$1/mop.db" --data-dir "$1/data"
  ./mop verify --data-dir "$1/data" --offline >"$1/verify.out" || { cat "$1/verify.out"; exit 1; }
  tail -n 1 "$1/verify.out"
  /usr/bin/python3 - "$1/mop.db" "$1/data" <<'EOF'
import sqlite3
import sys

db = sqlite3.connect(sys.argv[1])
one = lambda sql: db.execute(sql).fetchone()[0]
made, missed = one("SELECT count(*) FROM forecasts"), one("SELECT count(*) FROM missed")
late = one("SELECT count(*) FROM forecasts WHERE made_at >= as_of + CASE interval WHEN '15m' THEN 900000 ELSE 3600000 END")
print(f"forecast {made}, missed {missed}, after the fact {late}")
for reason, n in db.execute("SELECT reason, count(*) FROM missed GROUP BY reason ORDER BY 2 DESC"):
    print(f"  missed {n}: {reason}")
# A close that the exchange never told of: its candle is not stored to this day.
stored = {}
def told(symbol, interval, as_of):
    key = f"{symbol}_{interval}"
    if key not in stored:
        with open(f"{sys.argv[2]}/{key}.csv") as lines:
            stored[key] = {line.split(",", 7)[6] for line in lines}
    return str(as_of) in stored[key]
outage = sum(not told(*row) for row in db.execute("SELECT symbol, interval, as_of FROM missed"))
print(f"availability {100 * made / (made + missed - outage):.3f} % of the closes that the exchange told of, "
      f"{100 * made / (made + missed):.3f} % of all")
sys.exit(late > 0)
EOF
}

between_kills() {  # number of the kill
  case $(($1 % 20)) in
    3) echo "cable pulled for 8 s"; kill -STOP $sim; sleep 8; kill -CONT $sim ;;
    8) echo "database locked for 3 s"
      /usr/bin/python3 -c "
import sqlite3, sys, time
db = sqlite3.connect('$place/mop.db', isolation_level=None)
try:
    db.execute('BEGIN EXCLUSIVE'); time.sleep(3)
except sqlite3.OperationalError as error:
    print(error)" ;;
    13) [ -z "$disk" ] || { echo "disk full for 5 s"
      dd if=/dev/zero of="$disk/filler" bs=1M status=none 2>/dev/null || true
      sleep 5; rm -f "$disk/filler"; } ;;
    18) echo "the exchange's clock jumps 10 minutes"; curl -fsX POST "$url/sim/clock?advance_ms=600000" >/dev/null ;;
  esac
}

if [ "$kills" -gt 0 ]; then
  echo "== $kills kills at x5"
  place=$work/kills disk=
  mkdir -p "$place"
  if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=96m none "$place" 2>/dev/null; then
    disk=$place
  else
    echo "no disk is filled: that takes root, for a tmpfs of its own"
  fi
  exchange 5
  for ((i = 1; i <= kills; i++)); do
    serve 5 "$place" >>kills.out 2>&1 &
    served=$!
    sleep "$((2 + RANDOM % 18)).$((RANDOM % 10))"
    between_kills $i
    kill -9 $served 2>/dev/null || echo "it had ended by itself before kill $i (kills.out)"
    wait $served 2>/dev/null || true
  done
  (serve 5 "$place" --closes 1) >>kills.out 2>&1
  judge "$place"
  kill $sim
  wait $sim 2>/dev/null || true
fi

if [ "$days" -gt 0 ]; then
  echo "== $days days at x1000 with network faults"
  place=$work/month
  mkdir -p "$place"
  cat >faults.jsonl <<'EOF'
{"do":"reset","path":"/api/*","probability":0.02}
{"do":"latency","path":"/api/*","ms":30,"probability":0.1}
{"do":"truncate","path":"/api/v3/klines*","probability":0.02}
{"do":"corrupt","path":"/api/v3/klines*","probability":0.01}
{"do":"status","status":429,"retry_after":30,"path":"/api/v3/klines*","first":200,"every":300}
{"do":"status","status":418,"retry_after":120,"path":"/api/v3/klines*","first":1000,"every":2000}
{"do":"status","status":502,"path":"/api/*","probability":0.01}
{"do":"disconnect","path":"/stream*","ms":30000000,"every":4}
{"do":"silence","path":"/stream*","ms":20000000,"first":2,"every":4}
{"do":"shutdown","path":"/stream*","ms":40000000,"lead_ms":10000,"first":3,"every":4}
{"do":"status","status":451,"path":"/stream*","first":10,"every":9}
{"do":"duplicate","from":"2025-07-05","until":"2025-07-06"}
{"do":"gap","from":"2025-07-12T02:00","until":"2025-07-12T05:00"}
{"do":"gap","symbol":"SOLUSDT","from":"2025-07-14T10:00","until":"2025-07-14T11:00"}
EOF
  exchange 1000 --faults faults.jsonl
  (serve 1000 "$place" --closes $((days * 96 + 1)) --json >month.json 2>month.err)
  echo "serve: $(cat month.json)"
  kill $sim
  wait $sim 2>/dev/null || true
  judge "$place"
  echo "what struck:"
  tail -n 16 sim.log
fi
