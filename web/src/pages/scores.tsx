import type { Scores } from '../api';
import { coin, percent, pValue, signed } from '../format';
import { CoverageTable, SkillBar } from '../parts/bars';
import { Champion } from '../parts/champion';
import { SortedTable, type Column } from '../parts/table';
import { ScoreTiles } from '../parts/tiles';
import { TimeframeSwitch, timeframe } from '../parts/timeframe_switch';
import { VerdictLine } from '../parts/verdict_line';
import { seriesAddress } from '../router';
import { keyOf, scores } from '../state';
import { FEW } from '../verdict';

const skillColumn = (name: string, of: (row: Scores) => number | null, most: number): Column<Scores> => ({
  title: `vs ${name}`, explained: `Loss saved against ${name}; below zero the baseline was better`, by: of,
  cell: (row) => <span class="with-bar"><span class={row.n >= FEW && (of(row) ?? 0) < 0 ? 'bad' : ''}>{signed(of(row))}</span><SkillBar pct={of(row)} most={most} /></span>,
});

function columns(rows: readonly Scores[]): Column<Scores>[] {
  const most = Math.max(1, ...rows.flatMap((row) => [Math.abs(row.skill_vs_ewma_pct ?? 0), Math.abs(row.skill_vs_har_pct ?? 0)]));
  return [
    { title: 'Coin', left: true, by: (row) => row.symbol, cell: (row) => <a href={seriesAddress(row.symbol, row.timeframe)}><b>{coin(row.symbol)}</b></a> },
    { title: 'Scored', by: (row) => row.n, cell: (row) => row.n },
    { title: 'By', left: true, by: (row) => row.champion, cell: (row) => <Champion name={row.champion} reason="" /> },
    skillColumn('EWMA', (row) => row.skill_vs_ewma_pct, most),
    skillColumn('HAR', (row) => row.skill_vs_har_pct, most),
    { title: 'p vs HAR', explained: 'Diebold-Mariano, two-sided: how often chance alone gives such a difference', by: (row) => row.dm_p_vs_har, cell: (row) => (row.dm_p_vs_har == null ? '–' : pValue(row.dm_p_vs_har).replace(/^p = /, '')) },
    { title: '90 % held', explained: 'Closes inside the 90 % interval', by: (row) => row.coverage['90'], cell: (row) => percent(row.coverage['90']) },
    {
      title: 'Direction', explained: 'Moves of more than two ticks whose direction was right, with the interval of 95 %', by: (row) => row.direction_accuracy,
      cell: (row) => <>{percent(row.direction_accuracy)} <small>{row.direction_accuracy == null ? '' : `${percent(row.direction_ci95[0], 0)} to ${percent(row.direction_ci95[1], 0)}`}</small></>,
    },
    { title: 'MAE ratio', explained: 'Error of the median over that of “the next close is this one”', by: (row) => row.mae_ratio, cell: (row) => row.mae_ratio?.toFixed(4) ?? '–' },
  ];
}

export function ScoresPage() {
  const pooled = scores.value?.pooled.find((one) => one.timeframe === timeframe.value);
  const rows = (scores.value?.series ?? []).filter((one) => one.timeframe === timeframe.value);
  return (
    <>
      <h1>How the live forecasts turned out</h1>
      <p class="lead">
        Each was written down before its candle closed, and scored afterwards: the newest 500 of every series, one candle ahead.
        Loss is the mean pinball loss of all quantiles; HAR and EWMA are baselines that forecast the spread from past moves alone.
      </p>
      <div class="tools"><TimeframeSwitch /></div>
      {pooled && pooled.n > 0 ? (
        <section class="card">
          <h2>All coins together</h2>
          <VerdictLine scores={pooled} />
          <ScoreTiles scores={pooled} />
          <CoverageTable scores={pooled} pooled />
        </section>
      ) : <p class="none">No {timeframe.value} forecast has been scored yet: the first ones are when the next candle closes.</p>}
      {rows.length > 0 && <SortedTable rows={rows} columns={columns(rows)} keyOf={keyOf} label="Scores" />}
    </>
  );
}
