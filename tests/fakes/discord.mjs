// Discord on loopback, as far as a bot with slash commands needs it: REST, the gateway over a WebSocket, interactions. It
// knows one token and holds to the limits that the official client does not check. Used by edges/discord/bot.test.mjs, and by
// hand:   node discord.mjs    prints its address, then every request
import { once } from 'node:events';
import http from 'node:http';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const { WebSocketServer } = createRequire(new URL('../../edges/package.json', import.meta.url))('ws');
const APPLICATION = '111', GUILD = '222';
export const TOKEN = 'MTExMTEx.Fake.Token'; // begins with the application's id in base 64, as tokens do

const user = (id) => ({ id, username: `u${id}`, discriminator: '0', avatar: null });
const BOT = { ...user(APPLICATION), username: 'mop', bot: true };

/** channels: ids that can be written to. faults: [{match: 'POST /channels', status, body, headers, times}] answer instead. */
export async function startDiscord({ channels = ['333'], faults = [], log } = {}) {
  const seen = [], messages = [], replies = new Map(), sockets = new Set(), identified = [], resumed = [];
  let commands = [], interactions = 0, sequence = 0, url = '', changed = () => {};
  const note = () => changed();
  /** Waits until check() is true; looked at after every request and gateway message. */
  const until = (check) => new Promise((resolve) => {
    changed = () => check() && resolve();
    changed();
  });

  const refuse = (status, code, message) => Object.assign(new Error(message), { status, body: { code, message } });
  const limits = (body) => {
    const embeds = body.embeds ?? [];
    const size = embeds.reduce((sum, e) => sum + [e.title, e.description, e.footer?.text, ...(e.fields ?? []).flatMap((f) => [f.name, f.value])].join('').length, 0);
    const wrong = (body.content ?? '').length > 2000 || embeds.length > 10 || size > 6000
      || embeds.some((e) => (e.title ?? '').length > 256 || (e.description ?? '').length > 4096 || (e.fields ?? []).length > 25 || (e.fields ?? []).some((f) => !f.name || !f.value || f.value.length > 1024));
    if (wrong) throw refuse(400, 50035, 'Invalid Form Body');
    if (!body.content && embeds.length === 0) throw refuse(400, 50006, 'Cannot send an empty message');
  };
  const message = (id, channel, body) => ({ id, channel_id: channel, author: BOT, content: body.content ?? '', embeds: (body.embeds ?? []).map((e) => ({ type: 'rich', ...e })), nonce: body.nonce,
    timestamp: new Date(0).toISOString(), edited_timestamp: null, tts: false, mention_everyone: false, mentions: [], mention_roles: [], attachments: [], pinned: false, type: 0 });

  const answer = (method, path, query, body, token) => {
    let m;
    if ((m = /^\/interactions\/(\d+)\/(\w+)\/callback$/.exec(path))) {
      const reply = replies.get(m[2]);
      if (!reply || reply.late) throw refuse(404, 10062, 'Unknown interaction');
      if (reply.callback) throw refuse(400, 40060, 'Interaction has already been acknowledged.');
      if (body.type === 8 && body.data.choices.length > 25) throw refuse(400, 50035, 'Invalid Form Body');
      reply.callback = body;
      return query.get('with_response') === 'true' ? { interaction: { id: m[1], type: 2 }, resource: { type: body.type } } : null;
    }
    if ((m = /^\/webhooks\/111\/(\w+)\/messages\/@original$/.exec(path)) && method === 'PATCH') {
      const reply = replies.get(m[1]);
      if (reply?.callback?.type !== 5) throw refuse(404, 10015, 'Unknown Webhook');
      limits(body);
      reply.message = body;
      return message('7001', '333', body);
    }
    if (token !== `Bot ${TOKEN}`) throw refuse(401, 0, '401: Unauthorized');
    if (path === '/gateway/bot') return { url: url.replace('http', 'ws'), shards: 1, session_start_limit: { total: 1000, remaining: 999, reset_after: 0, max_concurrency: 1 } };
    if (/^\/applications\/111\/(guilds\/222\/)?commands$/.test(path) && method === 'PUT') {
      for (const c of body) if (!/^[-_\p{L}\p{N}]{1,32}$/u.test(c.name) || (c.description ?? '').length > 100 || JSON.stringify(c).length > 8000) throw refuse(400, 50035, 'Invalid Form Body');
      commands = body.map((c, i) => ({ ...c, id: String(900 + i), application_id: APPLICATION, version: '1', default_member_permissions: null }));
      return commands;
    }
    if ((m = /^\/channels\/(\d+)\/messages$/.exec(path)) && method === 'POST') {
      if (!channels.includes(m[1])) throw refuse(404, 10003, 'Unknown Channel');
      limits(body);
      const first = body.enforce_nonce && messages.find((known) => known.channel_id === m[1] && known.nonce === body.nonce);
      if (first) return first;
      messages.push(message(String(8000 + messages.length), m[1], body));
      return messages.at(-1);
    }
    throw refuse(404, 0, '404: Not Found');
  };

  const server = http.createServer(async (request, reply) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const [path, query] = [decodeURIComponent(request.url.split('?')[0]), new URLSearchParams(request.url.split('?')[1])];
    const route = path.replace(/^\/api\/v10/, ''), text = Buffer.concat(chunks).toString();
    // A message with files is multipart; this bot sends none, but the client wraps edits so.
    const body = /^multipart/.test(request.headers['content-type'] ?? '') ? JSON.parse(/name="payload_json"\r\n\r\n(.*)\r\n/.exec(text)[1]) : text && JSON.parse(text);
    seen.push({ method: request.method, path: route, body });
    log?.(`${request.method} ${route}`);
    const headers = { 'content-type': 'application/json', 'x-ratelimit-limit': '50', 'x-ratelimit-remaining': '49', 'x-ratelimit-reset-after': '1.000', 'x-ratelimit-bucket': 'b' };
    reply.once('close', note);
    const fault = faults.find((f) => f.times > 0 && `${request.method} ${route}`.startsWith(f.match));
    if (fault) fault.times--;
    try {
      if (fault?.drop) return request.socket.destroy();
      if (fault && !fault.after) throw Object.assign(new Error(), { status: fault.status, body: fault.body, headers: fault.headers });
      const document = answer(request.method, route, query, body, request.headers.authorization);
      if (fault) return request.socket.destroy(); // it happened, and nobody hears of it
      if (document === null) return reply.writeHead(204).end();
      reply.writeHead(200, headers).end(JSON.stringify(document));
    } catch (error) {
      if (!error.status) throw error;
      reply.writeHead(error.status, { ...headers, ...error.headers }).end(JSON.stringify(error.body));
    }
  });
  const gateway = new WebSocketServer({ server });
  const dispatch = (socket, t, d) => socket.send(JSON.stringify({ op: 0, t, s: ++sequence, d }));
  gateway.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.send(JSON.stringify({ op: 10, d: { heartbeat_interval: 41_250 }, s: null, t: null }));
    socket.on('message', (data) => {
      const { op, d } = JSON.parse(data);
      if (op === 1) socket.send(JSON.stringify({ op: 11, d: null, s: null, t: null }));
      if (op === 2) {
        identified.push(d);
        if (d.token !== TOKEN) return socket.close(4004, 'Authentication failed.');
        dispatch(socket, 'READY', { v: 10, user: BOT, guilds: [{ id: GUILD, unavailable: true }], session_id: 'session', resume_gateway_url: url.replace('http', 'ws'), shard: [0, 1], application: { id: APPLICATION, flags: 0 } });
        dispatch(socket, 'GUILD_CREATE', { id: GUILD, name: 'g', owner_id: '444', channels: [{ id: '333', type: 0, name: 'general', position: 0, permission_overwrites: [] }], roles: [{ id: GUILD, name: '@everyone', permissions: '8', position: 0, color: 0, hoist: false, managed: false, mentionable: false }],
          members: [], threads: [], emojis: [], stickers: [], features: [], presences: [], voice_states: [], stage_instances: [], guild_scheduled_events: [], joined_at: new Date(0).toISOString(), large: false, unavailable: false, member_count: 1, verification_level: 0, default_message_notifications: 0, explicit_content_filter: 0,
          mfa_level: 0, premium_tier: 0, preferred_locale: 'en-US', nsfw_level: 0, system_channel_flags: 0 });
      }
      if (op === 6) {
        resumed.push(d);
        dispatch(socket, 'RESUMED', {});
      }
      note();
    });
  });

  const interact = (type, data, { userId = '444', channelId = '333', late = false, twice = false } = {}) => {
    const id = String(5000 + ++interactions), token = `tok${interactions}`;
    replies.set(token, { late });
    const payload = { id, application_id: APPLICATION, type, token, version: 1, guild_id: GUILD, channel_id: channelId, channel: { id: channelId, type: 0 }, locale: 'en-US', guild_locale: 'en-US', app_permissions: '8', entitlements: [],
      authorizing_integration_owners: { 0: GUILD }, context: 0, attachment_size_limit: 10485760, member: { user: user(userId), roles: [], permissions: '8', joined_at: new Date(0).toISOString(), deaf: false, mute: false }, data };
    for (const socket of sockets) for (let i = 0; i < (twice ? 2 : 1); i++) dispatch(socket, 'INTERACTION_CREATE', payload);
    return token;
  };
  const optionsOf = (values) => Object.entries(values).map(([name, value]) => ({ name, value, type: typeof value === 'string' ? 3 : typeof value === 'boolean' ? 5 : Number.isInteger(value) && !/threshold/.test(name) ? 4 : 10 }));

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${server.address().port}`;
  log?.(url);
  return {
    url: `${url}/api`, seen, messages, faults, sockets, identified, resumed, until,
    get commands() { return commands; },
    /** A user's slash command: "alert add" with {kind: ...}. Resolves to what the bot answered in the end. */
    async command(line, values = {}, who = {}) {
      const [name, sub] = line.split(' ');
      const options = sub ? [{ type: 1, name: sub, options: optionsOf(values) }] : optionsOf(values);
      const token = interact(2, { id: commands.find((c) => c.name === name).id, name, type: 1, options }, who);
      const asked = () => seen.filter((s) => s.path.includes(`/${token}/callback`)).length;
      await until(() => (replies.get(token).message || who.late) && asked() === (who.twice ? 2 : 1));
      return replies.get(token);
    },
    /** What it offers for a coin that is half typed. */
    async complete(name, typed) {
      const token = interact(4, { id: '900', name, type: 1, options: [{ name: 'coin', type: 3, value: typed, focused: true }] });
      await until(() => replies.get(token).callback);
      return replies.get(token).callback.data.choices.map((choice) => choice.value);
    },
    close() {
      for (const socket of sockets) socket.terminate();
      server.closeAllConnections();
      server.close();
    },
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await startDiscord({ log: (line) => console.log(line) });
