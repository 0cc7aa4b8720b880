import { expect, test } from 'vitest';
import { closeTime, coin, duration, pValue, price, signed } from '../src/format';

test('prices have no exponent and the digits of their size', () => {
  expect([109608.01, 152.3, 2.5, 0.1234, 0.00000841, null].map(price)).toEqual(['109,608.01', '152.30', '2.5000', '0.123400', '0.00000841', '–']);
});
test('what rounds to nothing has no sign', () => {
  expect([0.004, -0.004, 0.21, -1.3, undefined].map((value) => signed(value))).toEqual(['0.00 %', '0.00 %', '+0.21 %', '−1.30 %', '–']);
});
test('a close time is the full minute after its last millisecond, UTC', () => {
  expect(closeTime(1_751_374_799_999)).toBe('2025-07-01 13:00');
  expect(closeTime(0)).toBe('–');
});
test('durations', () => {
  expect([7_000, 247_000, 12_000_000, 187_200_000].map(duration)).toEqual(['0:07', '4:07', '3 h 20 min', '2 d 4 h']);
});
test('coins and p', () => {
  expect([coin('PEPEUSDT'), coin('USDTX')]).toEqual(['PEPE', 'USDTX']);
  expect([0.0004, 0.004, 0.04, null].map(pValue)).toEqual(['p < 0.001', 'p = 0.004', 'p = 0.04', 'p unknown']);
});
