import type { Scores } from '../api';
import { percent, signed } from '../format';

function Tile({ value, children }: { value: string; children: string }) {
  return <div class="tile"><b>{value}</b><span>{children}</span></div>;
}

/** The figures of live scores, each with what it means. */
export function ScoreTiles({ scores }: { scores: Scores }) {
  const [low, high] = scores.direction_ci95;
  return (
    <div class="tiles">
      <Tile value={scores.n.toLocaleString('en-US')}>forecasts scored, one candle ahead</Tile>
      <Tile value={signed(scores.skill_vs_ewma_pct)}>loss saved against EWMA</Tile>
      <Tile value={signed(scores.skill_vs_har_pct)}>loss saved against HAR</Tile>
      <Tile value={percent(scores.coverage['90'])}>of closes inside the 90 % interval</Tile>
      <Tile value={percent(scores.direction_accuracy)}>{`direction right${low == null || high == null ? '' : ` (95 %: ${percent(low)} to ${percent(high)})`}`}</Tile>
      <Tile value={scores.mae_ratio == null ? '–' : scores.mae_ratio.toFixed(4)}>error of the median over that of “the next close is this one”</Tile>
    </div>
  );
}
