// What the dashboard knows: read once, then kept true by the events.
import { batch, computed, signal } from '@preact/signals';
import { ApiError, api, token, type AllScores, type Firing, type Forecast, type Health, type Score, type Series } from './api';
import type { ServerEvent } from './event_parser';
import { followEvents } from './events';

export type Connection = 'connecting' | 'live' | 'lost' | 'locked';

export const connection = signal<Connection>('connecting');
/** Why it is not live. */
export const trouble = signal('');
export const series = signal<Series[]>([]);
export const forecasts = signal<ReadonlyMap<string, Forecast>>(new Map());
export const scores = signal<AllScores | null>(null);
export const health = signal<Health | null>(null);
/** The newest alerts that were sent since the page was opened, newest first. */
export const told = signal<Firing[]>([]);
/** Grows when forecasts or scores of a series changed: "BTCUSDT 1h" -> how often. */
export const changes = signal<ReadonlyMap<string, number>>(new Map());
/** Grows when an alert fired. */
export const firingsSeen = signal(0);

export const keyOf = (it: { symbol: string; timeframe: string }) => `${it.symbol} ${it.timeframe}`;
export const loaded = computed(() => series.value.length > 0);

const KEPT_TOLD = 20;
const SCORES_AFTER_MS = 1500;   // a close scores all series: they are read once
const PRICES_EVERY_MS = 5000;   // of open candles
const LOAD_AGAIN_MS = 2000;

// The clock of the exchange: what it said, and when.
let exchangeAt = 0, heardAt = 0;
function hear(exchangeNow: number) {
  exchangeAt = exchangeNow;
  heardAt = performance.now();
}
/** What the exchange's clock shows now, as far as is known; 0: unknown. */
export const exchangeNow = () => (exchangeAt === 0 ? 0 : exchangeAt + (performance.now() - heardAt));

function touch(key: string) {
  const next = new Map(changes.value);
  next.set(key, (next.get(key) ?? 0) + 1);
  changes.value = next;
}

/** The rows of the series after a forecast was told: its close is the newest one. */
export function withForecast(rows: Series[], forecast: Forecast): Series[] {
  return rows.map((row) => (keyOf(row) !== keyOf(forecast) ? row : {
    ...row, close: forecast.close, last_close_time: forecast.as_of_close_time, stale: false, champion: forecast.champion,
    champion_reason: forecast.reason || row.champion_reason, forecast_as_of: forecast.as_of_close_time, forecast_seq: forecast.seq,
  }));
}

async function readSeries() {
  series.value = (await api.series()).series;
}
async function readScores() {
  scores.value = await api.scores();
}

/** Everything, anew. */
export async function load() {
  const [seriesList, forecastList, allScores, state] = await Promise.all([api.series(), api.forecasts(), api.scores(), api.health()]);
  batch(() => {
    series.value = seriesList.series;
    forecasts.value = new Map(forecastList.forecasts.map((forecast) => [keyOf(forecast), forecast]));
    scores.value = allScores;
    health.value = state;
    for (const one of seriesList.series) touch(keyOf(one));
  });
  hear(state.exchange_now);
}

let scoresTimer: ReturnType<typeof setTimeout> | undefined;
function readScoresSoon() {
  scoresTimer ??= setTimeout(() => {
    scoresTimer = undefined;
    Promise.all([readSeries(), readScores()]).catch(recover);
  }, SCORES_AFTER_MS);
}

function take(event: ServerEvent) {
  const data: unknown = JSON.parse(event.data);
  if (event.name === 'forecast') {
    const forecast = data as Forecast;
    batch(() => {
      forecasts.value = new Map(forecasts.value).set(keyOf(forecast), forecast);
      series.value = withForecast(series.value, forecast);
      touch(keyOf(forecast));
    });
  } else if (event.name === 'score') {
    touch(keyOf(data as Score));
    readScoresSoon();
  } else if (event.name === 'health') {
    health.value = data as Health;
    hear(health.value.exchange_now);
  } else if (event.name === 'alert') {
    told.value = [data as Firing, ...told.value].slice(0, KEPT_TOLD);
    firingsSeen.value++;
  } else if (event.name === 'reset') {
    void loadUntilDone();
  }
}

// A wrong or missing token ends it; anything else is tried again.
function fail(error: unknown) {
  batch(() => {
    trouble.value = error instanceof Error ? error.message : String(error);
    connection.value = error instanceof ApiError && error.status === 401 ? 'locked' : 'lost';
  });
  if (connection.value === 'locked') following?.abort();
}

let following: AbortController | undefined;
let streaming = false, loading = false, loadAgain = false;

// Live is who follows the events and has read all else after they began.
async function loadUntilDone() {
  loadAgain = true;
  if (loading) return;
  loading = true;
  while (loadAgain && !following?.signal.aborted) {
    loadAgain = false;
    try {
      await load();
      if (streaming) {
        connection.value = 'live';
        trouble.value = '';
      }
    } catch (error) {
      fail(error);
      loadAgain = true;
      await new Promise((resolve) => setTimeout(resolve, LOAD_AGAIN_MS));
    }
  }
  loading = false;
}
function recover(error: unknown) {
  fail(error);
  void loadUntilDone();
}

setInterval(() => {
  if (connection.value === 'live' && !document.hidden) readSeries().catch(recover);
}, PRICES_EVERY_MS);

/** Begins, or begins again with another token: loads, and follows what happens. */
export function start() {
  following?.abort();
  following = new AbortController();
  connection.value = 'connecting';
  void followEvents({
    open() {
      streaming = true;
      void loadUntilDone();
    },
    event: take,
    lost(why) {
      streaming = false;
      fail(why);
    },
  }, following.signal);
}
export const needsToken = computed(() => connection.value === 'locked');
export const hasToken = computed(() => token.value !== '');
