#!/usr/bin/env bash
# The main job once through: fetch -> train -> evaluate -> predict, 3 coins x 2 timeframes, everything in demo/.
# SOURCE=sim (default) uses MOP's own synthetic exchange on this machine, SOURCE=binance the real one.
set -euo pipefail
cd "$(dirname "$0")/.."
mop=$PWD/build/release/mop
source=${SOURCE:-sim}
coins=BTCUSDT,ETHUSDT,SOLUSDT
split=$(date -u -d '30 days ago' +%F)

rm -rf demo && mkdir -p demo && cd demo
where=()
if [ "$source" = sim ]; then
  "$mop" sim --port 0 --market realistic --seed 7 >sim.url 2>sim.err &
  sim=$!
  trap 'kill $sim 2>/dev/null || true' EXIT
  for _ in $(seq 100); do [ -s sim.url ] && break; kill -0 $sim 2>/dev/null || { cat sim.err >&2; exit 1; }; sleep 0.1; done
  url=$(head -n 1 sim.url)
  where=(--base-url "$url")
  echo "== A synthetic exchange runs at $url (made-up prices; real ones: make demo SOURCE=binance)"
elif [ "$source" != binance ]; then
  echo "demo: SOURCE must be sim or binance, was '$source'" >&2
  exit 2
fi

echo "== 1. fetch: the newest 20000 candles of 3 coins x 2 timeframes"
"$mop" fetch --symbols $coins --limit 20000 "${where[@]}"
echo
echo "== 2. train: one model per coin and timeframe, on candles before $split only"
"$mop" train --symbols $coins --kinds 15m,1h --until "$split"
echo
echo "== 3. evaluate: scored on candles no model has seen, from $split on"
"$mop" evaluate --symbols $coins --split "$split" --report report.html
echo
echo "== 4. predict: the next 7 hours of BTCUSDT"
"$mop" predict BTCUSDT --timeframe 1h --steps 7
cat <<END

Done. Look at demo/report.html in a browser. Then, with real candles:
  build/release/mop fetch --symbols @major          candles into data/raw/
  build/release/mop train --symbols @major          models into models/
  build/release/mop predict BTCUSDT --timeframe 15m
  build/release/mop --help
END
