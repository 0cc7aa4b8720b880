// The edge against an exchange on loopback that speaks as KuCoin does: descending rows, seconds, open-close-high-low.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

import { decimalText } from './candles.mjs';

const HOUR = 3_600_000;
const START = Date.UTC(2025, 0, 1);
const END = START + 1234 * HOUR;
const EDGE = fileURLToPath(new URL('./candles.mjs', import.meta.url));

/** One candle an hour from START until END, none in hours 600 to 609. */
function candles(startAt, endAt) {
  const rows = [];
  for (let t = Math.max(START, Math.ceil(startAt / HOUR) * HOUR); t < Math.min(END, endAt); t += HOUR) {
    const n = (t - START) / HOUR;
    if (n >= 600 && n < 610) continue;
    rows.unshift([String(t / 1000), '100.5', '101', '102.25', '0.00000099', String(n + 1), '7']);
  }
  return rows;
}

async function exchange(faults = []) {
  const seen = [];
  const server = http.createServer((request, reply) => {
    const url = new URL(request.url, 'http://x');
    seen.push(request.url);
    reply.setHeader('content-type', 'application/json');
    let data = [];
    if (url.pathname.endsWith('/symbols')) {
      data = [{ symbol: 'XMR-USDT', name: 'XMR-USDT', baseCurrency: 'XMR', quoteCurrency: 'USDT', feeCurrency: 'USDT', market: 'USDS',
        baseMinSize: '0.001', quoteMinSize: '0.1', baseMaxSize: '10000', quoteMaxSize: '99999999', baseIncrement: '0.0001',
        quoteIncrement: '0.00001', priceIncrement: '0.01', priceLimitRate: '0.1', minFunds: '0.1', isMarginEnabled: false, enableTrading: true }];
    } else if (url.pathname.endsWith('/candles')) {
      const fault = faults.shift();
      if (fault) {
        reply.statusCode = fault;
        return reply.end('{"code":"500000","msg":"later"}');
      }
      data = candles(Number(url.searchParams.get('startAt')) * 1000, Number(url.searchParams.get('endAt')) * 1000).slice(0, 1500);
    }
    reply.end(JSON.stringify({ code: '200000', data }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { seen, url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

async function ask(request) {
  const edge = spawn(process.execPath, [EDGE], { stdio: ['pipe', 'pipe', 'inherit'] });
  edge.stdin.write(`${JSON.stringify({ exchange: 'kucoin', symbol: 'XMR/USDT', timeframe: '1h', ...request })}\n`);
  let text = '';
  for await (const chunk of edge.stdout) text += chunk;
  return text.trimEnd().split('\n').map((line) => JSON.parse(line));
}

test('a long range comes whole, ascending, once each, as plain decimals', async () => {
  const fake = await exchange([502]); // passes: asked again
  const lines = await ask({ since: START - 40 * HOUR, until: END, url: fake.url });
  fake.close();
  assert.deepEqual(lines.at(-1), { done: true });
  const rows = lines.slice(0, -1).flatMap((line) => line.rows);
  assert.equal(rows.length, 1234 - 10);
  for (let i = 1; i < rows.length; i++) assert.ok(rows[i][0] > rows[i - 1][0]);
  assert.deepEqual(rows[0], [START, '100.5', '102.25', '0.00000099', '101', '1']);
  assert.equal(rows.at(-1)[0], END - HOUR);
});

test('what runs at `until` is not finished and not sent', async () => {
  const fake = await exchange();
  const lines = await ask({ since: START, until: START + 5 * HOUR + 1, url: fake.url });
  fake.close();
  assert.equal(lines[0].rows.length, 5);
});

test('an unknown coin and an unknown exchange are told apart from a fault', async () => {
  const fake = await exchange();
  const [coin] = await ask({ symbol: 'NOPE/USDT', since: START, until: END, url: fake.url });
  fake.close();
  assert.equal(coin.error.kind, 'not_found');
  const [unknown] = await ask({ exchange: 'nosuchexchange', since: START, until: END });
  assert.equal(unknown.error.kind, 'not_found');
});

test('numbers become decimals without an exponent, digit for digit', () => {
  const pairs = [[0, '0'], [1.5, '1.5'], [1e-7, '0.0000001'], [1.234e-9, '0.000000001234'], [1e21, `1${'0'.repeat(21)}`], [123456789012.5, '123456789012.5']];
  for (const [number, text] of pairs) assert.equal(decimalText(number), text);
  for (const bad of [NaN, Infinity, -1, undefined]) assert.throws(() => decimalText(bad));
});
