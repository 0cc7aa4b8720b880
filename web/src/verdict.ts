// What the scores say, in one sentence that claims no more than they show.
import type { Scores } from './api';
import { championName, isBaseline, pValue } from './format';

export type Standing = 'none' | 'few' | 'better' | 'level' | 'worse' | 'baseline';
export interface Verdict {
  standing: Standing;
  text: string;
}

/** Fewer scored forecasts say nothing. */
export const FEW = 100;
const SIGNIFICANCE = 0.05;

export function verdict(scores: Scores | null | undefined): Verdict {
  if (!scores || scores.n === 0) return { standing: 'none', text: 'No live forecast has been scored yet.' };
  const { n, skill_vs_har_pct: har, dm_p_vs_har: p } = scores;
  if (isBaseline(scores.champion)) {
    return { standing: 'baseline', text: `A baseline forecasts here: ${championName(scores.champion)}. There is no better model at hand.` };
  }
  if (har == null || n < FEW) return { standing: 'few', text: `${n} forecast${n === 1 ? '' : 's'} scored: too few to say whether it beats HAR, the baseline to beat.` };
  const by = `${Math.abs(har).toFixed(2)} %`, basis = `over ${n.toLocaleString('en-US')} forecasts (${pValue(p)})`;
  const ewma = scores.skill_vs_ewma_pct;
  const also = ewma != null && ewma < 0 ? ` EWMA did better still, by ${Math.abs(ewma).toFixed(2)} %.` : '';
  if (p == null || p >= SIGNIFICANCE) {
    return { standing: 'level', text: `Not to be told from HAR, the baseline to beat: its loss is ${by} ${har >= 0 ? 'lower' : 'higher'} ${basis}.${also}` };
  }
  return har > 0 ? { standing: also ? 'level' : 'better', text: `Better than HAR, the baseline to beat: its loss is ${by} lower ${basis}.${also}` }
    : { standing: 'worse', text: `Worse than HAR by ${by} ${basis}: a baseline knows more.${also}` };
}

/** The interval of 95 % that an honest share would be found in after n forecasts (Wilson). */
export function expectedRange(share: number, n: number): [number, number] {
  const z = 1.96, z2 = z * z;
  const middle = (share + z2 / (2 * n)) / (1 + z2 / n);
  const half = (z / (1 + z2 / n)) * Math.sqrt((share * (1 - share)) / n + z2 / (4 * n * n));
  return [middle - half, middle + half];
}
