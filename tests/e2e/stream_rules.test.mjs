// What the clients cannot show because they behave: the rules of the streams over a real socket.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import WebSocket from 'ws';

import { setClock, startExchange, until } from './exchange.mjs';

let exchange;
before(async () => {
  exchange = await startExchange({ faults: [{ do: 'shutdown', path: '/ws/shutdown', count: 1 }] });
});
after(() => exchange.stop());

const advance = (ms) => setClock(exchange, `advance_ms=${ms}`);

async function connect(target, options = {}) {
  const socket = new WebSocket(exchange.ws + target, options);
  const seen = { socket, texts: [], pings: [], closed: undefined };
  socket.on('message', (data) => seen.texts.push(JSON.parse(data)));
  socket.on('ping', (data) => seen.pings.push(String(data)));
  socket.on('close', (code, reason) => (seen.closed = { code, reason: String(reason) }));
  socket.on('error', () => {});
  await until(() => socket.readyState === WebSocket.OPEN, `connection to ${target}`);
  return seen;
}

test('a client without pongs is disconnected after a minute, one with pongs is not', async () => {
  const silent = await connect('/ws', { autoPong: false });
  const polite = await connect('/ws');
  await advance(20_500);
  await until(() => silent.pings.length === 1 && polite.pings.length === 1, 'the first ping');
  assert.match(silent.pings[0], /^\d{13}$/);
  silent.socket.pong('not what was sent');
  polite.socket.send('{"method":"LIST_SUBSCRIPTIONS","id":1}');
  await until(() => polite.texts.length === 1, 'an answer, so that the pong before it has arrived');
  await advance(60_500);
  await until(() => silent.closed, 'the disconnect');
  assert.deepEqual(silent.closed, { code: 1008, reason: 'Pong timeout' });
  assert.equal(polite.closed, undefined);
  polite.socket.terminate();
});

test('more than five messages a second are too many', async () => {
  const hasty = await connect('/ws');
  for (let i = 0; i < 12; i += 1) hasty.socket.send('{"method":"LIST_SUBSCRIPTIONS","id":1}');
  await until(() => hasty.closed, 'the disconnect');
  assert.equal(hasty.closed.code, 1008);
});

test('a connection ends after 24 hours of the clock', async () => {
  const old = await connect('/stream?streams=ethusdt@kline_1h');
  await advance(86_400_000);
  await until(() => old.closed, 'the end');
  assert.equal(old.closed.code, 1001);
});

test('serverShutdown comes before the end', async () => {
  const going = await connect('/ws/shutdown');
  await until(() => going.texts.length === 1, 'serverShutdown');
  assert.equal(going.texts[0].e, 'serverShutdown');
  await advance(10_500);
  await until(() => going.closed, 'the end');
  assert.equal(going.closed.code, 1001);
});
