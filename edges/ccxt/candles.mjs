// Candles of any exchange that ccxt knows, for `mop fetch --source ccxt:<exchange>`.
//
// Standard input: one line of JSON; when it is closed before the end, nobody waits any more
//   {"exchange":"kucoin","symbol":"XMR/USDT","timeframe":"1h","since":<ms>,"until":<ms>,"url":"" or an address}
// Standard output, one JSON object a line:
//   {"rows":[[<open time, ms>,"open","high","low","close","volume"],...]}   ascending; as often as there are pages
//   {"done":true}                                                            the last line of a good end
//   {"error":{"kind":"not_found|rate_limited|unsupported|unavailable","message":"..."}}   the last line of a bad one
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const STEP = { '15m': 900_000, '1h': 3_600_000 };
const ATTEMPTS = 5;
const EMPTY_PAGES_END = 30; // pages without a row, one after the other, once there were rows: the coin ended

/** Plain decimal text of a number: the shortest digits that read back to it, without an exponent. */
export function decimalText(value) {
  const text = String(value);
  if (!/^\d+(\.\d+)?(e[+-]\d+)?$/.test(text)) throw new Error(`not a price or volume: ${text}`);
  const [digits, exponent] = text.split('e');
  if (exponent === undefined) return text;
  const [whole, fraction = ''] = digits.split('.');
  const power = Number(exponent);
  if (power < 0) return `0.${'0'.repeat(-power - whole.length)}${whole}${fraction}`;
  return whole + fraction.padEnd(power, '0');
}

/** Every plain address inside ccxt's description of an exchange's API becomes `url`. */
function pointedAt(api, url) {
  if (typeof api === 'string') return url;
  return Object.fromEntries(Object.entries(api).map(([key, value]) => [key, pointedAt(value, url)]));
}

async function open(request) {
  let ccxt;
  try {
    ({ default: ccxt } = await import('ccxt'));
  } catch (error) {
    throw Object.assign(new Error(`ccxt is not installed; run: npm ci --prefix edges (${error.code ?? error.message})`),
      { kind: 'unsupported' });
  }
  if (!ccxt.exchanges.includes(request.exchange)) {
    throw Object.assign(new Error(`ccxt knows no exchange '${request.exchange}'; kucoin, kraken, okx, bybit and gate have most coins`),
      { kind: 'not_found' });
  }
  const exchange = new ccxt[request.exchange]({ enableRateLimit: true, timeout: 20_000 });
  if (request.url) exchange.urls.api = pointedAt(exchange.urls.api, request.url);
  if (request.exchange === 'binance') exchange.options.fetchMarkets = { types: ['spot'] };
  // The usual proxy variables; ccxt reads none of them by itself.
  const proxy = process.env.HTTPS_PROXY ?? process.env.https_proxy;
  if (proxy && !request.url) exchange.httpsProxy = proxy;
  return { ccxt, exchange };
}

function kindOf(ccxt, error) {
  if (error.kind) return error.kind;
  if (!ccxt) return 'unavailable';
  if (error instanceof ccxt.RateLimitExceeded || error instanceof ccxt.DDoSProtection) return 'rate_limited';
  if (error instanceof ccxt.BadSymbol) return 'not_found';
  if (error instanceof ccxt.NotSupported || error instanceof ccxt.PermissionDenied) return 'unsupported';
  return 'unavailable';
}

async function retried(ccxt, work) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      const passes = error instanceof ccxt.NetworkError;
      if (!passes || attempt === ATTEMPTS) throw error;
      await new Promise((resolve) => setTimeout(resolve, 500 * 2 ** attempt * (0.5 + Math.random() / 2)));
    }
  }
}

/** Pages of candles (also empty ones: a sign of life) from `since` on, each ascending and behind the one before; ccxt's own paging loses old rows. */
export async function* pages(ccxt, exchange, { symbol, timeframe, since, until }, pageSize = 500) {
  const step = STEP[timeframe];
  let next = Math.ceil(since / step) * step;
  let any = false;
  let empty = 0;
  while (next + step <= until && empty < EMPTY_PAGES_END) {
    const params = { until: Math.min(until, next + pageSize * step) - 1 };
    const got = await retried(ccxt, () => exchange.fetchOHLCV(symbol, timeframe, next, pageSize, params));
    const rows = got.filter((r) => r[0] >= next && r[0] + step <= until && r[0] % step === 0 && r[4] != null)
      .sort((a, b) => a[0] - b[0])
      .filter((r, i, all) => i === 0 || r[0] !== all[i - 1][0]);
    any ||= rows.length > 0;
    empty = any && rows.length === 0 ? empty + 1 : 0;
    const behind = rows.length === 0 ? next + pageSize * step : rows.at(-1)[0] + step;
    yield rows.map(([time, ...numbers]) => [time, ...numbers.slice(0, 5).map(decimalText)]);
    next = behind;
  }
}

async function main() {
  const say = (object) => new Promise((resolve) => process.stdout.write(`${JSON.stringify(object)}\n`, resolve));
  let ccxt;
  try {
    const input = createInterface({ input: process.stdin });
    const [line] = await once(input, 'line');
    input.once('close', () => process.exit(1));
    const request = JSON.parse(line);
    if (!STEP[request.timeframe]) throw Object.assign(new Error(`timeframe must be 15m or 1h, was ${request.timeframe}`), { kind: 'unsupported' });
    const opened = await open(request);
    ccxt = opened.ccxt;
    await retried(ccxt, () => opened.exchange.loadMarkets());
    if (!opened.exchange.markets[request.symbol]) {
      throw Object.assign(new Error(`${request.exchange} does not trade ${request.symbol}`), { kind: 'not_found' });
    }
    for await (const rows of pages(ccxt, opened.exchange, request)) await say({ rows });
    await say({ done: true });
  } catch (error) {
    await say({ error: { kind: kindOf(ccxt, error), message: `ccxt: ${String(error.message).slice(0, 400)}` } });
  }
  process.exit(0);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main();
