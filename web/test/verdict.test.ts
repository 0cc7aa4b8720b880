import { expect, test } from 'vitest';
import { FEW, expectedRange, verdict } from '../src/verdict';
import { scores } from './support';

test('nothing is claimed without scores, and nothing of few', () => {
  expect(verdict(null).standing).toBe('none');
  expect(verdict(scores({ n: 0 })).standing).toBe('none');
  expect(verdict(scores({ n: FEW - 1 }))).toEqual({ standing: 'few', text: '99 forecasts scored: too few to say whether it beats HAR, the baseline to beat.' });
});

test('better and worse need a small p', () => {
  expect(verdict(scores())).toEqual({ standing: 'better', text: 'Better than HAR, the baseline to beat: its loss is 1.82 % lower over 500 forecasts (p = 0.01).' });
  expect(verdict(scores({ dm_p_vs_har: 0.2 })).standing).toBe('level');
  expect(verdict(scores({ dm_p_vs_har: null })).standing).toBe('level');
  expect(verdict(scores({ skill_vs_har_pct: -1.2, dm_p_vs_har: 0.0004 })).text).toBe('Worse than HAR by 1.20 % over 500 forecasts (p < 0.001): a baseline knows more.');
});

test('EWMA is named where it was better, and then nothing is better', () => {
  const said = verdict(scores({ skill_vs_ewma_pct: -0.4 }));
  expect(said.standing).toBe('level');
  expect(said.text).toContain('EWMA did better still, by 0.40 %.');
});

test('a baseline that forecasts is not compared with itself', () => {
  expect(verdict(scores({ champion: 'har', skill_vs_har_pct: 0 })).standing).toBe('baseline');
});

// Wilson's interval by hand: p 0.9, n 100, z 1.96 is (0.9 + 0.019208 -+ 1.96 sqrt(0.0009 + 0.00009604)) / 1.038416.
test('an honest share strays by Wilson’s interval', () => {
  const [from, to] = expectedRange(0.9, 100);
  expect(from).toBeCloseTo(0.82563, 4);
  expect(to).toBeCloseTo(0.94477, 4);
});
