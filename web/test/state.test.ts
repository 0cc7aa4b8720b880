import { afterEach, expect, test, vi } from 'vitest';
import { closeAt, forecast, series } from './support';

vi.stubGlobal('sessionStorage', { getItem: () => null, setItem: () => undefined, removeItem: () => undefined });
vi.stubGlobal('location', { hash: '' });
vi.stubGlobal('document', {});
vi.stubGlobal('addEventListener', () => undefined);
vi.useFakeTimers();
const { connection, forecasts, loaded, start, trouble, withForecast } = await import('../src/state');
const { parsePage, titleOf } = await import('../src/router');
const { withPage } = await import('../src/pages/series');
const { sorted } = await import('../src/parts/table');

// A service that refuses `refusals` readings, and whose events never come; `asked` grows.
function service(refusals: number, refusal: Response, asked: string[] = []) {
  const answers: Record<string, unknown> = {
    series: { series: [series()] }, forecasts: { forecasts: [forecast(3)] }, scores: { pooled: [], series: [] }, 'health/ready': { exchange_now: closeAt(3), stream: 'connected' },
  };
  vi.stubGlobal('fetch', async (address: string) => {
    const path = address.replace('/api/v1/', '');
    asked.push(path);
    if (path === 'events') return new Response(new ReadableStream());
    return path === 'health/ready' && refusals-- > 0 ? refusal.clone() : Response.json(answers[path]);
  });
  return asked;
}
afterEach(() => vi.clearAllTimers());

test('a service that is not ready yet is asked until it is', async () => {
  service(3, Response.json({ error: { code: 'not_ready', message: 'models are being loaded' } }, { status: 503 }));
  start();
  await vi.advanceTimersByTimeAsync(4000);
  expect([connection.value, trouble.value, loaded.value]).toEqual(['lost', 'models are being loaded', false]);
  await vi.advanceTimersByTimeAsync(2000);
  expect([connection.value, trouble.value, loaded.value]).toEqual(['live', '', true]);
  expect(forecasts.value.get('BTCUSDT 1h')).toEqual(forecast(3));
});

test('without the right token nothing more is asked', async () => {
  const asked = service(100, Response.json({ error: { code: 'unauthorized', message: 'the token is wrong' } }, { status: 401 }));
  start();
  await vi.advanceTimersByTimeAsync(0);
  expect([connection.value, trouble.value]).toEqual(['locked', 'the token is wrong']);
  const before = asked.length;
  await vi.advanceTimersByTimeAsync(120_000);
  expect(asked).toHaveLength(before);
});

test('a forecast is the newest close of its series, and of no other', () => {
  const other = series({ symbol: 'ETHUSDT' });
  expect(withForecast([series(), other], forecast(3, { close: 101 }))).toEqual([
    series({ close: 101, last_close_time: closeAt(3), stale: false, champion: 'model', champion_reason: 'no model', forecast_as_of: closeAt(3), forecast_seq: 4 }), other,
  ]);
});

test('addresses', () => {
  expect(parsePage('')).toEqual({ name: 'forecasts' });
  expect(parsePage('#/scores')).toEqual({ name: 'scores' });
  expect(parsePage('#/series/BTCUSDT/15m')).toEqual({ name: 'series', symbol: 'BTCUSDT', timeframe: '15m' });
  expect(parsePage('#/series/BTCUSDT')).toEqual({ name: 'forecasts' });
  expect(['', '#/scores', '#/series/BTCUSDT/15m'].map((hash) => titleOf(parsePage(hash)))).toEqual(['MOP', 'Scores · MOP', 'BTC 15m · MOP']);
});

test('pages of a track record come together without holes or doubles', () => {
  const page = (from: number, to: number, next: number | null) => ({
    symbol: 'BTCUSDT', timeframe: '1h' as const, scores: {} as never, missed: [{ as_of_close_time: closeAt(to) - 1, noted_at: 0, reason: 'late' }], next_before: next,
    forecasts: Array.from({ length: to - from + 1 }, (_, i) => ({ forecast: forecast(to - i), hash: '', scores: [] })),
  });
  let known: Parameters<typeof withPage>[0] = { entries: new Map(), next: undefined };
  known = withPage(known, page(5, 9, closeAt(5)), false);
  known = withPage(known, page(0, 4, null), true);
  known = withPage(known, page(7, 11, closeAt(7)), false);  // two closes later
  expect([...known.entries.keys()].filter((at) => (at + 1) % 3_600_000 === 0).sort()).toEqual(Array.from({ length: 12 }, (_, n) => closeAt(n)));
  expect(known.next).toBeNull();
});

test('rows are sorted with the unknown ones last, both ways', () => {
  const rows = [{ x: 2 }, { x: null }, { x: 3 }, { x: 1 }];
  expect(sorted(rows, (row) => row.x, true).map((row) => row.x)).toEqual([3, 2, 1, null]);
  expect(sorted(rows, (row) => row.x, false).map((row) => row.x)).toEqual([1, 2, 3, null]);
});
