import type { Scores } from '../api';
import { verdict } from '../verdict';

const MARKS = { none: '', few: '', better: 'good', level: '', worse: 'bad', baseline: 'warned' };

export function VerdictLine({ scores }: { scores: Scores | null | undefined }) {
  const { standing, text } = verdict(scores);
  return <p class={`verdict ${MARKS[standing]}`} data-standing={standing}>{text}</p>;
}
