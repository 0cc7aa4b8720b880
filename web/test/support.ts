// Made-up replies, as api/openapi.yaml has them.
import type { Forecast, Scores, Series } from '../src/api';

const HOUR = 3_600_000, T0 = 1_751_374_800_000;  // 2025-07-01 13:00 UTC
export const closeAt = (n: number) => T0 + n * HOUR - 1;

export function scores(part: Partial<Scores> = {}): Scores {
  return {
    symbol: 'BTCUSDT', timeframe: '1h', champion: 'model', n: 500, first_as_of: closeAt(0), last_as_of: closeAt(499), pinball: 0.27,
    pinball_static: 0.3, pinball_ewma: 0.28, pinball_har: 0.275, skill_vs_static_pct: 10, skill_vs_ewma_pct: 3.57, skill_vs_har_pct: 1.82,
    mae_ratio: 0.999, coverage: { '50': 0.5, '80': 0.8, '90': 0.9, '95': 0.95 }, direction_accuracy: 0.52, direction_n: 480,
    direction_ci95: [0.48, 0.56], dm_p_vs_har: 0.01, ...part,
  };
}

export function forecast(n: number, part: Partial<Forecast> = {}): Forecast {
  return {
    symbol: 'BTCUSDT', timeframe: '1h', seq: n + 1, as_of_close_time: closeAt(n), made_at: closeAt(n) + 150, close: 100, champion: 'model',
    reason: '', model: { id: 'BTCUSDT_1h', sha256: 'a'.repeat(64), trained_until: closeAt(-1), age_s: 3600, certified: true, certificate_mark: '', expired: false },
    input_hash: 'b'.repeat(64), expected_log_range: 0.01,
    steps: [1, 2].map((step) => ({ step, close_time: closeAt(n + step), median: 100.1, p_up: 0.54, quantiles: { '0.05': 99 - step, '0.25': 99.6, '0.5': 100.1, '0.75': 100.5, '0.95': 101 + step } })),
    ...part,
  };
}

export function series(part: Partial<Series> = {}): Series {
  return {
    symbol: 'BTCUSDT', timeframe: '1h', last_price: 100.5, close: 99, last_close_time: closeAt(-1), stale: true, champion: 'har',
    champion_reason: 'no model', forecast_as_of: null, forecast_seq: null, scores: null, ...part,
  };
}
