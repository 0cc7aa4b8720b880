// What the dashboard asks of `mop serve`. Types come from api/openapi.yaml (npm run types).
import { signal } from '@preact/signals';
import type { components } from './api_types';

type Schemas = components['schemas'];
export type Series = Schemas['Series'];
export type Forecast = Schemas['Forecast'];
export type Step = Schemas['Step'];
export type Score = Schemas['Score'];
export type Scores = Schemas['Scores'];
export type AllScores = Schemas['AllScores'];
export type Candle = Schemas['Candles']['candles'][number];
export type TrackRecord = Schemas['TrackRecord'];
export type PastForecast = TrackRecord['forecasts'][number];
export type Missed = TrackRecord['missed'][number];
export type Health = Schemas['Health'];
export type Model = Schemas['Models']['models'][number];
export type Alert = Schemas['Alert'];
export type AlertKind = Schemas['AlertKind'];
export type AlertPreview = Schemas['AlertPreview'];
export type BackScore = Schemas['BackScore'];
export type Firing = Schemas['Firing'];
export type Timeframe = Schemas['Timeframe'];
/** An alert as it is asked for: what is left out gets its default. */
export type AlertWish = Partial<Schemas['AlertSpec']> & { kind: AlertKind };

/** A refusal in the service's own words, or why it could not be asked (status 0). */
export class ApiError extends Error {
  constructor(readonly status: number, readonly code: string, message: string) {
    super(message);
  }
}

const TOKEN = 'mop-token';

/** MOP_API_TOKEN, where one is needed. Kept as long as the browser's tab is. */
export const token = signal(sessionStorage.getItem(TOKEN) ?? '');
export function setToken(value: string) {
  token.value = value;
  if (value) sessionStorage.setItem(TOKEN, value);
  else sessionStorage.removeItem(TOKEN);
}

export function headers(): Record<string, string> {
  return token.value ? { Authorization: `Bearer ${token.value}` } : {};
}

/** The refusal that a reply with an error status states. */
export async function refusalOf(reply: Response): Promise<ApiError> {
  const said = await reply.json().catch(() => null) as Schemas['Error'] | null;
  return new ApiError(reply.status, said?.error?.code ?? 'unknown', said?.error?.message ?? `mop serve answered ${reply.status}`);
}

async function ask<T>(path: string, method = 'GET', body?: unknown): Promise<T> {
  const init: RequestInit = { method, headers: headers() };
  if (body !== undefined) init.body = JSON.stringify(body);
  const reply = await fetch(`/api/v1/${path}`, init).catch(() => {
    throw new ApiError(0, 'unreachable', 'mop serve does not answer; is it still running?');
  });
  if (!reply.ok) throw await refusalOf(reply);
  return await reply.json() as T;
}

const of = (symbol: string, timeframe: string) => `series/${encodeURIComponent(symbol)}/${encodeURIComponent(timeframe)}`;

export const api = {
  series: () => ask<Schemas['SeriesList']>('series'),
  forecasts: () => ask<Schemas['ForecastList']>('forecasts'),
  candles: (symbol: string, timeframe: string, limit: number) => ask<Schemas['Candles']>(`${of(symbol, timeframe)}/candles?limit=${limit}`),
  trackRecord: (symbol: string, timeframe: string, limit: number, before?: number) =>
    ask<TrackRecord>(`${of(symbol, timeframe)}/track-record?limit=${limit}${before === undefined ? '' : `&before=${before}`}`),
  scores: () => ask<AllScores>('scores'),
  health: () => ask<Health>('health/ready'),
  models: () => ask<Schemas['Models']>('models'),
  alerts: (after = 0) => ask<Schemas['AlertList']>(`alerts?limit=200&after=${after}`),
  addAlert: (wish: AlertWish) => ask<Alert>('alerts', 'POST', wish),
  previewAlert: (wish: AlertWish) => ask<AlertPreview>('alerts/preview', 'POST', wish),
  switchAlert: (id: number, enabled: boolean) => ask<Alert>(`alerts/${id}`, 'PATCH', { enabled }),
  removeAlert: (id: number) => ask<Alert>(`alerts/${id}`, 'DELETE'),
  newestFirings: (limit: number) => ask<Schemas['FiringList']>(`firings?order=newest&limit=${limit}`),
};
