// What the bot says: plain objects of Discord's API, within its limits (an embed's title 256 characters, its
// description 4096, a field's value 1024).

const BLUE = 0x3366cc, GREY = 0x808080;
const COLOURS = { price: 0xd9a400, move: 0xd9a400, forecast: BLUE, p_up: BLUE, spike: 0xcc3333, outside_band: 0xcc3333, stale: GREY, model: GREY };
const SHOWN = ['0.05', '0.25', '0.5', '0.75', '0.95'];
const MOST_STEPS = 12;

const cut = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

/** Without an exponent, with as many digits as prices of that size have. */
export function price(value) {
  return value.toFixed(value >= 100 ? 2 : value >= 1 ? 4 : value >= 0.01 ? 6 : 8);
}
const percent = (share, digits = 1) => (share == null ? 'unknown' : `${(100 * share).toFixed(digits)} %`);
const signed = (value) => (value == null ? 'unknown' : `${value >= 0 ? '+' : ''}${value.toFixed(2)} %`);
/** "2025-07-01 13:00"; candles end a millisecond before. */
export const utc = (ms) => new Date(ms + 1).toISOString().slice(0, 16).replace('T', ' ');
const days = (seconds) => (seconds == null ? 'unknown' : `${(seconds / 86_400).toFixed(1)} days`);

/** Several lines of one width each column. */
function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) => row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]))).join('  ')).join('\n');
}

function skillLine(scores) {
  if (!scores || scores.n === 0) return 'no live forecast has been scored yet';
  return `${signed(scores.skill_vs_ewma_pct)} vs EWMA, ${signed(scores.skill_vs_har_pct)} vs HAR, 90 % interval held ${percent(scores.coverage['90'])}, direction ${percent(scores.direction_accuracy)} (${scores.n} forecasts)`;
}

export function forecastMessage(forecast, scores) {
  const head = ['closes (UTC)', '5 %', '25 %', 'median', '75 %', '95 %', 'P(up)'];
  const rows = forecast.steps.slice(0, MOST_STEPS).map((step) => [
    utc(step.close_time).slice(5), ...SHOWN.map((level) => (step.quantiles[level] === undefined ? '' : price(step.quantiles[level]))), percent(step.p_up, 0)]);
  const { model } = forecast;
  const by = forecast.champion === 'model' || forecast.champion === 'unified' ? model.id : forecast.champion.toUpperCase();
  const marks = [forecast.reason, model.expired && 'the model is too old', model.certificate_mark].filter(Boolean).join('; ');
  return {
    embeds: [{
      title: cut(`${forecast.symbol} ${forecast.timeframe}: ${price(forecast.close)} at ${utc(forecast.as_of_close_time)} UTC`, 256),
      color: BLUE,
      description: `\`\`\`\n${cut(table([head, ...rows]), 4000)}\n\`\`\``,
      fields: [
        { name: 'Forecast by', value: cut(`${by}${marks ? ` (${marks})` : ''}, trained ${days(model.age_s)} ago`, 1024) },
        { name: 'Live so far, one candle ahead', value: cut(skillLine(scores), 1024) },
      ],
      footer: { text: `row ${forecast.seq} of the ledger, written before the fact. Not financial advice` },
      timestamp: new Date(forecast.made_at).toISOString(),
    }],
  };
}

export function scoresMessage({ pooled }, series) {
  const head = ['', 'n', 'EWMA', 'HAR', '90 %', 'up/down'];
  const row = (s, name) => [name, String(s.n), ...(s.n === 0 ? ['', '', '', ''] : [signed(s.skill_vs_ewma_pct), signed(s.skill_vs_har_pct), percent(s.coverage['90']), percent(s.direction_accuracy)])];
  const rows = [...pooled.map((s) => row(s, `all ${s.timeframe}`)), ...series.map((s) => row(s, `${s.symbol} ${s.timeframe}`))];
  return {
    embeds: [{
      title: 'Live forecasts, one candle ahead',
      color: BLUE,
      description: `Pinball loss saved against two baselines (below zero the baseline was better), how often the 90 % interval held, and the direction.\n\`\`\`\n${cut(table([head, ...rows]), 3500)}\n\`\`\``,
    }],
  };
}

export function statusMessage(health) {
  const stale = health.stale_series.length;
  return {
    embeds: [{
      title: health.ready ? 'mop serve forecasts' : 'mop serve is starting',
      color: health.ready && health.stream === 'connected' && stale === 0 ? 0x2e8b57 : 0xcc3333,
      description: cut([`stream: ${health.stream}`, `forecasts since the start: ${health.forecasts}, missed: ${health.missed}`,
        `newest close: ${utc(health.last_close)} UTC, in the ledger after ${health.close_to_ledger_ms.toFixed(0)} ms`,
        stale === 0 ? 'no series is behind' : `behind: ${health.stale_series.join(', ')}`].join('\n'), 4000),
    }],
  };
}

/** "price of BTCUSDT 1h above 100000". */
export function alertText(spec) {
  const unit = { move: ' %', forecast: ' %', stale: ' candles' }[spec.kind] ?? '';
  const what = `${spec.kind.replaceAll('_', ' ')} of ${spec.symbol ?? 'every coin'} ${spec.timeframe ?? '15m and 1h'}`;
  const where = spec.threshold == null ? '' : ` ${spec.side ?? 'above'} ${spec.threshold}${unit}`;
  const over = spec.window > 1 ? ` over ${spec.window} candles` : spec.step > 1 ? ` ${spec.step} candles ahead` : '';
  return what + where + over + (spec.once ? ', once' : '') + (spec.enabled === false ? ' (off)' : '');
}

export function alertMadeMessage({ id, spec }, { forecasts, days: span, sent_per_day: perDay, judged, precision }) {
  const before = forecasts === 0 ? 'No forecast is in the ledger yet to say how often it would have come.'
    : `Over the last ${span.toFixed(0)} days it would have come ${perDay == null ? 'never' : `${perDay.toFixed(1)} times a day`}${judged > 0 ? `, and was right ${percent(precision, 0)} of ${judged} times` : ''}.`;
  return { embeds: [{ title: cut(`Alert ${id}: ${alertText(spec)}`, 256), color: COLOURS[spec.kind], description: before }] };
}

export function alertListMessage(alerts) {
  const lines = alerts.map(({ id, spec }) => `\`${id}\` ${alertText(spec)}`);
  return { embeds: [{ title: 'Your alerts in this channel', color: BLUE, description: lines.length === 0 ? 'None. `/alert add` makes one.' : cut(lines.join('\n'), 4096) }] };
}

/** The footer says which firing it is: that is read back from what Discord has. */
export function firingEmbed(firing, now) {
  const late = now - firing.at > 3_600_000 ? '(late) ' : '';
  return {
    title: cut(late + firing.text, 256), color: COLOURS[firing.kind] ?? GREY,
    footer: { text: `alert ${firing.alert} · firing ${firing.id}` }, timestamp: new Date(firing.as_of_close_time).toISOString(),
  };
}
export const firingOf = (embed) => Number(/ firing (\d+)$/.exec(embed.footer?.text ?? '')?.[1]);
