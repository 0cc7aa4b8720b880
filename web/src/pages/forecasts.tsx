import { useState } from 'preact/hooks';
import type { Forecast, Series } from '../api';
import { closeTime, coin, percent, price, signed } from '../format';
import { IntervalBar, distance } from '../parts/bars';
import { Champion } from '../parts/champion';
import { SortedTable, type Column } from '../parts/table';
import { TimeframeSwitch, timeframe } from '../parts/timeframe_switch';
import { VerdictLine } from '../parts/verdict_line';
import { seriesAddress } from '../router';
import { forecasts, keyOf, scores, series } from '../state';
import { FEW } from '../verdict';

interface Row {
  series: Series;
  forecast: Forecast | undefined;
}

/** Half of the widest 90 % interval of the next candle, percent of the close. */
function widest(rows: readonly Row[]): number {
  const reach = rows.flatMap(({ forecast }) => {
    const step = forecast?.steps[0];
    return step ? ['0.05', '0.95'].map((level) => Math.abs(distance(step, level, forecast.close) ?? 0)) : [];
  });
  return Math.max(0.01, ...reach);
}

const medianMove = ({ forecast }: Row) => {
  const step = forecast?.steps[0];
  return step ? 100 * (step.median / forecast.close - 1) : null;
};
const range = ({ forecast }: Row) => (forecast?.expected_log_range == null ? null : 100 * Math.expm1(forecast.expected_log_range));

function columns(most: number): Column<Row>[] {
  return [
    {
      title: 'Coin', left: true, by: (row) => row.series.symbol,
      cell: ({ series: one }) => (
        <>
          <a href={seriesAddress(one.symbol, one.timeframe)}><b>{coin(one.symbol)}</b></a>
          {one.stale && <small class="bad">no candles since {closeTime(one.last_close_time)}</small>}
        </>
      ),
    },
    { title: 'Now', explained: 'Price of the open candle', cell: ({ series: one }) => price(one.last_price ?? one.close) },
    { title: 'Forecast at', explained: 'Close it was made at', cell: ({ series: one, forecast }) => (forecast ? price(forecast.close) : price(one.close)) },
    {
      title: 'Next close', explained: 'The 50 and 90 % intervals and the median of the next close, around the last one', left: true,
      cell: ({ forecast }) => (forecast?.steps[0] ? <IntervalBar step={forecast.steps[0]} close={forecast.close} most={most} /> : <small>no forecast yet</small>),
    },
    { title: 'Median', explained: 'Of the next close, from the last one', by: medianMove, cell: (row) => signed(medianMove(row), 3) },
    { title: 'P(up)', explained: 'Probability that the next close is higher', by: ({ forecast }) => forecast?.steps[0]?.p_up, cell: ({ forecast }) => percent(forecast?.steps[0]?.p_up) },
    { title: 'Range', explained: 'How far the next candle’s high should be above its low', by: range, cell: (row) => (range(row) == null ? '–' : `${range(row)?.toFixed(2)} %`) },
    { title: 'Forecast by', left: true, by: ({ series: one }) => one.champion, cell: ({ series: one }) => <Champion name={one.champion} reason={one.champion_reason} /> },
    {
      title: 'Live vs HAR', explained: 'Loss saved against the baseline HAR by the newest 500 live forecasts that are scored',
      by: ({ series: one }) => one.scores?.skill_vs_har_pct,
      cell: ({ series: one }) => (
        <span class={one.scores && one.scores.n >= FEW && (one.scores.skill_vs_har_pct ?? 0) < 0 ? 'bad' : ''}>{signed(one.scores?.skill_vs_har_pct)} <small>{one.scores?.n ? `of ${one.scores.n}` : ''}</small></span>
      ),
    },
  ];
}

export function ForecastsPage() {
  const [wanted, setWanted] = useState('');
  const rows = series.value
    .filter((one) => one.timeframe === timeframe.value)
    .map((one) => ({ series: one, forecast: forecasts.value.get(keyOf(one)) }));
  const shown = rows.filter((row) => row.series.symbol.includes(wanted.trim().toUpperCase()));
  const pooled = scores.value?.pooled.find((one) => one.timeframe === timeframe.value);
  return (
    <>
      <h1>The next close of {rows.length} coins</h1>
      <VerdictLine scores={pooled} />
      <div class="tools">
        <TimeframeSwitch />
        <label>Coin <input type="search" name="coin" placeholder="BTC" value={wanted} onInput={(event) => setWanted(event.currentTarget.value)} /></label>
      </div>
      {shown.length === 0
        ? <p class="none">{rows.length === 0 ? `No ${timeframe.value} series is served.` : `No coin is called ${wanted}.`}</p>
        : <SortedTable rows={shown} columns={columns(widest(rows))} keyOf={(row) => keyOf(row.series)} label="Forecasts" />}
    </>
  );
}
