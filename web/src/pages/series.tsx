import { useEffect, useState } from 'preact/hooks';
import { api, type Forecast, type Missed, type PastForecast, type TrackRecord } from '../api';
import { PriceChartView } from '../chart/price_chart';
import { TIMEFRAMES, closeTime, coin, isBaseline, percent, price, shortTime } from '../format';
import { useAsked } from '../parts/ask';
import { CoverageTable } from '../parts/bars';
import { Champion } from '../parts/champion';
import { ScoreTiles } from '../parts/tiles';
import { VerdictLine } from '../parts/verdict_line';
import { seriesAddress } from '../router';
import { changes, forecasts, keyOf, series } from '../state';

const CANDLES = 300, PAGE = 100;
const LEVELS = ['0.05', '0.25', '0.5', '0.75', '0.95'];

function StepTable({ forecast }: { forecast: Forecast }) {
  return (
    <div class="scroll">
      <table aria-label="The next closes">
        <thead><tr><th class="w">closes</th><th>5 %</th><th>25 %</th><th>median</th><th>75 %</th><th>95 %</th><th>P(up)</th></tr></thead>
        <tbody>
          {forecast.steps.map((step) => (
            <tr key={step.step}>
              <td class="w">{shortTime(step.close_time)}</td>
              {LEVELS.map((level) => <td key={level}>{price(level === '0.5' ? step.median : step.quantiles[level])}</td>)}
              <td>{percent(step.p_up)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

type Entry = { at: number } & ({ past: PastForecast } | { missed: Missed });

/** Forecasts and missed closes of a page. */
function entriesOf(page: TrackRecord): Entry[] {
  return [
    ...page.forecasts.map((past) => ({ at: past.forecast.as_of_close_time, past })),
    ...page.missed.map((missed) => ({ at: missed.as_of_close_time, missed })),
  ];
}

interface Known {
  entries: ReadonlyMap<number, Entry>;
  /** Where the page behind the oldest one begins; null: there is none; undefined: nothing was read yet. */
  next: number | null | undefined;
}
/** What is known after a page was read: the newest one again (scores have come), or the one behind the oldest. */
export function withPage(known: Known, page: TrackRecord, isOlder: boolean): Known {
  const entries = new Map(known.entries);
  for (const entry of entriesOf(page)) entries.set(entry.at, entry);
  return { entries, next: isOlder || known.next === undefined ? page.next_before : known.next };
}
const newestFirst = (entries: ReadonlyMap<number, Entry>) => [...entries.values()].sort((a, b) => b.at - a.at);

function outcome(past: PastForecast) {
  const score = past.scores.find((one) => one.step === 1);
  if (!score) return <td class="w" colSpan={3}><small>its candle has not closed</small></td>;
  const right = score.direction_right;
  return (
    <>
      <td>{price(score.close)}</td>
      <td class={`w ${score.inside['90'] === false ? 'bad' : ''}`}>{score.inside['90'] === null ? '–' : score.inside['90'] ? 'inside' : 'outside'}</td>
      <td class="w">{right === null ? <small>hardly moved</small> : right ? 'right' : <span class="bad">wrong</span>}</td>
    </>
  );
}

function Record({ entries, more }: { entries: readonly Entry[]; more: (() => void) | null }) {
  return (
    <>
      <div class="scroll">
        <table aria-label="Track record">
          <thead><tr><th class="w">made at</th><th class="w">by</th><th>90 % low</th><th>median</th><th>90 % high</th><th>closed at</th><th class="w">interval</th><th class="w">direction</th><th class="w">ledger</th></tr></thead>
          <tbody>
            {entries.map((entry) => {
              if ('missed' in entry) {
                return <tr key={entry.at} class="missed"><td class="w">{closeTime(entry.at)}</td><td class="w wrap" colSpan={8}>missed: {entry.missed.reason}</td></tr>;
              }
              const { forecast, hash } = entry.past, step = forecast.steps[0];
              return (
                <tr key={entry.at}>
                  <td class="w">{closeTime(entry.at)}</td>
                  <td class="w"><Champion name={forecast.champion} reason={forecast.reason} /></td>
                  <td>{price(step?.quantiles['0.05'])}</td><td>{price(step?.median)}</td><td>{price(step?.quantiles['0.95'])}</td>
                  {outcome(entry.past)}
                  <td class="w"><code title={`Row ${forecast.seq}, SHA-256 ${hash}`}>{forecast.seq}·{hash.slice(0, 8)}</code></td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      {more && <p><button type="button" onClick={more}>Older ones</button></p>}
    </>
  );
}

function Header({ symbol, timeframe }: { symbol: string; timeframe: string }) {
  return (
    <div class="tools">
      <h1>{coin(symbol)} <small>{timeframe}</small></h1>
      <span class="switch">
        {TIMEFRAMES.map((one) => <a key={one} href={seriesAddress(symbol, one)} aria-current={one === timeframe ? 'page' : undefined}>{one}</a>)}
      </span>
    </div>
  );
}

function Lead({ forecast }: { forecast: Forecast }) {
  const { model } = forecast;
  return (
    <p class="lead">
      Close {price(forecast.close)} at {closeTime(forecast.as_of_close_time)}. Forecast by the <Champion name={forecast.champion} reason={forecast.reason} />
      {isBaseline(forecast.champion) ? ` instead of a model${forecast.reason ? `: ${forecast.reason}` : ''}.` : ` ${model.id}${model.trained_until ? `, which learnt until ${closeTime(model.trained_until)}` : ''}.`}
      {forecast.expected_log_range !== null && ` The next candle’s high should be about ${(100 * Math.expm1(forecast.expected_log_range)).toFixed(2)} % above its low.`}
    </p>
  );
}

const NO_PAST: readonly PastForecast[] = [];

export function SeriesPage({ symbol, timeframe }: { symbol: string; timeframe: string }) {
  const key = keyOf({ symbol, timeframe });
  const row = series.value.find((one) => keyOf(one) === key);
  const forecast = forecasts.value.get(key);
  const changed = changes.value.get(key) ?? 0;
  const candles = useAsked(() => api.candles(symbol, timeframe, CANDLES), [changed]);
  const record = useAsked(() => api.trackRecord(symbol, timeframe, PAGE), [changed]);
  const [known, setKnown] = useState<Known>({ entries: new Map(), next: undefined });
  const [refused, setRefused] = useState('');
  useEffect(() => {
    if (record.value) setKnown((before) => withPage(before, record.value as TrackRecord, false));
  }, [record.value]);
  if (!row) return <p class="none">{symbol} {timeframe} is not served. <a href="#/">These are.</a></p>;
  const { next } = known;
  const more = next == null ? null : () => {
    api.trackRecord(symbol, timeframe, PAGE, next).then((page) => setKnown((before) => withPage(before, page, true)), (error: Error) => setRefused(error.message));
  };
  const scores = record.value?.scores;
  const problem = candles.error || record.error || refused;
  return (
    <>
      <Header symbol={symbol} timeframe={timeframe} />
      {forecast ? <Lead forecast={forecast} /> : <p class="lead">No forecast yet: one is made at every close. {row.champion_reason}</p>}
      {row.stale && <p class="warning">No candles came since {closeTime(row.last_close_time)}.</p>}
      {problem && <p class="bad">{problem}</p>}
      {candles.value && (
        <PriceChartView candles={candles.value.candles} now={row.last_price} forecast={forecast} past={record.value?.forecasts ?? NO_PAST}
          label={`Candles of ${symbol} ${timeframe}, its forecasts of the past and the newest one`} />
      )}
      {forecast && <StepTable forecast={forecast} />}
      <h2>How its forecasts turned out</h2>
      <VerdictLine scores={scores} />
      {scores && scores.n > 0 && <><ScoreTiles scores={scores} /><CoverageTable scores={scores} /></>}
      {known.entries.size > 0 && <Record entries={newestFirst(known.entries)} more={more} />}
    </>
  );
}
