// The Discord bot of `mop bot`: slash commands and alerts, in front of a running `mop serve`.
//
// Standard input: one line of JSON; when it is closed, nobody waits any more
//   {"token":"...","api":"http://127.0.0.1:8080","api_token":"","guild":"" or an id,"channel":"" or an id,"discord":"" or an address}
// Standard output, one JSON object a line:
//   {"ready":{"user":"mop","guilds":n}}
//   {"tick":{"answered":n,"delivered":n}}   every half minute
//   {"trouble":"..."}                       it goes on
//   {"error":{"kind":"refused|unavailable|unsupported","message"}}   the last line
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const LOOK_EVERY_MS = 5_000; // at what is to be told: a close is 15 minutes away from the next
const TICK_EVERY_MS = 30_000;
const LATE = new Set([10062, 40060]); // the three seconds are over, or it was answered already

/** Runs until what it resolves to: {kind, message}. `every` repeats work after so many milliseconds of rest. */
export async function runBot(request, say, every = repeat) {
  let discord;
  try {
    discord = await import('discord.js');
  } catch (error) {
    return { kind: 'unsupported', message: `discord.js is not installed; run: npm ci --prefix edges (${error.code ?? error.message})` };
  }
  const { Client, Events, GatewayIntentBits, Routes } = discord;
  const { Commands, COMMANDS } = await import('./commands.mjs');
  const { Deliveries } = await import('./deliveries.mjs');
  const { MopApi } = await import('./mop_api.mjs');

  const api = new MopApi(request.api, request.api_token);
  const client = new Client({ intents: [GatewayIntentBits.Guilds], ...(request.discord && { rest: { api: request.discord } }) });
  const commands = new Commands(api);
  const deliveries = new Deliveries({ api, channel: request.channel, say, send: (channel, body) => client.rest.post(Routes.channelMessages(channel), { body }) });
  const trouble = (error) => say({ trouble: String(error.message).replaceAll(request.token, '***').slice(0, 300) });
  let answered = 0;
  client.on(Events.InteractionCreate, async (interaction) => {
    try {
      if (interaction.isAutocomplete()) return await commands.complete(interaction);
      if (!interaction.isChatInputCommand()) return;
      await commands.run(interaction);
      answered++;
    } catch (error) {
      if (!LATE.has(error.code)) trouble(error);
    }
  });
  client.on(Events.Error, trouble);
  const over = new Promise((resolve) => {
    client.on(Events.Invalidated, () => resolve({ kind: 'unavailable', message: 'Discord ended the session' }));
    client.on(Events.ShardDisconnect, ({ code }) => resolve(code === 4004 ? badToken() : { kind: 'unavailable', message: `Discord closed the connection for good (code ${code})` }));
  });
  try {
    const ready = once(client, Events.ClientReady);
    await client.login(request.token);
    await Promise.race([ready, over]);
    await client.application.commands.set(COMMANDS, ...(request.guild ? [request.guild] : []));
  } catch (error) {
    client.destroy();
    return refusal(error, request);
  }
  await say({ ready: { user: client.user.tag, guilds: client.guilds.cache.size } });
  const stop = [every(LOOK_EVERY_MS, () => deliveries.turn().catch(trouble)),
    every(TICK_EVERY_MS, () => say({ tick: { answered, delivered: deliveries.delivered } }))];
  const end = await over;
  stop.forEach((ends) => ends());
  client.destroy();
  return end;
}

const badToken = () => ({ kind: 'refused', message: 'Discord does not accept DISCORD_BOT_TOKEN; make a new one at https://discord.com/developers/applications' });

function refusal(error, request) {
  if (error.code === 'TokenInvalid' || error.status === 401) return badToken();
  if (error.code === 50001 || error.status === 403) return { kind: 'refused', message: `Discord does not let the bot register commands${request.guild ? ` in server ${request.guild}` : ''}; invite it with the scopes bot and applications.commands` };
  return { kind: 'unavailable', message: `Discord cannot be reached: ${String(error.message).replaceAll(request.token, '***').slice(0, 200)}` };
}

/** Works at once and after each rest, never twice at a time. Returns what ends it. */
export function repeat(rest, work) {
  let timer, ended = false;
  const turn = async () => {
    await work();
    if (!ended) timer = setTimeout(turn, rest);
  };
  turn();
  return () => {
    ended = true;
    clearTimeout(timer);
  };
}

async function main() {
  const say = (object) => new Promise((resolve) => process.stdout.write(`${JSON.stringify(object)}\n`, resolve));
  const input = createInterface({ input: process.stdin });
  const [line] = await once(input, 'line');
  input.once('close', () => process.exit(1));
  await say({ error: await runBot(JSON.parse(line), say) });
  process.exit(0);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main();
