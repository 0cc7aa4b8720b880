// The bot between the real API of `mop serve` (tests/serve/http_driver) and Discord on loopback, with the official client.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

import Ajv from 'ajv/dist/2020.js';

import { startDiscord, TOKEN } from '../../tests/fakes/discord.mjs';
import { runBot } from './bot.mjs';
import { Deliveries } from './deliveries.mjs';
import { firingOf, forecastMessage, price } from './messages.mjs';
import { MopApi } from './mop_api.mjs';

const EDGE = fileURLToPath(new URL('./bot.mjs', import.meta.url));
const DRIVER = process.env.MOP_HTTP_DRIVER ?? fileURLToPath(new URL('../../build/release/tests/http_driver', import.meta.url));
const API_TOKEN = 'bot-token-0123456789';
const SCHEMA = fileURLToPath(new URL('../../../shared/fixtures/discord_openapi_v10_bot_subset.json', import.meta.url));
const sent = []; // every request body of all tests, by the path it went to

async function startApi() {
  const home = mkdtempSync(join(tmpdir(), 'mop-bot-'));
  const driver = spawn(DRIVER, [home, API_TOKEN], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: driver.stdout });
  const [url] = await once(lines, 'line');
  return {
    url, api: new MopApi(url, API_TOKEN),
    /** The newest alert crosses for so many series. */
    async fire(count) {
      driver.stdin.write(`fire ${count}\n`);
      await once(lines, 'line');
    },
    async close() {
      driver.stdin.end();
      await once(driver, 'exit');
      rmSync(home, { recursive: true });
    },
  };
}

/** work(bot): bot.discord, bot.mop, bot.said, bot.turn() for a look at what is to be told. */
async function withBot(work, { options = {}, request = {} } = {}) {
  const mop = await startApi(), discord = await startDiscord(options), said = [], turns = [];
  const end = runBot({ token: TOKEN, api: mop.url, api_token: API_TOKEN, guild: '', channel: '', discord: discord.url, ...request },
    async (line) => said.push(line), (rest, once) => (turns.push(once), () => {}));
  try {
    await Promise.race([discord.until(() => discord.commands.length > 0), end]);
    while (turns.length < 2 && !request.ends) await new Promise(setImmediate);
    await work({ discord, mop, said, end, turn: () => turns[0]() });
  } finally {
    sent.push(...discord.seen);
    for (const socket of discord.sockets) socket.close(4004);
    await end;
    discord.close();
    await mop.close();
  }
}
const titleOf = (reply) => reply.message.embeds[0].title;
const alertAt = (owner) => ({ owner, kind: 'price', symbol: 'BTCUSDT', timeframe: '1h', threshold: 100 });

test('commands answer with what the API says', () => withBot(async ({ discord, mop, said }) => {
  assert.deepEqual(said, [{ ready: { user: 'mop', guilds: 1 } }]);
  assert.deepEqual(discord.commands.map((c) => c.name), ['forecast', 'scores', 'status', 'alert']);

  const forecast = await mop.api.get('/api/v1/series/BTCUSDT/1h/forecast');
  const shown = await discord.command('forecast', { coin: 'btcusdt ' });
  assert.equal(shown.callback.data.flags ?? 0, 0, 'all may see it');
  assert.match(titleOf(shown), /^BTCUSDT 1h: /);
  for (const step of forecast.steps.slice(0, 3)) assert.ok(shown.message.embeds[0].description.includes(price(step.median)));
  assert.match(shown.message.embeds[0].footer.text, new RegExp(`row ${forecast.seq} of the ledger`));

  assert.match((await discord.command('scores')).message.embeds[0].description, /all 1h/);
  const status = await discord.command('status');
  assert.equal(status.callback.data.flags, 64, 'only who asked sees it');
  assert.equal(titleOf(status), 'mop serve forecasts');
  assert.match((await discord.command('forecast', { coin: 'NOPE' })).message.content, /NOPE/);

  const offered = await discord.complete('forecast', 'b');
  assert.ok(offered.includes('BTCUSDT') && offered.every((name) => name.includes('B')));
  assert.equal((await discord.complete('forecast', '')).length, 25, 'as many as Discord takes');
}));

test('alerts are made, listed and removed by their owner only', () => withBot(async ({ discord, mop }) => {
  const wrong = await discord.command('alert add', { kind: 'price', coin: 'BTCUSDT' });
  assert.match(wrong.message.content, /timeframe|threshold/, 'the API says what is missing');
  const made = await discord.command('alert add', { kind: 'price', coin: 'BTCUSDT', timeframe: '1h', threshold: 100.5, side: 'below', once: true, cooldown_minutes: 5 });
  assert.match(titleOf(made), /^Alert 1: price of BTCUSDT 1h below 100.5, once$/);
  assert.match(made.message.embeds[0].description, /it would have come/);
  const { spec } = await mop.api.get('/api/v1/alerts/1');
  assert.deepEqual([spec.owner, spec.cooldown_s, spec.once], ['discord:444:333', 300, true]);

  assert.match((await discord.command('alert list')).message.embeds[0].description, /`1` price of BTCUSDT/);
  assert.match((await discord.command('alert list', {}, { userId: '555' })).message.embeds[0].description, /^None/);
  assert.match((await discord.command('alert remove', { id: 1 }, { userId: '555' })).message.content, /you have no alert 1/);
  await mop.api.post('/api/v1/alerts', alertAt('dashboard'));
  assert.match((await discord.command('alert remove', { id: 2 })).message.content, /you have no alert 2/);
  assert.match((await discord.command('alert remove', { id: 1 })).message.content, /Alert 1 .* is gone/);
  await assert.rejects(mop.api.get('/api/v1/alerts/1'), { status: 404 });
}));

test('one user cannot take all the room', () => withBot(async ({ discord, mop }) => {
  for (let i = 0; i < 50; i++) await mop.api.post('/api/v1/alerts', alertAt(`discord:444:${1000 + i}`));
  const refused = await discord.command('alert add', { kind: 'model' });
  assert.match(refused.message.content, /you have 50 alerts/);
  assert.match(titleOf(await discord.command('alert add', { kind: 'model' }, { userId: '555' })), /^Alert 51/);
}));

test('what fires is told once, together, and only who asked is called', () => withBot(async ({ discord, mop, turn }) => {
  await discord.command('alert add', { kind: 'move', threshold: 1 });
  await mop.fire(12);
  await turn();
  assert.deepEqual(discord.messages.map((m) => m.embeds.length), [10, 2]);
  const posts = discord.seen.filter((s) => s.path === '/channels/333/messages');
  assert.deepEqual(posts[0].body.allowed_mentions, { parse: [], users: ['444'] });
  assert.equal(posts[0].body.content, '<@444>');
  assert.deepEqual((await mop.api.get('/api/v1/firings?undelivered_to=discord')).firings, []);
  const [record] = (await mop.api.get('/api/v1/firings/12/deliveries')).deliveries;
  assert.deepEqual([record.channel, record.outcome, record.detail], ['discord', 'delivered', 'channel 333 message 8001']);
  await turn();
  assert.equal(discord.messages.length, 2);
}));

// The record of the k-th delivery is the last thing that is done before the end.
test('killed at any point it neither loses a firing nor tells one twice', async () => {
  const mop = await startApi(), discord = await startDiscord();
  const send = async (channel, body) => (await fetch(`${discord.url}/v10/channels/${channel}/messages`, { method: 'POST', headers: { authorization: `Bot ${TOKEN}`, 'content-type': 'application/json' }, body: JSON.stringify(body) })).json();
  await mop.api.post('/api/v1/alerts', alertAt('discord:444:333'));
  for (let k = 0, done = false; !done; k++) {
    const before = discord.messages.length;
    await mop.fire(7);
    let records = 0;
    const dying = Object.assign(Object.create(mop.api), { post: (path, body) => (records++ < k ? mop.api.post(path, body) : Promise.reject(new Error('killed'))) });
    await new Deliveries({ api: dying, send }).turn().then(() => (done = true), (error) => assert.equal(error.message, 'killed'));
    await new Deliveries({ api: mop.api, send }).turn();
    const told = discord.messages.slice(before).flatMap((m) => m.embeds.map(firingOf));
    assert.deepEqual(told, Array.from({ length: 7 }, (_, i) => 7 * k + i + 1), `killed after ${k} records`);
    assert.deepEqual((await mop.api.get('/api/v1/firings?undelivered_to=discord')).firings, []);
  }
  discord.close();
  await mop.close();
});

test('what fires between a kill and the next start is not swallowed by the same nonce', async () => {
  const discord = await startDiscord();
  const firings = [1, 2, 3].map((id) => ({ id, alert: 1, owner: 'discord:444:333', kind: 'price', symbol: 'BTCUSDT', timeframe: '1h', as_of_close_time: 999, at: 1000, text: `t${id}` }));
  const open = new Set([1, 2]);
  const api = {
    get: async (path) => (path.startsWith('/api/v1/firings') ? { firings: firings.filter((f) => open.has(f.id)), next_after: null } : { exchange_now: 2000 }),
    post: async (path) => {
      if (open.size === 2) throw new Error('killed');
      open.delete(Number(/firings\/(\d+)/.exec(path)[1]));
    },
  };
  const send = async (channel, body) => (await fetch(`${discord.url}/v10/channels/${channel}/messages`, { method: 'POST', headers: { authorization: `Bot ${TOKEN}` }, body: JSON.stringify(body) })).json();
  await assert.rejects(new Deliveries({ api, send }).turn(), /killed/);
  open.add(3);
  api.post = async (path) => open.delete(Number(/firings\/(\d+)/.exec(path)[1]));
  await new Deliveries({ api, send }).turn();
  assert.deepEqual(discord.messages.map((m) => m.embeds.map(firingOf)), [[1, 2], [3]]);
  assert.equal(open.size, 0);
  discord.close();
});

test('a reply that is lost costs no second message', () => withBot(async ({ discord, mop, turn }) => {
  await discord.command('alert add', { kind: 'move', threshold: 1 });
  discord.faults.push({ match: 'POST /channels', after: true, times: 1 });
  await mop.fire(3);
  await turn();
  await turn();
  assert.equal(discord.messages.length, 1);
  assert.deepEqual((await mop.api.get('/api/v1/firings?undelivered_to=discord')).firings, []);
}));

test('a channel that is gone is given up, the others are told', () => withBot(async ({ discord, mop, said, turn }) => {
  for (const channel of ['999', '333']) {
    await mop.api.post('/api/v1/alerts', alertAt(`discord:444:${channel}`));
    await mop.fire(1);
  }
  await turn();
  assert.deepEqual(discord.messages.map((m) => m.embeds.map(firingOf)), [[2]]);
  const [record] = (await mop.api.get('/api/v1/firings/1/deliveries')).deliveries;
  assert.deepEqual([record.outcome, record.detail], ['failed', '10003 Unknown Channel']);
  assert.match(said.at(-1).trouble, /channel 999/);
}));

test('alerts made elsewhere go to the channel that was named, and without one they stay', async () => {
  for (const channel of ['', '333']) {
    await withBot(async ({ discord, mop, turn }) => {
      await mop.api.post('/api/v1/alerts', alertAt('dashboard'));
      await mop.fire(1);
      await turn();
      assert.equal(discord.messages.length, channel ? 1 : 0);
      assert.equal((await mop.api.get('/api/v1/firings?undelivered_to=discord')).firings.length, channel ? 0 : 1);
    }, { request: { channel } });
  }
});

test('what is older than a day is not told any more, what is late says so', async () => {
  const bodies = [], records = [];
  const firing = (id, at) => ({ id, alert: 1, owner: 'discord:444:333', kind: 'price', symbol: 'BTCUSDT', timeframe: '1h', as_of_close_time: at, at, text: 'x' });
  const api = {
    get: async (path) => (path.startsWith('/api/v1/firings') ? { firings: [firing(1, 0), firing(2, 80_000_000), firing(3, 89_000_000)], next_after: null } : { exchange_now: 90_000_000 }),
    post: async (path, body) => records.push([path, body.outcome]),
  };
  await new Deliveries({ api, send: async (_, body) => (bodies.push(body), { id: '1', embeds: body.embeds }) }).turn();
  assert.deepEqual(records[0], ['/api/v1/firings/1/deliveries', 'failed']);
  assert.deepEqual(bodies.map((b) => b.embeds[0].title), ['(late) x', 'x']);
});

test('one channel that does not answer keeps no other waiting, and is asked again', async () => {
  const told = [], firing = (id, channel) => ({ id, alert: 1, owner: `discord:444:${channel}`, kind: 'price', symbol: 'BTCUSDT', timeframe: '1h', as_of_close_time: 1, at: 1, text: 'x' });
  const api = { get: async (path) => (path.startsWith('/api/v1/firings') ? { firings: [firing(1, 1), firing(2, 2)], next_after: null } : { exchange_now: 2 }), post: async () => {} };
  let busy = true;
  const send = async (channel, body) => {
    if (busy && channel === '1') throw new Error('HTTP 503');
    told.push(channel);
    return { id: '1', embeds: body.embeds };
  };
  const deliveries = new Deliveries({ api, send });
  await assert.rejects(deliveries.turn(), /503/);
  busy = false;
  await deliveries.turn();
  assert.deepEqual(told, ['2', '1', '2'], 'the record of 2 is not kept here');
});

test('a broken connection is resumed, an interaction that came twice is answered once, a late one is let go', () => withBot(async ({ discord, said }) => {
  for (const socket of discord.sockets) socket.close(4000);
  await discord.until(() => discord.resumed.length === 1);
  assert.equal(discord.identified.length, 1, 'no new session');
  await discord.command('status', {}, { late: true });
  const both = await discord.command('status', {}, { twice: true });
  assert.equal(titleOf(both), 'mop serve forecasts');
  assert.deepEqual(said.filter((line) => line.trouble), []);
}));

test('when mop serve is gone the bot says so and goes on', () => withBot(async ({ discord, said, turn }) => {
  assert.match((await discord.command('status')).message.content, /mop serve does not answer at http:\/\/127\.0\.0\.1:9/);
  await turn();
  assert.match(said.at(-1).trouble, /mop serve does not answer/);
}, { request: { api: 'http://127.0.0.1:9' } }));

test('a wrong token ends it, and no message shows it', async () => {
  for (const faults of [[], [{ match: 'GET /gateway', status: 401, body: { code: 0, message: '401: Unauthorized' }, times: 9 }]]) {
    await withBot(async ({ end, said }) => {
      const { kind, message } = await end;
      assert.equal(kind, 'refused');
      assert.match(message, /DISCORD_BOT_TOKEN/);
      assert.doesNotMatch(JSON.stringify([message, said]), /Wrong/);
    }, { options: { faults }, request: { token: 'MTExMTEx.Wrong.Token', ends: true } });
  }
});

test('a token that is revoked later ends it as well', () => withBot(async ({ discord, end }) => {
  for (const socket of discord.sockets) socket.close(4004);
  assert.deepEqual((await end).kind, 'refused');
}));

test('as a process it ends when whoever asked is gone', async () => {
  const mop = await startApi(), discord = await startDiscord();
  const edge = spawn(process.execPath, [EDGE], { stdio: ['pipe', 'pipe', 'inherit'] });
  edge.stdin.write(`${JSON.stringify({ token: TOKEN, api: mop.url, api_token: API_TOKEN, guild: '222', channel: '', discord: discord.url })}\n`);
  const [line] = await once(createInterface({ input: edge.stdout }), 'line');
  assert.deepEqual(JSON.parse(line), { ready: { user: 'mop', guilds: 1 } });
  assert.ok(discord.seen.some((s) => s.path === '/applications/111/guilds/222/commands'));
  edge.stdin.end();
  assert.deepEqual(await once(edge, 'exit'), [1, null]);
  discord.close();
  await mop.close();
});

test('prices keep the digits that matter, and no message is longer than Discord takes', () => {
  for (const [value, text] of [[109608.01, '109608.01'], [1.23456, '1.2346'], [0.0123456, '0.012346'], [1.234e-5, '0.00001234']]) assert.equal(price(value), text);
  const steps = Array.from({ length: 48 }, (_, i) => ({ step: i + 1, close_time: i, p_up: 0.5, quantiles: Object.fromEntries(['0.05', '0.25', '0.5', '0.75', '0.95'].map((l) => [l, 123456.789])) }));
  const { embeds: [embed] } = forecastMessage({ symbol: 'X'.repeat(300), timeframe: '1h', close: 1, as_of_close_time: 0, made_at: 0, seq: 1, champion: 'model', reason: 'r'.repeat(2000), steps, model: { id: 'm', age_s: null, expired: null, certificate_mark: null } });
  assert.ok(embed.title.length <= 256 && embed.description.length <= 4096 && embed.fields.every((f) => f.value.length <= 1024));
});

test('every body that was sent is as Discord\'s own description wants it', { skip: existsSync(SCHEMA) ? false : 'needs ../shared' }, () => {
  const spec = JSON.parse(readFileSync(SCHEMA));
  const ajv = new Ajv({ strict: false, allErrors: false, formats: { snowflake: /^\d+$/, int32: true, int64: true, double: true, nonce: true, uri: true, 'date-time': true } });
  ajv.addSchema({ $id: 'discord', components: spec.components });
  const routes = Object.keys(spec.paths).map((path) => ({ path, pattern: new RegExp(`^${path.replace(/\{[^}]+\}/g, '[^/]+')}$`) })).sort((a, b) => a.path.split('{').length - b.path.split('{').length);
  let checked = 0;
  for (const { method, path, body } of sent.filter((s) => s.body)) {
    const route = routes.find(({ pattern, path: p }) => pattern.test(path) && spec.paths[p][method.toLowerCase()]);
    const schema = route && spec.paths[route.path][method.toLowerCase()].requestBody?.content['application/json']?.schema;
    if (!schema) continue;
    const check = ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"discord#/')));
    assert.ok(check(body), `${method} ${path}: ${JSON.stringify(check.errors?.slice(0, 2))} in ${JSON.stringify(body).slice(0, 300)}`);
    checked++;
  }
  assert.ok(checked > 50, `${checked} bodies were checked`);
});
