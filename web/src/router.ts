// Pages by the address behind #: "#/series/BTCUSDT/1h". The server knows one page.
import { effect, signal } from '@preact/signals';
import { coin } from './format';

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

/** What the browser's tab is called. */
export function titleOf(page: Page): string {
  if (page.name === 'series') return `${coin(page.symbol)} ${page.timeframe} · MOP`;
  return page.name === 'forecasts' ? 'MOP' : `${page.name[0]?.toUpperCase()}${page.name.slice(1)} · MOP`;
}

const read = (): Page => {
  try {
    return parsePage(location.hash);
  } catch {
    return { name: 'forecasts' };  // a % that is no escape
  }
};
export const page = signal<Page>(read());
effect(() => {
  document.title = titleOf(page.value);
});
addEventListener('hashchange', () => {
  page.value = read();
  scrollTo(0, 0);
});
