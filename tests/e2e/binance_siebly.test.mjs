// The npm package `binance` takes `mop sim` for Binance.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { MainClient, WebsocketClient } from 'binance';

import { asText, BREAK, CANDLE, hurry, plainKlines, QUARTER, startExchange, until } from './exchange.mjs';

let exchange;
let client;

before(async () => {
  exchange = await startExchange({
    faults: [
      { ...BREAK, path: '/stream*' },
      { do: 'shutdown', path: '/stream*', ms: 90_000, lead_ms: 600_000, count: 1 },
    ],
  });
  client = new MainClient({ baseUrl: exchange.url, disableTimeSync: true });
});
after(() => exchange.stop());

test('binance pages 2500 klines digit for digit', async () => {
  const start = Date.UTC(2025, 0, 1);
  const rows = [];
  while (rows.length < 2500) {
    const startTime = rows.length > 0 ? rows.at(-1)[6] + 1 : start;
    const limit = Math.min(1000, 2500 - rows.length);
    rows.push(...(await client.getKlines({ symbol: 'BTCUSDT', interval: '1h', startTime, limit })));
  }
  assert.deepEqual(asText(rows), asText(await plainKlines(exchange, '1h', start, 2500)));
});

test('binance reads exchangeInfo and errors', async () => {
  const info = await client.getExchangeInfo({ symbols: ['BTCUSDT', 'XMRUSDT'] });
  const status = Object.fromEntries(info.symbols.map((s) => [s.symbol, s.status]));
  assert.deepEqual(status, { BTCUSDT: 'TRADING', XMRUSDT: 'BREAK' });
  await assert.rejects(client.getKlines({ symbol: 'NOPEUSDT', interval: '1h' }), { code: -1121 });
});

test('binance streams a close, answers pings, hears the shutdown and reconnects', async (t) => {
  const quiet = { trace() {}, info() {}, error() {} };
  const stream = new WebsocketClient({ wsUrl: exchange.ws, reconnectTimeout: 100 }, quiet);
  t.after(() => stream.closeAll(true));
  const events = [];
  let shutdowns = 0;
  let pings = 0;
  let reconnected = 0;
  stream.on('message', (message) => {
    const event = message.data ?? message;
    if (event.e === 'kline') events.push(event);
    if (event.e === 'serverShutdown') shutdowns += 1;
  });
  stream.on('open', ({ ws }) => ws.on('ping', () => (pings += 1)));
  stream.on('reconnected', () => (reconnected += 1));
  stream.on('exception', () => {});
  await stream.subscribe('btcusdt@kline_15m', 'main');

  await until(() => events.length > 0, 'a running candle');
  await hurry(exchange);
  const closed = await until(() => events.find((e) => e.k.x), 'a closed candle');
  assert.equal(closed.k.t, CANDLE);
  const [row] = asText(await plainKlines(exchange, '15m', CANDLE, 1));
  assert.deepEqual([closed.k.o, closed.k.h, closed.k.l, closed.k.c, closed.k.v].map(String), row.slice(1, 6));
  await until(() => events.find((e) => e.k.t === CANDLE + QUARTER && !e.k.x), 'the next candle');

  await until(() => shutdowns === 1, 'serverShutdown');
  await until(() => reconnected > 0, 'the reconnect');
  assert.ok(pings >= 2, `${pings} pings`);
  const before = events.length;
  await until(() => events.length > before, 'events after the reconnect');
});
