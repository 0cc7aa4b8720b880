import { signal } from '@preact/signals';
import type { Timeframe } from '../api';
import { TIMEFRAMES } from '../format';

/** Which candles the tables show; the same on every page. */
export const timeframe = signal<Timeframe>('1h');

export function TimeframeSwitch() {
  return (
    <span class="switch" role="group" aria-label="Candles">
      {TIMEFRAMES.map((one) => (
        <button key={one} type="button" aria-pressed={timeframe.value === one} onClick={() => (timeframe.value = one)}>{one}</button>
      ))}
    </span>
  );
}
