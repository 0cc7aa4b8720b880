// Pages by the address behind #: "#/series/BTCUSDT/1h". The server knows one page.
import { signal } from '@preact/signals';

export type Page =
  | { name: 'forecasts' | 'scores' | 'alerts' | 'health' }
  | { name: 'series'; symbol: string; timeframe: string };

export function parsePage(hash: string): Page {
  const [name, symbol, timeframe] = hash.replace(/^#\/?/, '').split('/').map(decodeURIComponent);
  if (name === 'scores' || name === 'alerts' || name === 'health') return { name };
  if (name === 'series' && symbol && timeframe) return { name, symbol, timeframe };
  return { name: 'forecasts' };
}

export const seriesAddress = (symbol: string, timeframe: string) => `#/series/${symbol}/${timeframe}`;

const read = (): Page => {
  try {
    return parsePage(location.hash);
  } catch {
    return { name: 'forecasts' };  // a % that is no escape
  }
};
export const page = signal<Page>(read());
addEventListener('hashchange', () => {
  page.value = read();
  scrollTo(0, 0);
});
