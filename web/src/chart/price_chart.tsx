import { CandlestickSeries, LineStyle, createChart, type CustomSeriesOptions, type IChartApi, type IPriceLine, type ISeriesApi, type MouseEventParams, type SeriesPartialOptions, type Time } from 'lightweight-charts';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Candle, Forecast, PastForecast } from '../api';
import { decimals, price } from '../format';
import { colours } from './colours';
import { bands, candleBars, fan, type BandBar, type CandleBar, type FanPoint } from './data';
import { BandPlot, FanPlot, type PlotOptions } from './plots';

const MOST_CANDLES = 72, PIXELS_PER_CANDLE = 14, AHEAD = 9;

interface Props {
  candles: readonly Candle[];
  /** Of the open candle. */
  now: number | null;
  forecast: Forecast | undefined;
  past: readonly PastForecast[];
  label: string;
}

type Custom = ISeriesApi<'Custom'>;
const plotOptions = (options: Partial<PlotOptions>) => options as SeriesPartialOptions<CustomSeriesOptions>;

// The chart and its series; lives as long as the page's element.
class PriceChart {
  #chart: IChartApi;
  #bands: Custom;
  #candles: ISeriesApi<'Candlestick'>;
  #fan: Custom;
  #now: IPriceLine | null = null;
  #placed = false;

  constructor(element: HTMLElement, point: (text: string) => void) {
    this.#chart = createChart(element, { autoSize: true, timeScale: { timeVisible: true, secondsVisible: false }, rightPriceScale: { borderVisible: false } });
    this.#bands = this.#chart.addCustomSeries(new BandPlot() as never);
    this.#candles = this.#chart.addSeries(CandlestickSeries, { borderVisible: false });
    this.#fan = this.#chart.addCustomSeries(new FanPlot() as never);
    this.#chart.subscribeCrosshairMove((at) => point(this.#say(at)));
    this.paint();
  }

  /** In the viewer's colours. */
  paint() {
    const { ink, soft, rule, up, down, fan: fill } = colours();
    this.#chart.applyOptions({
      layout: { background: { color: 'transparent' }, textColor: soft, fontFamily: getComputedStyle(document.body).fontFamily },
      grid: { vertLines: { color: rule }, horzLines: { color: rule } },
      timeScale: { borderColor: rule },
      crosshair: { vertLine: { color: soft, labelBackgroundColor: soft }, horzLine: { color: soft, labelBackgroundColor: soft } },
    });
    this.#candles.applyOptions({ upColor: up, downColor: down, wickUpColor: up, wickDownColor: down });
    this.#bands.applyOptions(plotOptions({ fill, missed: down }));
    this.#fan.applyOptions(plotOptions({ fill, missed: down }));
    this.#now?.applyOptions({ color: ink });
  }

  show({ candles, now, forecast, past }: Props) {
    const last = candles.at(-1);
    if (last) {
      const digits = decimals(last.close);
      const priceFormat = { type: 'price' as const, precision: digits, minMove: 10 ** -digits };
      for (const series of [this.#bands, this.#candles, this.#fan]) series.applyOptions({ priceFormat });
    }
    this.#candles.setData(candleBars(candles));
    const first = candles[0]?.open_time ?? 0;
    this.#bands.setData(bands(past).filter((bar) => 1000 * bar.time >= first));
    this.#fan.setData(forecast ? fan(forecast) : []);
    if (this.#now) this.#candles.removePriceLine(this.#now);
    this.#now = now === null ? null : this.#candles.createPriceLine({ price: now, color: colours().ink, lineWidth: 1, lineStyle: LineStyle.Dotted, title: 'now' });
    this.#candles.applyOptions({ lastValueVisible: now === null, priceLineVisible: false });
    if (!this.#placed && candles.length > 0) {
      this.#placed = true;
      const shown = Math.min(MOST_CANDLES, Math.round(this.#chart.timeScale().width() / PIXELS_PER_CANDLE));
      this.#chart.timeScale().setVisibleLogicalRange({ from: candles.length - shown, to: candles.length + AHEAD });
    }
  }

  remove() {
    this.#chart.remove();
  }

  #say(at: MouseEventParams<Time>): string {
    const candle = at.seriesData.get(this.#candles) as CandleBar | undefined;
    const band = at.seriesData.get(this.#bands) as BandBar | undefined;
    const ahead = at.seriesData.get(this.#fan) as FanPoint | undefined;
    const said: string[] = [];
    if (candle) said.push(`open ${price(candle.open)}, high ${price(candle.high)}, low ${price(candle.low)}, close ${price(candle.close)}`);
    if (band) said.push(`close forecast between ${price(band.low)} and ${price(band.high)} (90 %)${band.inside === false ? ': it was outside' : ''}`);
    if (!candle && ahead) said.push(`median ${price(ahead.median)}`);
    return said.join(' · ');
  }
}

/** The last candles, the 90 % band each was forecast to close in, and the fan of the newest forecast. */
export function PriceChartView(props: Props) {
  const element = useRef<HTMLDivElement>(null);
  const chart = useRef<PriceChart | null>(null);
  const [pointed, setPointed] = useState('');
  useEffect(() => {
    if (!element.current) return undefined;
    const made = new PriceChart(element.current, setPointed);
    chart.current = made;
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const paint = () => made.paint();
    dark.addEventListener('change', paint);
    return () => {
      dark.removeEventListener('change', paint);
      made.remove();
    };
  }, []);
  useEffect(() => chart.current?.show(props), [props.candles, props.now, props.forecast, props.past]);
  return (
    <figure class="card">
      <div class="chart" ref={element} role="img" aria-label={props.label} />
      <figcaption>{pointed || 'Shaded behind a candle: where its close was forecast to be when the one before closed (90 %), red where it was not. The fan: the next closes, 50, 80 and 95 %.'}</figcaption>
    </figure>
  );
}
