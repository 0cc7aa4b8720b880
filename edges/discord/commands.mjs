// The slash commands: what they are called, and what they do. Every one asks `mop serve`; nothing is kept here.
import { ApplicationCommandOptionType as Option, MessageFlags } from 'discord.js';

import { alertListMessage, alertMadeMessage, alertText, forecastMessage, scoresMessage, statusMessage } from './messages.mjs';
import { destinationOf } from './deliveries.mjs';
import { ApiFault } from './mop_api.mjs';

const MOST_ALERTS = 50; // of one user, over all channels
const choices = (...names) => names.map((name) => ({ name, value: name }));
const TIMEFRAME = { type: Option.String, name: 'timeframe', description: 'Of its candles', choices: choices('15m', '1h') };
const COIN = { type: Option.String, name: 'coin', description: 'Which coin, e.g. BTCUSDT', autocomplete: true };
const KINDS = [
  ['price: the close crosses a price', 'price'], ['move: the close moved by so many percent', 'move'],
  ['forecast: the median is so many percent away', 'forecast'], ['p_up: the probability of a higher close', 'p_up'],
  ['spike: a range as wide as few before', 'spike'], ['outside_band: it left the 90 % interval', 'outside_band'],
  ['stale: so many candles did not come', 'stale'], ['model: a baseline had to step in', 'model'],
].map(([name, value]) => ({ name, value }));

export const COMMANDS = [
  { name: 'forecast', description: 'The next candles of a coin, as a distribution', options: [{ ...COIN, required: true }, TIMEFRAME] },
  { name: 'scores', description: 'How the live forecasts did against the baselines', options: [COIN] },
  { name: 'status', description: 'Whether candles and forecasts are up to date' },
  {
    name: 'alert', description: 'Be told in this channel when something happens',
    options: [
      {
        type: Option.Subcommand, name: 'add', description: 'Make an alert',
        options: [
          { type: Option.String, name: 'kind', description: 'What to watch', required: true, choices: KINDS }, COIN, TIMEFRAME,
          { type: Option.Number, name: 'threshold', description: 'A price, percent, probability, rank from 0 to 1, or candles' },
          { type: Option.String, name: 'side', description: 'Of the threshold', choices: choices('above', 'below', 'either') },
          { type: Option.Integer, name: 'window', description: 'Candles a move is measured over', min_value: 1, max_value: 96 },
          { type: Option.Integer, name: 'step', description: 'Candles ahead', min_value: 1, max_value: 48 },
          { type: Option.Integer, name: 'cooldown_minutes', description: 'Between two, per coin and timeframe [60]', min_value: 0, max_value: 43200 },
          { type: Option.Boolean, name: 'once', description: 'Only the first time' },
        ],
      },
      { type: Option.Subcommand, name: 'list', description: 'Your alerts in this channel' },
      { type: Option.Subcommand, name: 'remove', description: 'Remove one of your alerts', options: [{ type: Option.Integer, name: 'id', description: 'Its number', required: true, min_value: 1 }] },
    ],
  },
];

const ownerOf = (interaction) => `discord:${interaction.user.id}:${interaction.channelId}`;
const coinOf = (interaction) => interaction.options.getString('coin')?.trim().toUpperCase() ?? null;

export class Commands {
  constructor(api) {
    this.api = api;
  }

  /** The 25 coins that fit what was typed so far. */
  async complete(interaction) {
    const typed = interaction.options.getFocused().trim().toUpperCase();
    const { series } = await this.api.get('/api/v1/series');
    const coins = [...new Set(series.map((s) => s.symbol))].filter((symbol) => symbol.includes(typed));
    await interaction.respond(coins.slice(0, 25).map((name) => ({ name, value: name })));
  }

  /** Answers within Discord's three seconds that it works on it, then with what it found or why not. */
  async run(interaction) {
    const quiet = interaction.commandName === 'alert' || interaction.commandName === 'status';
    await interaction.deferReply(quiet ? { flags: MessageFlags.Ephemeral } : {});
    let message;
    try {
      message = await this.#answer(interaction);
    } catch (error) {
      if (!(error instanceof ApiFault)) throw error;
      message = { content: error.message.slice(0, 1900) };
    }
    await interaction.editReply({ ...message, allowedMentions: { parse: [] } });
  }

  #answer(interaction) {
    const name = interaction.commandName;
    if (name === 'forecast') return this.#forecast(coinOf(interaction), interaction.options.getString('timeframe') ?? '1h');
    if (name === 'scores') return this.#scores(coinOf(interaction));
    if (name === 'status') return this.api.get('/api/v1/health/ready').then(statusMessage);
    const alert = { add: () => this.#add(interaction), list: () => this.#list(interaction), remove: () => this.#remove(interaction) };
    return alert[interaction.options.getSubcommand()]();
  }

  async #forecast(coin, timeframe) {
    const [forecast, { series }] = await Promise.all([
      this.api.get(`/api/v1/series/${encodeURIComponent(coin)}/${timeframe}/forecast`), this.api.get('/api/v1/series')]);
    return forecastMessage(forecast, series.find((s) => s.symbol === coin && s.timeframe === timeframe)?.scores);
  }

  async #scores(coin) {
    const scores = await this.api.get('/api/v1/scores');
    const own = scores.series.filter((s) => s.symbol === coin);
    if (coin && own.length === 0) throw new ApiFault(404, `${coin} is not served; /forecast completes the names of those that are`);
    return scoresMessage(scores, own);
  }

  async #add(interaction) {
    const { options } = interaction;
    let own = 0;
    for await (const alert of this.api.all('/api/v1/alerts', 'alerts')) own += destinationOf(alert.spec.owner)?.user === interaction.user.id;
    if (own >= MOST_ALERTS) throw new ApiFault(409, `you have ${own} alerts, ${MOST_ALERTS} is the most; /alert remove makes room`);
    const minutes = options.getInteger('cooldown_minutes');
    const given = {
      kind: options.getString('kind'), symbol: coinOf(interaction), timeframe: options.getString('timeframe'), threshold: options.getNumber('threshold'),
      side: options.getString('side'), window: options.getInteger('window'), step: options.getInteger('step'),
      cooldown_s: minutes === null ? null : 60 * minutes, once: options.getBoolean('once'),
    };
    const spec = { owner: ownerOf(interaction), ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null)) };
    const { back_score: before } = await this.api.post('/api/v1/alerts/preview', spec);
    return alertMadeMessage(await this.api.post('/api/v1/alerts', spec), before);
  }

  async #list(interaction) {
    const alerts = [];
    for await (const alert of this.api.all(`/api/v1/alerts?owner=${encodeURIComponent(ownerOf(interaction))}`, 'alerts')) alerts.push(alert);
    return alertListMessage(alerts);
  }

  /** Of another channel as well, but nobody else's. */
  async #remove(interaction) {
    const id = interaction.options.getInteger('id');
    const nobodys = new ApiFault(404, `you have no alert ${id}; /alert list shows those of a channel`);
    const alert = await this.api.get(`/api/v1/alerts/${id}`).catch((error) => {
      throw error.status === 404 ? nobodys : error;
    });
    if (destinationOf(alert.spec.owner)?.user !== interaction.user.id) throw nobodys;
    await this.api.delete(`/api/v1/alerts/${id}`);
    return { content: `Alert ${id} (${alertText(alert.spec)}) is gone.` };
  }
}
