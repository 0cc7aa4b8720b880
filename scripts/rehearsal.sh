#!/usr/bin/env bash
# A rehearsal of mop serve against a simulated exchange: rehearsal.sh MODELS_DIR [DAYS] [SPEED] [WORK_DIR]
# 30 days at 1000 times the clock take 43 minutes. Every close of 25 coins x 2 timeframes must be in the ledger exactly
# once, forecast in time or missed with its reason; then the ledger is verified, and its export scored anew by pandas.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
models=$(cd "${1:?MODELS_DIR is missing: rehearsal.sh MODELS_DIR [DAYS] [SPEED] [WORK_DIR]}" && pwd)
days=${2:-30}
speed=${3:-1000}
work=${4:-$(mktemp -d)}
mop="$work/mop"
port=${PORT:-9300}
url=http://127.0.0.1:$port
api=http://127.0.0.1:$((port + 1))
mkdir -p "$work"
cp "$here/build/release/mop" "$mop"
cd "$work"
export MOP_API_TOKEN=${MOP_API_TOKEN:-rehearsal-0123456789}

start=${START:-2025-07-02}
./mop sim --port "$port" --market realistic --seed 3 --start "$start" --clock "x$speed" >sim.log 2>&1 &
sim=$!
trap 'kill $sim 2>/dev/null || true' EXIT
until curl -fs "$url/api/v3/ping" >/dev/null; do :; done

# All closes are quarters of an hour; the first one is that of the start.
./mop serve --base-url "$url" --clock "x$speed" --models-dir "$models" --data-dir data --db mop.db \
  --listen "127.0.0.1:$((port + 1))" --closes $((days * 96 + 1)) --json >serve.json 2>serve.err &
serve=$!
echo "day,rss_mb,descriptors,cpu_ticks,forecasts,missed" >memory.csv
(
  until curl -fs -H "Authorization: Bearer $MOP_API_TOKEN" "$api/api/v1/health/ready" >/dev/null; do :; done
  # Alerts of every kind, so that they take part.
  for alert in '{"kind":"p_up","threshold":0.53}' '{"kind":"spike","threshold":0.95,"timeframe":"1h"}' \
    '{"kind":"move","threshold":2,"side":"either","window":4,"timeframe":"15m"}' '{"kind":"outside_band","timeframe":"1h"}' \
    '{"kind":"stale","threshold":3}' '{"kind":"model"}' '{"kind":"forecast","threshold":0.05,"side":"either","step":7}'; do
    curl -fs -H "Authorization: Bearer $MOP_API_TOKEN" -d "$alert" "$api/api/v1/alerts" >>alerts.json
  done
  for ((day = 0; day <= days; day++)); do
    kill -0 $serve 2>/dev/null || break
    health=$(curl -fs -H "Authorization: Bearer $MOP_API_TOKEN" "$api/api/v1/health/ready" || echo '{}')
    echo "$day,$(awk '/VmRSS/{printf "%.1f", $2 / 1024}' /proc/$serve/status),$(ls /proc/$serve/fd | wc -l),$(
      awk '{print $14 + $15}' /proc/$serve/stat),$(grep -o '"forecasts":[0-9]*' <<<"$health" | cut -d: -f2),$(
      grep -o '"missed":[0-9]*' <<<"$health" | cut -d: -f2)" >>memory.csv
    sleep "$(awk "BEGIN{print 86400 / $speed}")"
  done
) &
sampler=$!
wait $serve
kill $sampler 2>/dev/null || true
kill $sim 2>/dev/null || true

echo "serve: $(cat serve.json)"
echo "memory and descriptors by simulated day (memory.csv):"
sed -n '1p;3p;$p' memory.csv
./mop ledger verify --db mop.db --data-dir data
./mop ledger score --db mop.db --data-dir data --json >scores.json
./mop ledger export --db mop.db --data-dir data --out ledger.csv
/usr/bin/python3 "$here/tests/oracles/ledger_scores.py" ledger.csv scores.json
/usr/bin/python3 - <<'EOF'
import sqlite3

db = sqlite3.connect("mop.db")
one = lambda sql: db.execute(sql).fetchone()[0]
print("forecasts", one("SELECT count(*) FROM forecasts"), "after the fact", one(
    "SELECT count(*) FROM forecasts WHERE made_at >= as_of + CASE interval WHEN '15m' THEN 900000 ELSE 3600000 END"))
print("missed", one("SELECT count(*) FROM missed"), db.execute(
    "SELECT reason, count(*) FROM missed GROUP BY reason").fetchall())
closes = "(SELECT symbol, interval, as_of FROM forecasts UNION ALL SELECT symbol, interval, as_of FROM missed)"
print("closes told twice", one(f"SELECT count(*) - count(DISTINCT symbol || interval || as_of) FROM {closes}"))
print("closes per series", db.execute(
    f"SELECT interval, min(n), max(n), count(*) FROM (SELECT interval, count(*) AS n FROM {closes} GROUP BY symbol, "
    "interval) GROUP BY interval").fetchall())
print("firings", db.execute("SELECT kind, outcome, count(*) FROM firings GROUP BY 1, 2").fetchall())
EOF
