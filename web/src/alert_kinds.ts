// What each kind of alert is asked with, and how one reads as a sentence.
import type { Alert, AlertKind, AlertWish, BackScore } from './api';
import { coin, percent } from './format';

export interface KindForm {
  kind: AlertKind;
  title: string;
  explained: string;
  /** A series must be chosen; otherwise it may be every coin. */
  oneSeries?: boolean;
  sides?: readonly ('above' | 'below' | 'either')[];
  threshold?: { label: string; unit: string; suggestion: string; factor?: number };
  /** Candles over which, or ahead of which, it looks. */
  candles?: { field: 'window' | 'step'; label: string; most: number };
}

export const KINDS: readonly KindForm[] = [
  { kind: 'spike', title: 'Unusual range expected', explained: 'The next candle’s expected range is wider than that share of the last 500 forecasts’.',
    threshold: { label: 'wider than', unit: '% of forecasts', suggestion: '95', factor: 0.01 } },
  { kind: 'outside_band', title: 'Outside the band', explained: 'The close left the 90 % interval that was forecast one candle before.' },
  { kind: 'price', title: 'Price', explained: 'The close crosses a price.', oneSeries: true, sides: ['above', 'below'],
    threshold: { label: 'price', unit: '', suggestion: '' } },
  { kind: 'move', title: 'Move', explained: 'The close moved so far over some candles.', sides: ['either', 'above', 'below'],
    threshold: { label: 'by', unit: '%', suggestion: '3' }, candles: { field: 'window', label: 'over candles', most: 96 } },
  { kind: 'p_up', title: 'Probability of a rise', explained: 'The probability of a higher close passes a value.', sides: ['above', 'below'],
    threshold: { label: 'probability', unit: '%', suggestion: '56', factor: 0.01 }, candles: { field: 'step', label: 'candles ahead', most: 48 } },
  { kind: 'forecast', title: 'Forecast median', explained: 'The forecast median is so far from the close.', sides: ['either', 'above', 'below'],
    threshold: { label: 'by', unit: '%', suggestion: '0.3' }, candles: { field: 'step', label: 'candles ahead', most: 48 } },
  { kind: 'stale', title: 'No candles', explained: 'No candle closed for so many candles.', threshold: { label: 'for', unit: 'candles', suggestion: '3' } },
  { kind: 'model', title: 'Model gave way', explained: 'A baseline forecasts because the model expired or was demoted.' },
];

/** The form's fields as text, as they are typed. */
export interface Draft {
  kind: AlertKind;
  symbol: string;
  timeframe: string;
  side: string;
  threshold: string;
  candles: string;
  note: string;
}

export function formOf(kind: AlertKind): KindForm {
  const form = KINDS.find((one) => one.kind === kind);
  if (!form) throw new Error(`no kind of alert is called ${kind}`);
  return form;
}

export function emptyDraft(kind: AlertKind, symbol: string): Draft {
  const form = formOf(kind);
  return {
    kind, symbol: form.oneSeries ? symbol : '', timeframe: form.oneSeries ? '1h' : '', side: form.sides?.[0] ?? '',
    threshold: form.threshold?.suggestion ?? '', candles: form.candles ? '1' : '', note: '',
  };
}

/** What is sent; the service says what is wrong with it. */
export function wishOf(draft: Draft): AlertWish {
  const form = formOf(draft.kind);
  const wish: AlertWish = { kind: draft.kind, symbol: draft.symbol || null, timeframe: (draft.timeframe || null) as '15m' | '1h' | null };
  if (form.sides) wish.side = draft.side as 'above' | 'below' | 'either';
  // Through text, so that 56 % is 0.56 and not 0.5600000000000001.
  if (form.threshold) wish.threshold = Number((Number(draft.threshold) * (form.threshold.factor ?? 1)).toPrecision(12));
  if (form.candles) wish[form.candles.field] = Number(draft.candles);
  if (draft.note) wish.note = draft.note;
  return wish;
}

/** "BTC 1h: price above 100000". */
export function sentence(spec: Alert['spec']): string {
  const form = formOf(spec.kind);
  const where = `${spec.symbol ? coin(spec.symbol) : 'Every coin'}, ${spec.timeframe ?? '15m and 1h'}`;
  const value = spec.threshold == null ? '' : ` ${Number((spec.threshold / (form.threshold?.factor ?? 1)).toPrecision(12))}${form.threshold?.unit ? ` ${form.threshold.unit}` : ''}`;
  const side = spec.threshold == null ? '' : !form.sides ? ` ${form.threshold?.label}` : spec.side === 'either' ? ' either way,' : ` ${spec.side}`;
  const candles = form.candles ? spec[form.candles.field] : 1;
  const over = !candles || candles === 1 ? '' : form.candles?.field === 'window' ? ` over ${candles} candles` : ` ${candles} candles ahead`;
  return `${where}: ${form.title.toLowerCase()}${side}${value}${over}`;
}

/** What an alert would have done so far. */
export function record(score: BackScore): string {
  if (score.forecasts === 0) return 'No forecast is in the ledger yet to say how often it would have come.';
  const often = score.sent === 0 ? 'never' : `${score.sent} time${score.sent === 1 ? '' : 's'} (${score.sent_per_day == null ? 'in less than a day' : `${score.sent_per_day.toFixed(1)} a day`})`;
  const right = score.judged > 0 ? `, and was right in ${percent(score.precision, 0)} of ${score.judged}` : '';
  return `Over the last ${score.days.toFixed(1)} days of forecasts it would have come ${often}${right}.`;
}
