import { expect, test } from 'vitest';
import { KINDS, emptyDraft, record, sentence, wishOf } from '../src/alert_kinds';

const spec = (wish: object) => ({ owner: '', note: '', cooldown_s: 3600, daily_budget: 3, once: false, enabled: true, side: null, window: null, step: null, quiet_hours: null, ...wish }) as Parameters<typeof sentence>[0];

test('only the fields that a kind has are sent', () => {
  expect(wishOf(emptyDraft('outside_band', 'BTCUSDT'))).toEqual({ kind: 'outside_band', symbol: null, timeframe: null });
  expect(wishOf({ ...emptyDraft('price', 'BTCUSDT'), threshold: '100000' })).toEqual({ kind: 'price', symbol: 'BTCUSDT', timeframe: '1h', side: 'above', threshold: 100000 });
  expect(wishOf({ ...emptyDraft('move', ''), candles: '4' })).toEqual({ kind: 'move', symbol: null, timeframe: null, side: 'either', threshold: 3, window: 4 });
});

test('shares are typed in percent and sent as shares, exactly', () => {
  expect(wishOf(emptyDraft('p_up', ''))).toMatchObject({ threshold: 0.56, step: 1 });
  expect(wishOf({ ...emptyDraft('spike', ''), threshold: '99.9' }).threshold).toBe(0.999);
});

test('every kind reads as a sentence', () => {
  expect(sentence(spec({ kind: 'price', symbol: 'BTCUSDT', timeframe: '1h', side: 'above', threshold: 100000 }))).toBe('BTC, 1h: price above 100000');
  expect(sentence(spec({ kind: 'p_up', side: 'below', threshold: 0.44, step: 3 }))).toBe('Every coin, 15m and 1h: probability of a rise below 44 % 3 candles ahead');
  expect(sentence(spec({ kind: 'spike', threshold: 0.95 }))).toBe('Every coin, 15m and 1h: unusual range expected wider than 95 % of forecasts');
  expect(sentence(spec({ kind: 'move', side: 'either', threshold: 3, window: 4 }))).toBe('Every coin, 15m and 1h: move either way, 3 % over 4 candles');
  for (const { kind } of KINDS) expect(sentence(spec({ kind, threshold: null }))).not.toContain('null');
});

test('a record says how often it would have come, and how often it was right', () => {
  const score = { forecasts: 500, first_close_time: 1, last_close_time: 2, days: 20.83, sent: 12, sent_per_day: 0.576, judged: 10, right: 6, precision: 0.6 };
  expect(record(score)).toBe('Over the last 20.8 days of forecasts it would have come 12 times (0.6 a day), and was right in 60 % of 10.');
  expect(record({ ...score, sent: 0, judged: 0 })).toBe('Over the last 20.8 days of forecasts it would have come never.');
  expect(record({ ...score, forecasts: 0 })).toContain('No forecast is in the ledger yet');
});
