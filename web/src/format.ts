// Numbers and times as text. Times are UTC everywhere in MOP.

const MINUTE = 60_000;
export const TIMEFRAMES = ['15m', '1h'] as const;
export const LENGTH_MS: Record<string, number> = { '15m': 15 * MINUTE, '1h': 60 * MINUTE };
export const UNKNOWN = '–';

/** Decimals that prices of this size are shown with. */
export function decimals(price: number): number {
  return price >= 100 ? 2 : price >= 1 ? 4 : price >= 0.01 ? 6 : 8;
}
/** Without an exponent: "109,608.01", "0.00000841". */
export function price(value: number | null | undefined): string {
  if (value == null) return UNKNOWN;
  const digits = decimals(value);
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
/** A share of 0..1: "54.0 %". */
export function percent(share: number | null | undefined, digits = 1): string {
  return share == null ? UNKNOWN : `${(100 * share).toFixed(digits)} %`;
}
/** "+0.21 %", "−1.30 %"; what rounds to nothing has no sign. */
export function signed(pct: number | null | undefined, digits = 2): string {
  if (pct == null) return UNKNOWN;
  const text = Math.abs(pct).toFixed(digits);
  const sign = Number(text) === 0 ? '' : pct > 0 ? '+' : '−';
  return `${sign}${text} %`;
}
export function pValue(p: number | null | undefined): string {
  if (p == null) return 'p unknown';
  return p < 0.001 ? 'p < 0.001' : `p = ${p.toFixed(p < 0.01 ? 3 : 2)}`;
}

const iso = (ms: number) => new Date(ms).toISOString();
/** "2025-07-01 13:00" of a close time: candles end a millisecond before. */
export const closeTime = (ms: number | null | undefined) => (ms ? iso(ms + 1).slice(0, 16).replace('T', ' ') : UNKNOWN);
/** "07-01 13:00". */
export const shortTime = (ms: number) => closeTime(ms).slice(5);
/** "13:00:07". */
export const clock = (ms: number) => iso(ms).slice(11, 19);

/** "2 d 4 h", "3 h 20 min", "4:07". */
export function duration(ms: number): string {
  const minutes = Math.floor(ms / MINUTE), hours = Math.floor(minutes / 60), days = Math.floor(hours / 24);
  if (days > 0) return `${days} d ${hours % 24} h`;
  if (hours > 0) return `${hours} h ${minutes % 60} min`;
  return `${minutes}:${String(Math.floor(ms / 1000) % 60).padStart(2, '0')}`;
}

/** "BTC" of BTCUSDT. */
export const coin = (symbol: string) => symbol.replace(/USDT$/, '');

const NAMES: Record<string, string> = { model: 'own model', unified: 'unified model', ewma: 'EWMA', har: 'HAR', mixed: 'several' };
export const championName = (champion: string) => NAMES[champion] ?? (champion || 'nobody yet');
export const isBaseline = (champion: string) => champion === 'ewma' || champion === 'har';
