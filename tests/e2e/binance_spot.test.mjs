// Binance's own client (@binance/spot) takes `mop sim` for Binance.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Spot } from '@binance/spot';

import { asText, BREAK, CANDLE, hurry, plainKlines, QUARTER, startExchange, until } from './exchange.mjs';

let exchange;
let client;

before(async () => {
  exchange = await startExchange({ faults: [{ ...BREAK, path: '/stream*' }] });
  client = new Spot({
    configurationRestAPI: { basePath: exchange.url, apiKey: '' },
    configurationWebsocketStreams: { wsURL: exchange.ws, reconnectDelay: 100 },
  });
});
after(() => exchange.stop());

test('@binance/spot pages 2500 klines digit for digit', async () => {
  const start = Date.UTC(2025, 0, 1);
  const rows = [];
  while (rows.length < 2500) {
    const startTime = rows.length > 0 ? Number(rows.at(-1)[6]) + 1 : start;
    const limit = Math.min(1000, 2500 - rows.length);
    const reply = await client.restAPI.klines({ symbol: 'BTCUSDT', interval: '1h', startTime, limit });
    assert.ok(reply.rateLimits.some((l) => l.rateLimitType === 'REQUEST_WEIGHT' && l.count > 0));
    rows.push(...(await reply.data()));
  }
  assert.deepEqual(asText(rows), asText(await plainKlines(exchange, '1h', start, 2500)));
});

test('@binance/spot reads exchangeInfo and errors', async () => {
  const info = await (await client.restAPI.exchangeInfo({ symbols: ['BTCUSDT', 'XMRUSDT'] })).data();
  const status = Object.fromEntries(info.symbols.map((s) => [s.symbol, s.status]));
  assert.deepEqual(status, { BTCUSDT: 'TRADING', XMRUSDT: 'BREAK' });
  await assert.rejects(client.restAPI.klines({ symbol: 'NOPEUSDT', interval: '1h' }), /Invalid symbol/);
});

test('@binance/spot streams a close, answers pings and reconnects', async (t) => {
  const connection = await client.websocketStreams.connect();
  t.after(() => connection.disconnect());
  const events = [];
  const closes = [];
  let pings = 0;
  connection.on('ping', () => (pings += 1));
  connection.on('close', (code) => closes.push(code));
  connection.on('error', () => {});
  connection.kline({ symbol: 'btcusdt', interval: '15m' }).on('message', (event) => events.push(event));

  await until(() => events.length > 0, 'a running candle');
  await hurry(exchange);
  const closed = await until(() => events.find((e) => e.k.x), 'a closed candle');
  assert.equal(Number(closed.k.t), CANDLE);
  const [row] = asText(await plainKlines(exchange, '15m', CANDLE, 1));
  assert.deepEqual([closed.k.o, closed.k.h, closed.k.l, closed.k.c, closed.k.v].map(String), row.slice(1, 6));
  await until(() => events.find((e) => Number(e.k.t) === CANDLE + QUARTER && !e.k.x), 'the next candle');
  assert.equal(events.filter((e) => e.k.x).length, 1);

  await until(() => closes.length > 0, 'the break');
  assert.deepEqual(closes, [1006], 'cut, not closed for a missing pong');
  assert.ok(pings >= 4, `${pings} pings`);
  const before = events.length;
  await until(() => events.length > before, 'events after the reconnect');
});
