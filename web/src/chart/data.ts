// From what the API tells to what the chart draws. The chart places a candle by the second it opens at.
import type { UTCTimestamp } from 'lightweight-charts';
import type { Candle, Forecast, PastForecast } from '../api';
import { LENGTH_MS } from '../format';

/** Intervals of the fan, the widest first: lower and upper level. */
export const FAN_LEVELS = [['0.025', '0.975'], ['0.1', '0.9'], ['0.25', '0.75']] as const;

export interface FanPoint {
  time: UTCTimestamp;
  median: number;
  /** As FAN_LEVELS; levels that are not forecast are left out. */
  intervals: [number, number][];
}
/** Where the close of one candle was forecast to be, 90 %, when the one before it closed; and whether it was. */
export interface BandBar {
  time: UTCTimestamp;
  low: number;
  high: number;
  inside: boolean | null;
}
export interface CandleBar {
  time: UTCTimestamp;
  open: number;
  high: number;
  low: number;
  close: number;
}

export const openTime = (ms: number) => (ms / 1000) as UTCTimestamp;
/** Opening time of the candle that closes with this last millisecond. */
const opensAt = (closeTime: number, timeframe: string) => openTime(closeTime + 1 - (LENGTH_MS[timeframe] ?? 0));

export function candleBars(candles: readonly Candle[]): CandleBar[] {
  return candles.map(({ open_time, open, high, low, close }) => ({ time: openTime(open_time), open, high, low, close }));
}

/** The fan begins in a point, at the close it was forecast from. */
export function fan(forecast: Forecast): FanPoint[] {
  const levels = FAN_LEVELS.filter(([low, high]) => forecast.steps.every((step) => low in step.quantiles && high in step.quantiles));
  const start: FanPoint = {
    time: opensAt(forecast.as_of_close_time, forecast.timeframe), median: forecast.close,
    intervals: levels.map(() => [forecast.close, forecast.close]),
  };
  return [start, ...forecast.steps.map((step): FanPoint => ({
    time: opensAt(step.close_time, forecast.timeframe), median: step.median,
    intervals: levels.map(([low, high]) => [step.quantiles[low] ?? step.median, step.quantiles[high] ?? step.median]),
  }))];
}

/** One bar for every candle that was forecast one step ahead, ascending. */
export function bands(past: readonly PastForecast[]): BandBar[] {
  const bars: BandBar[] = [];
  for (const { forecast, scores } of past) {
    const step = forecast.steps.find((one) => one.step === 1);
    const low = step?.quantiles['0.05'], high = step?.quantiles['0.95'];
    if (!step || low === undefined || high === undefined) continue;
    const inside = scores.find((score) => score.step === 1)?.inside['90'] ?? null;
    bars.push({ time: opensAt(step.close_time, forecast.timeframe), low, high, inside });
  }
  return bars.sort((a, b) => a.time - b.time);
}
