// Two clients that others keep, Binance's own (@binance/spot) and ccxt, read a running `mop sim` and must see what
// a plain fetch sees; with a data directory also what `mop fetch` stored, digit by digit.
//   npm install @binance/spot ccxt          (in a scratch directory; the project does not depend on them)
//   node binance_clients.mjs URL [DATA_DIR]  run from that directory, or with NODE_PATH pointing at it
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const [url, dataDir] = process.argv.slice(2);
if (!url) {
  console.error('usage: node binance_clients.mjs URL [DATA_DIR]');
  process.exit(2);
}
const require = createRequire(path.join(process.cwd(), 'package.json'));
const { Spot } = require('@binance/spot');
const ccxt = require('ccxt');

const SYMBOL = 'BTCUSDT';
const interval = { '15m': 900_000, '1h': 3_600_000 };

async function plain(target) {
  const reply = await fetch(url + target);
  return { status: reply.status, headers: reply.headers, body: await reply.json() };
}

// Rows of the official client, as text: it may turn numbers into other types, never into other digits.
const asText = (rows) => rows.map((row) => row.map(String));

async function checkOfficialClient() {
  const client = new Spot({ configurationRestAPI: { basePath: url, apiKey: '' } }).restAPI;
  const time = await (await client.time()).data();
  assert.ok(Number(time.serverTime) > 1.5e12);
  for (const [name, length] of Object.entries(interval)) {
    const end = Math.floor(Number(time.serverTime) / length) * length - 1; // finished candles only
    const reply = await client.klines({ symbol: SYMBOL, interval: name, endTime: end, limit: 1000 });
    const rows = asText(await reply.data());
    const expected = await plain(`/api/v3/klines?symbol=${SYMBOL}&interval=${name}&endTime=${end}&limit=1000`);
    assert.deepEqual(rows, asText(expected.body));
    assert.equal(rows.length, 1000);
    assert.ok(reply.rateLimits.some((limit) => limit.rateLimitType === 'REQUEST_WEIGHT' && limit.count > 0));
  }
  const info = await (await client.exchangeInfo({ symbols: ['BTCUSDT', 'XMRUSDT'] })).data();
  const status = Object.fromEntries(info.symbols.map((s) => [s.symbol, s.status]));
  assert.deepEqual(status, { BTCUSDT: 'TRADING', XMRUSDT: 'BREAK' });
  await assert.rejects(client.klines({ symbol: 'NOPEUSDT', interval: '1h' }), /Invalid symbol/);
  return '@binance/spot: time, klines 2 x 1000 rows, exchangeInfo, rate limits and an error agree';
}

async function checkCcxt() {
  const exchange = new ccxt.binance({ enableRateLimit: false, options: { defaultType: 'spot' } });
  exchange.options.fetchMarkets = { types: ['spot'] }; // the simulated exchange has no futures
  exchange.urls.api.public = `${url}/api/v3`;
  const markets = await exchange.loadMarkets();
  assert.equal(markets['BTC/USDT'].active, true);
  assert.equal(markets['XMR/USDT'].active, false);
  assert.equal(markets['PEPE/USDT'].precision.price, 1e-8);
  const start = Math.floor(Date.UTC(2024, 5, 1) / interval['1h']) * interval['1h'];
  const rows = await exchange.fetchOHLCV('BTC/USDT', '1h', start, 500);
  const expected = await plain(`/api/v3/klines?symbol=${SYMBOL}&interval=1h&startTime=${start}&limit=500`);
  assert.deepEqual(rows, expected.body.map((row) => [row[0], ...row.slice(1, 6).map(Number)]));
  await assert.rejects(exchange.publicGetKlines({ symbol: 'NOPEUSDT', interval: '1h' }), ccxt.BadSymbol);
  return `ccxt ${ccxt.version}: ${Object.keys(markets).length} markets, 500 candles and an error agree`;
}

// Every stored row must be what the exchange states, to the last digit.
async function checkStored(symbol, name) {
  const file = path.join(dataDir, `${symbol}_${name}.csv`);
  if (!existsSync(file)) return 0;
  const stored = readFileSync(file, 'utf8').trim().split('\n').slice(1).map((line) => line.split(','));
  for (let at = 0; at < stored.length; at += 1000) {
    const page = stored.slice(at, at + 1000);
    const { body } = await plain(`/api/v3/klines?symbol=${symbol}&interval=${name}&startTime=${page[0][0]}&limit=1000`);
    // Stored order: open_time,open,high,low,close,volume,close_time,quote_volume,trades,taker_base,taker_quote.
    assert.deepEqual(page, asText(body).slice(0, page.length).map((row) => row.slice(0, 11)));
  }
  return stored.length;
}

console.log(await checkOfficialClient());
console.log(await checkCcxt());
if (dataDir) {
  let rows = 0;
  for (const symbol of ['BTCUSDT', 'PEPEUSDT', 'MATICUSDT']) {
    for (const name of Object.keys(interval)) rows += await checkStored(symbol, name);
  }
  assert.ok(rows > 0, `no stored candles in ${dataDir}`);
  console.log(`${rows} rows stored by mop fetch are digit for digit what the exchange states`);
}
