import { expect, test } from 'vitest';
import { bands, candleBars, fan } from '../src/chart/data';
import { closeAt, forecast } from './support';

const opens = (n: number) => (closeAt(n) + 1 - 3_600_000) / 1000;
const score = (step: number, inside: boolean) => ({
  symbol: 'BTCUSDT', timeframe: '1h' as const, seq: 1, as_of_close_time: closeAt(0), step, close: 100, high: 101, low: 99, z: 0, pinball: 0, pinball_static: 0,
  pinball_ewma: 0, pinball_har: 0, inside: { '50': null, '80': null, '90': inside, '95': null }, direction_right: null,
});

test('the fan begins in the close it was made at, under the candle of that close', () => {
  const points = fan(forecast(5));
  expect(points.map((point) => point.time)).toEqual([opens(5), opens(6), opens(7)]);
  expect(points[0]).toMatchObject({ median: 100, intervals: [[100, 100]] });
  expect(points[1]).toMatchObject({ median: 100.1, intervals: [[99.6, 100.5]] });
});

test('intervals that are not forecast are left out', () => {
  const steps = forecast(5).steps.map((step) => ({ ...step, quantiles: { '0.5': 100.1 } }));
  expect(fan(forecast(5, { steps }))[1]?.intervals).toEqual([]);
});

test('a band lies under the candle it speaks of, ascending, and says whether it held', () => {
  const past = [
    { forecast: forecast(6), hash: '', scores: [] },
    { forecast: forecast(5), hash: '', scores: [score(2, true), score(1, false)] },
  ];
  expect(bands(past)).toEqual([
    { time: opens(6), low: 98, high: 102, inside: false },
    { time: opens(7), low: 98, high: 102, inside: null },
  ]);
});

test('a candle stands at the second it opens', () => {
  expect(candleBars([{ open_time: 1000, open: 1, high: 4, low: 0.5, close: 2, volume: 9 }])).toEqual([{ time: 1, open: 1, high: 4, low: 0.5, close: 2 }]);
});
