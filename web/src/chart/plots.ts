// Two kinds of series that lightweight-charts does not have: a fan of intervals, and a band for each candle.
import {
  customSeriesDefaultOptions, type CustomData, type CustomSeriesOptions, type CustomSeriesPricePlotValues, type CustomSeriesWhitespaceData,
  type ICustomSeriesPaneRenderer, type ICustomSeriesPaneView, type PaneRendererCustomData, type PriceToCoordinateConverter, type Time,
} from 'lightweight-charts';
import type { BandBar, FanPoint } from './data';

type Target = Parameters<ICustomSeriesPaneRenderer['draw']>[0];
type Scope = Parameters<Parameters<Target['useBitmapCoordinateSpace']>[0]>[0];
type Data<Point> = Point & CustomData<Time>;
export interface PlotOptions extends CustomSeriesOptions {
  fill: string;
  missed: string;
}
const defaultOptions = (): PlotOptions => ({ ...customSeriesDefaultOptions, fill: '#2458d3', missed: '#c0303a', lastValueVisible: false, priceLineVisible: false });

interface Bar<Point> {
  x: number;
  point: Point;
}

// What both have in common: the newest data and options, and the bars that are in view.
abstract class Plot<Point> implements ICustomSeriesPaneView<Time, Data<Point>, PlotOptions>, ICustomSeriesPaneRenderer {
  #data: PaneRendererCustomData<Time, Data<Point>> | null = null;
  protected options = defaultOptions();

  protected abstract prices(point: Point): number[];
  protected abstract paint(scope: Scope, bars: Bar<Point>[], y: (price: number) => number, spacing: number): void;

  renderer(): ICustomSeriesPaneRenderer {
    return this;
  }
  update(data: PaneRendererCustomData<Time, Data<Point>>, options: PlotOptions): void {
    this.#data = data;
    this.options = options;
  }
  defaultOptions(): PlotOptions {
    return defaultOptions();
  }
  isWhitespace(data: Data<Point> | CustomSeriesWhitespaceData<Time>): data is CustomSeriesWhitespaceData<Time> {
    return Object.keys(data).length <= 1;
  }
  // The scale makes room for all of these; the last one is the series' value.
  priceValueBuilder(data: Data<Point>): CustomSeriesPricePlotValues {
    return this.prices(data);
  }
  draw(target: Target, priceConverter: PriceToCoordinateConverter): void {
    const data = this.#data;
    if (!data?.visibleRange) return;
    const { from, to } = data.visibleRange;
    const bars = data.bars.slice(Math.max(0, from - 1), to + 1).map((bar) => ({ x: bar.x, point: bar.originalData as Point }));
    target.useBitmapCoordinateSpace((scope) => {
      this.paint(scope, bars, (price) => (priceConverter(price) ?? 0) * scope.verticalPixelRatio, data.barSpacing);
    });
  }
}

/** Intervals that widen into the future, darker inwards, and the median as a line. */
export class FanPlot extends Plot<FanPoint> {
  protected override prices(point: FanPoint): number[] {
    return [...point.intervals.flat(), point.median];
  }
  protected override paint({ context, horizontalPixelRatio: scale }: Scope, bars: Bar<FanPoint>[], y: (price: number) => number) {
    const count = bars[0]?.point.intervals.length ?? 0;
    context.fillStyle = this.options.fill;
    for (let interval = 0; interval < count; interval++) {
      context.globalAlpha = 0.17;
      context.beginPath();
      bars.forEach(({ x, point }) => context.lineTo(x * scale, y(point.intervals[interval]?.[1] ?? point.median)));
      [...bars].reverse().forEach(({ x, point }) => context.lineTo(x * scale, y(point.intervals[interval]?.[0] ?? point.median)));
      context.closePath();
      context.fill();
    }
    context.globalAlpha = 1;
    context.strokeStyle = this.options.fill;
    context.lineWidth = 2 * scale;
    context.lineJoin = 'round';
    context.beginPath();
    bars.forEach(({ x, point }) => context.lineTo(x * scale, y(point.median)));
    context.stroke();
  }
}

/** Behind each candle where its close was forecast to be; a bar at the side that a close has left. */
export class BandPlot extends Plot<BandBar> {
  protected override prices(point: BandBar): number[] {
    return [point.low, point.high, point.high];
  }
  protected override paint({ context, horizontalPixelRatio: scale, verticalPixelRatio }: Scope, bars: Bar<BandBar>[], y: (price: number) => number, spacing: number) {
    const edge = Math.max(1, Math.round(2 * verticalPixelRatio));
    for (const { x, point } of bars) {
      const left = Math.round((x - spacing / 2) * scale), width = Math.max(1, Math.round((x + spacing / 2) * scale) - left);
      const top = Math.round(y(point.high)), height = Math.max(1, Math.round(y(point.low)) - top);
      context.globalAlpha = point.inside === false ? 0.3 : 0.13;
      context.fillStyle = point.inside === false ? this.options.missed : this.options.fill;
      context.fillRect(left, top, width, height);
      context.globalAlpha = point.inside === false ? 0.8 : 0.35;
      context.fillRect(left, top, width, edge);
      context.fillRect(left, top + height - edge, width, edge);
    }
    context.globalAlpha = 1;
  }
}
