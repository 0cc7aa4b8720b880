// Small pictures in tables: where an interval lies, how much skill there is, whether intervals hold.
import type { Scores, Step } from '../api';
import { percent, signed } from '../format';
import { expectedRange } from '../verdict';

const share = (value: number) => `${(100 * value).toFixed(2)}%`;

/** Percent of the close that a price of the step is away from it; null when that level is not forecast. */
export function distance(step: Step, level: string, close: number): number | null {
  const price = step.quantiles[level];
  return price === undefined ? null : 100 * (price / close - 1);
}

/** The 50 and 90 % intervals and the median of a step around its close; `most` percent fill half of the width. */
export function IntervalBar({ step, close, most }: { step: Step; close: number; most: number }) {
  const at = (pct: number) => 0.5 + 0.5 * Math.max(-1, Math.min(1, pct / most));
  const [low, quarter, threeQuarters, high] = ['0.05', '0.25', '0.75', '0.95'].map((level) => distance(step, level, close));
  const median = 100 * (step.median / close - 1);
  const band = (name: string, from: number | null | undefined, to: number | null | undefined) =>
    from != null && to != null && <i class={name} style={{ left: share(at(from)), width: share(at(to) - at(from)) }} />;
  const text = low != null && high != null ? `90 % between ${signed(low)} and ${signed(high)}, median ${signed(median)}` : `median ${signed(median)}`;
  return (
    <span class="interval" role="img" aria-label={text} title={text}>
      <i class="zero" />
      {band('wide', low, high)}
      {band('narrow', quarter, threeQuarters)}
      <i class="median" style={{ left: share(at(median)) }} />
    </span>
  );
}

/** A skill in percent as a bar to the right (better) or left of the middle; `most` percent fill half of the width. */
export function SkillBar({ pct, most }: { pct: number | null; most: number }) {
  if (pct == null) return <span class="skill" />;
  const half = 0.5 * Math.min(1, Math.abs(pct) / most);
  return (
    <span class="skill" aria-hidden="true">
      <i class={pct >= 0 ? 'over' : 'under'} style={{ left: share(pct >= 0 ? 0.5 : 0.5 - half), width: share(half) }} />
    </span>
  );
}

const SHARES = ['50', '80', '90', '95'] as const;

/**
 * What the central intervals state beside what came of them, with the range that chance leaves to an honest one. Of all coins
 * together there is none: they move together, so how many forecasts speak independently is not known.
 */
export function CoverageTable({ scores, pooled = false }: { scores: Scores; pooled?: boolean }) {
  return (
    <table class="coverage">
      <thead><tr><th class="w">interval</th><th>held</th>{!pooled && <th>an honest one</th>}<th class="w" /></tr></thead>
      <tbody>
        {SHARES.map((name) => {
          const stated = Number(name) / 100, held = scores.coverage[name];
          const [from, to] = pooled ? [stated - 0.005, stated + 0.005] : expectedRange(stated, scores.n);
          return (
            <tr key={name}>
              <td class="w">{name} %</td>
              <td class={!pooled && held != null && (held < from || held > to) ? 'bad' : ''}>{percent(held)}</td>
              {!pooled && <td>{percent(from, 0)} to {percent(to, 0)}</td>}
              <td class="w">
                <span class="gauge" aria-hidden="true">
                  <i class="range" style={{ left: share(from), width: share(to - from) }} />
                  {held != null && <i class="mark" style={{ left: share(held) }} />}
                </span>
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
