// ccxt takes `mop sim` for Binance, over REST and WebSocket.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import ccxt from 'ccxt';

import { BREAK, CANDLE, hurry, plainKlines, QUARTER, startExchange } from './exchange.mjs';

let exchange;
let client;

before(async () => {
  exchange = await startExchange({ faults: [{ ...BREAK, path: '/ws*' }] });
  client = new ccxt.pro.binance({
    enableRateLimit: false,
    newUpdates: true,
    urls: { api: { public: `${exchange.url}/api/v3`, ws: { spot: `${exchange.ws}/ws` } } },
    options: { defaultType: 'spot', fetchMarkets: { types: ['spot'] } }, // it has no futures
  });
  await client.loadHttpProxyAgent(); // ccxt wants it before a plain ws:// address
});
after(async () => {
  await client.close();
  await exchange.stop();
});

const asCandles = (rows) => rows.map((row) => [row[0], ...row.slice(1, 6).map(Number)]);

test('ccxt reads exchangeInfo and errors', async () => {
  const markets = await client.loadMarkets();
  assert.equal(markets['BTC/USDT'].active, true);
  assert.equal(markets['XMR/USDT'].active, false);
  assert.equal(markets['PEPE/USDT'].precision.price, 1e-8);
  await assert.rejects(client.publicGetKlines({ symbol: 'NOPEUSDT', interval: '1h' }), ccxt.BadSymbol);
});

test('ccxt pages 2500 klines', async () => {
  const start = Date.UTC(2025, 0, 1);
  const rows = [];
  while (rows.length < 2500) {
    const since = rows.length > 0 ? rows.at(-1)[0] + 3_600_000 : start;
    rows.push(...(await client.fetchOHLCV('BTC/USDT', '1h', since, Math.min(1000, 2500 - rows.length))));
  }
  assert.deepEqual(rows, asCandles(await plainKlines(exchange, '1h', start, 2500)));
});

test('ccxt streams a close, answers pings and reconnects', async () => {
  const last = new Map(); // open time -> the newest statement of that candle
  let breaks = 0;
  let after = 0;
  let pings = 0;
  let hurried = false;
  const end = Date.now() + 40_000;
  let hooked;
  while (after < 3 && Date.now() < end) {
    try {
      for (const candle of await client.watchOHLCV('BTC/USDT', '15m')) last.set(candle[0], candle);
      if (!hurried) await hurry(exchange);
      hurried = true;
      const socket = Object.values(client.clients)[0]?.connection;
      if (socket && socket !== hooked) socket.on('ping', () => (pings += 1));
      hooked = socket;
      if (breaks > 0) after += 1;
    } catch (error) {
      assert.ok(error instanceof ccxt.NetworkError, String(error));
      assert.match(error.message, /1006/, 'cut, not closed for a missing pong');
      breaks += 1;
    }
  }
  assert.equal(breaks, 1);
  assert.ok(after >= 3, 'candles after the reconnect');
  assert.ok(pings >= 4, `${pings} pings`);
  assert.ok(last.has(CANDLE + QUARTER), 'the next candle');
  assert.deepEqual(last.get(CANDLE), asCandles(await plainKlines(exchange, '15m', CANDLE, 1))[0]);
});
