// Every reply of the API against api/openapi.yaml: endpoints, errors and events, asked of a real server.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import path from 'node:path';
import { after, before, test } from 'node:test';
import Ajv from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import { root, startDriver } from './driver.mjs';

const api = parse(readFileSync(path.join(root, 'api/openapi.yaml'), 'utf8'));
const TOKEN = 'e2e-token-0123456789';

// A field that is not documented is an error here, though clients must bear new ones.
function close(schema) {
  if (schema === null || typeof schema !== 'object') return schema;
  for (const value of Object.values(schema)) close(value);
  if (schema.properties && schema.type === 'object') schema.additionalProperties ??= false;
  return schema;
}
const ajv = new Ajv({ strict: true, strictTypes: false, strictRequired: false, allErrors: true });
ajv.addVocabulary(['components']);
ajv.addSchema(close({ $id: 'https://mop/api', components: { schemas: api.components.schemas } }));
const schema = (name) => ajv.getSchema(`https://mop/api#/components/schemas/${name}`);
function valid(name, value, what) {
  const check = schema(name);
  assert.ok(check(value), `${what}: ${JSON.stringify(check.errors?.slice(0, 3))} in ${JSON.stringify(value).slice(0, 400)}`);
}

const servers = [];
async function start(...args) {
  const server = await startDriver(...args);
  servers.push(server);
  return server;
}
let open, closed;
before(async () => {
  open = await start();
  closed = await start(TOKEN);
});
after(() => Promise.all(servers.map((server) => server.stop())));

// { status, type, text }; `raw` also sends what fetch would not.
function ask(server, target, { method = 'GET', headers = {}, body } = {}) {
  const { hostname, port } = new URL(server.url);
  return new Promise((resolve, reject) => {
    const asked = request({ hostname, port, path: target, method, headers, agent: false }, (reply) => {
      let text = '';
      reply.setEncoding('utf8').on('data', (part) => (text += part));
      reply.on('end', () => resolve({ status: reply.statusCode, type: reply.headers['content-type'], text }));
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

const filled = (template) => template.replace('{symbol}', 'BTCUSDT').replace('{timeframe}', '1h').replace('{id}', '1');
const jsonSchemaOf = (response) => response.content?.['application/json']?.schema.$ref?.split('/').pop();

for (const [template, item] of Object.entries(api.paths)) {
  if (template === '/api/v1/events' || !item.get || template === '/api/v1/alerts/{id}') continue;
  test(`${template} is as documented`, async () => {
    const reply = await ask(open, filled(template));
    assert.equal(reply.status, 200, reply.text);
    const documented = item.get.responses['200'];
    const type = Object.keys(documented.content)[0];
    assert.ok(reply.type.startsWith(type), reply.type);
    if (type === 'application/json') valid(jsonSchemaOf(documented), JSON.parse(reply.text), template);
    const parameters = (item.get.parameters ?? []).map((p) => (p.$ref ? api.components.parameters[p.$ref.split('/').pop()] : p));
    for (const { name, in: place, schema: { type: kind, minimum, maximum, enum: values } } of parameters) {
      if (place !== 'query' || (kind === 'string' && !values)) continue;
      for (const good of values ?? [minimum, maximum].filter((x) => x !== undefined))
        assert.equal((await ask(open, `${filled(template)}?${name}=${good}`)).status, 200, `${name}=${good}`);
      const wrong = values ? ['other'] : ['x', minimum - 1, ...(maximum === undefined ? [] : [maximum + 1])];
      for (const bad of wrong) {
        const refused = await ask(open, `${filled(template)}?${name}=${bad}`);
        assert.equal(refused.status, 400, `${name}=${bad}`);
        valid('Error', JSON.parse(refused.text), `${name}=${bad}`);
      }
    }
  });
}

test('every page of the track record is as documented, and they end', async () => {
  let pages = 0, forecasts = 0, missed = 0;
  for (let before = ''; pages < 20; pages++) {
    const page = JSON.parse((await ask(open, `/api/v1/series/BTCUSDT/1h/track-record?limit=9${before}`)).text);
    valid('TrackRecord', page, 'page');
    forecasts += page.forecasts.length;
    missed += page.missed.length;
    if (page.next_before === null) break;
    before = `&before=${page.next_before}`;
  }
  assert.deepEqual([forecasts, missed], [60, 1]);
});

test('every error is as documented', async () => {
  const cases = [
    [404, open, '/nothing'],
    [404, open, '/api/v1/series/NOPE/1h/forecast'],
    [400, open, '/api/v1/models?x=1'],
    [400, open, '/%zz'],
    [405, open, '/metrics', { method: 'POST' }],
    [413, open, '/metrics', { method: 'POST', body: 'x'.repeat(100_000) }],
    [414, open, `/${'a'.repeat(3000)}`],
    [431, open, '/', { headers: { 'X-Long': 'a'.repeat(60_000) } }],
    [421, open, '/metrics', { headers: { Host: 'rebound.example' } }],
    [401, closed, '/metrics'],
    [401, closed, '/metrics', { headers: { Authorization: 'Bearer wrong' } }],
  ];
  for (const [status, server, target, options] of cases) {
    const reply = await ask(server, target, options);
    assert.equal(reply.status, status, target.slice(0, 60));
    assert.equal(reply.type, 'application/json');
    valid('Error', JSON.parse(reply.text), `${status}`);
  }
  assert.equal((await ask(closed, '/metrics', { headers: { Authorization: `Bearer ${TOKEN}` } })).status, 200);
});

test('alerts are made, changed, listed and deleted as documented', async () => {
  const headers = { Authorization: `Bearer ${TOKEN}` };
  const call = async (method, target, body, expected, name) => {
    const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
    const reply = await ask(closed, target, { method, headers, body: text });
    assert.equal(reply.status, expected, `${method} ${target}: ${reply.text}`);
    const value = JSON.parse(reply.text);
    valid(name ?? 'Error', value, `${method} ${target}`);
    return value;
  };
  const sent = (spec) => {
    valid('AlertSpec', spec, 'what is sent');
    return call('POST', '/api/v1/alerts', spec, 201, 'Alert');
  };
  const price = await sent({ kind: 'price', symbol: 'BTCUSDT', timeframe: '1h', threshold: 100, side: 'below', owner: 'a' });
  assert.equal(price.spec.hysteresis, 0.2);
  assert.equal(price.back_score.precision, null);
  const p_up = await sent({ kind: 'p_up', threshold: 0.505, quiet_hours: { from: '22:00', to: '07:00' }, expires_at: 4e12, once: true, cooldown_s: 0 });
  for (const spec of [{ kind: 'model' }, { kind: 'outside_band', timeframe: '15m' }, { kind: 'spike', threshold: 0.9 },
    { kind: 'stale', threshold: 3, symbol: 'BTCUSDT' }, { kind: 'move', threshold: 2, side: 'either', window: 4 }, { kind: 'forecast', threshold: 0.5, step: 3 }])
    await sent(spec);
  const preview = await call('POST', '/api/v1/alerts/preview', { kind: 'p_up', symbol: 'BTCUSDT', timeframe: '1h', threshold: 0.505, cooldown_s: 0 }, 200, 'AlertPreview');
  assert.equal(preview.back_score.forecasts, 60);
  const change = { note: 'dip', threshold: 90 };
  valid('AlertChange', change, 'a change');
  assert.equal((await call('PATCH', `/api/v1/alerts/${price.id}`, change, 200, 'Alert')).spec.note, 'dip');
  assert.equal((await call('GET', `/api/v1/alerts/${price.id}`, undefined, 200, 'Alert')).spec.threshold, 90);
  const first = await call('GET', '/api/v1/alerts?limit=5', undefined, 200, 'AlertList');
  const rest = await call('GET', `/api/v1/alerts?limit=5&after=${first.next_after}`, undefined, 200, 'AlertList');
  assert.deepEqual([first.alerts.length, rest.alerts.length, rest.next_after], [5, 3, null]);
  assert.equal((await call('GET', '/api/v1/alerts?owner=a', undefined, 200, 'AlertList')).alerts.length, 1);
  await call('DELETE', `/api/v1/alerts/${p_up.id}`, undefined, 200, 'Alert');
  await call('GET', `/api/v1/alerts/${p_up.id}`, undefined, 404);
  await call('DELETE', '/api/v1/alerts/999', undefined, 404);
  await call('PATCH', `/api/v1/alerts/${price.id}`, { threshold: -1 }, 400);
  for (const wrong of ['', '[]', '{"kind":"model","x":1}', '{"kind":"prices"}', '{"kind":"price","threshold":5}', '{"kind":'])
    await call('POST', '/api/v1/alerts', wrong, 400);
  await call('POST', '/api/v1/firings/1/deliveries', { channel: 'x' }, 404);
  await call('POST', '/api/v1/firings/1/deliveries', { chanel: 'x' }, 400);
  const many = { kind: 'model', owner: 'many' };
  for (let i = 0; i < 50; i++) await sent(many);
  await call('POST', '/api/v1/alerts', many, 409);
  assert.equal((await ask(open, '/api/v1/alerts', { method: 'POST', body: '{"kind":"model"}' })).status, 403);
  assert.equal((await ask(closed, '/api/v1/alerts', { method: 'POST', body: '{"kind":"model"}' })).status, 401);
});

test('events are as documented', async () => {
  const stop = new AbortController();
  const reply = await fetch(`${open.url}/api/v1/events`, { signal: stop.signal, headers: { 'Last-Event-ID': 'of-yesterday' } });
  assert.equal(reply.headers.get('content-type'), 'text/event-stream');
  open.say('close');
  const seen = {};
  let text = '', last = '';
  try {
    for await (const part of reply.body.pipeThrough(new TextDecoderStream())) {
      text += part;
      for (let end; (end = text.indexOf('\n\n')) >= 0; text = text.slice(end + 2)) {
        const event = Object.fromEntries(text.slice(0, end).split('\n').map((line) => line.split(/: (.*)/s)));
        if (event.event === undefined) continue;
        seen[event.event] = (seen[event.event] ?? 0) + 1;
        valid({ forecast: 'Forecast', score: 'Score', health: 'Health', reset: 'Reset', alert: 'Firing' }[event.event], JSON.parse(event.data), event.event);
        assert.notEqual(event.id, last);
        last = event.id;
      }
      if (seen.health) break;
    }
  } finally {
    stop.abort();
  }
  assert.deepEqual(seen, { reset: 1, forecast: 50, score: 1, health: 1, alert: 1 });
});
