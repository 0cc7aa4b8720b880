#include "mop/serve/chart_svg.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include <fmt/format.h>

#include "mop/base/check.h"
#include "mop/evaluate/svg_plot.h"

namespace mop::serve {
namespace {

using evaluate::Axis;
using evaluate::Point;
using evaluate::SvgPlot;

constexpr double kWidth = 860, kHeight = 440;
constexpr evaluate::Margins kMargins{76, 18, 58, 46};

constexpr std::string_view kLight =
    "--bg:#fff;--ink:#1b1d21;--soft:#5d636e;--rule:#e9eaed;--up:#1c7c4a;--down:#c0303a;--fan:#2458d3";
constexpr std::string_view kDark =
    "--bg:#1a1d22;--ink:#e7e9ec;--soft:#a3aab6;--rule:#2c3037;--up:#5cc48d;--down:#f07178;--fan:#7ea6ff";
constexpr std::string_view kStyle =
    "text{font:12px system-ui,-apple-system,'Segoe UI',Roboto,'Liberation Sans',Arial,sans-serif}"
    ".t,.al,.s{fill:var(--soft)}.h{fill:var(--ink);font-size:16px;font-weight:600}"
    ".g{stroke:var(--rule);fill:none}.ax,.now{stroke:var(--soft);fill:none}.now{stroke-dasharray:3 4}"
    ".bg{fill:var(--bg)}.up{fill:var(--up)}.down{fill:var(--down)}"
    ".wu{stroke:var(--up)}.wd{stroke:var(--down)}"
    ".f95,.f80,.f50{fill:var(--fan);fill-opacity:.19}.f50{fill-opacity:.32}"
    ".m{stroke:var(--fan);stroke-width:2;fill:none;stroke-linejoin:round}";

std::string style_of(ChartTheme theme) {
  const auto root = [](std::string_view colours) { return fmt::format("svg{{{}}}", colours); };
  std::string colours = root(theme == ChartTheme::kDark ? kDark : kLight);
  if (theme == ChartTheme::kAuto)
    colours += fmt::format("@media (prefers-color-scheme:dark){{{}}}", root(kDark));
  return fmt::format("<style>{}{}</style><rect class=\"bg\" width=\"100%\" height=\"100%\"/>", colours,
                     kStyle);
}

// A forecast's price at a level, step by step, beginning with the close it was made at; none when the level
// is not forecast.
std::vector<double> price_line(const ForecastRow& f, double level) {
  const auto at = std::ranges::find_if(f.levels, [&](double l) { return std::abs(l - level) < 1e-9; });
  if (at == f.levels.end()) return {};
  const auto k = static_cast<std::size_t>(at - f.levels.begin());
  std::vector<double> prices{f.close};
  for (std::size_t h = 0; h < f.horizon; ++h)
    prices.push_back(
        f.close * std::exp(f.z[h * f.levels.size() + k] * f.sigma * std::sqrt(static_cast<double>(h + 1))));
  return prices;
}

struct Fan {
  std::vector<double> times, median;
  struct Band {
    std::string_view css_class, name;
    std::vector<double> lo, hi;
  };
  std::vector<Band> bands;  // the widest first
};

Fan fan_of(const BoardSeries& series) {
  Fan fan;
  if (!series.forecast) return fan;
  const ForecastRow& f = *series.forecast;
  const auto length = static_cast<double>(market::length_of(f.interval));
  for (std::size_t h = 0; h <= f.horizon; ++h)
    fan.times.push_back(static_cast<double>(f.as_of + 1) + static_cast<double>(h) * length);
  fan.median = price_line(f, 0.5);
  for (const auto& [share, css, name] : {std::tuple{0.95, "f95", "95 % interval"},
                                         {0.8, "f80", "80 % interval"},
                                         {0.5, "f50", "50 % interval"}}) {
    Fan::Band band{css, name, price_line(f, (1.0 - share) / 2.0), price_line(f, (1.0 + share) / 2.0)};
    if (!band.lo.empty() && !band.hi.empty()) fan.bands.push_back(std::move(band));
  }
  return fan;
}

// Midnights when they are few enough, else whole steps of hours or days.
std::vector<evaluate::Tick> time_ticks(double from, double to) {
  constexpr DurationMillis kSteps[] = {15 * kMinute, kHour, 3 * kHour, 6 * kHour,
                                       12 * kHour,   kDay,  2 * kDay,  7 * kDay};
  constexpr double kMost = 9;
  DurationMillis step = kSteps[std::size(kSteps) - 1];
  for (std::size_t i = std::size(kSteps); i-- > 0;) {
    if ((to - from) / static_cast<double>(kSteps[i]) <= kMost) step = kSteps[i];
  }
  std::vector<evaluate::Tick> ticks;
  const auto first = static_cast<UnixMillis>(std::ceil(from / static_cast<double>(step))) * step;
  for (UnixMillis t = first; static_cast<double>(t) <= to; t += step) {
    const std::string text = format_utc(t);  // "2025-07-01 13:45"
    ticks.push_back({static_cast<double>(t), t % kDay == 0 ? text.substr(5, 5) : text.substr(11, 5)});
  }
  return ticks;
}

// Enough digits to tell prices apart that differ by a hundredth of the range shown.
std::string price_text(double price, double range) {
  const double digits = std::ceil(-std::log10(std::max(range, 1e-12) / 100.0));
  return fmt::format("{:.{}f}", price, static_cast<int>(std::clamp(digits, 0.0, 10.0)));
}

struct View {
  std::span<const BoardCandle> candles;
  Fan fan;
  Axis x, y;
};

View view_of(const BoardSeries& series, std::size_t count) {
  const std::size_t shown = std::min(count, series.candles.size());
  View v{std::span(series.candles).last(shown), fan_of(series), {}, {}};
  double lo = v.candles.front().low, hi = v.candles.front().high;
  for (const BoardCandle& c : v.candles) {
    lo = std::min(lo, c.low);
    hi = std::max(hi, c.high);
  }
  for (const Fan::Band& band : v.fan.bands) {
    lo = std::min(lo, std::ranges::min(band.lo));
    hi = std::max(hi, std::ranges::max(band.hi));
  }
  const auto length = static_cast<double>(market::length_of(series.key.interval));
  const auto from = static_cast<double>(v.candles.front().open_time);
  const double last = static_cast<double>(v.candles.back().open_time) + length;
  v.x = {from,
         std::max(last, v.fan.times.empty() ? last : v.fan.times.back()) + length / 2,
         v.fan.bands.empty() ? "UTC" : "shaded: 50, 80 and 95 % intervals · times in UTC",
         {}};
  v.x.ticks = time_ticks(v.x.lo, v.x.hi);
  v.y = evaluate::padded_axis(lo, hi, 0.04, "");
  v.y.ticks = evaluate::number_ticks(v.y.lo, v.y.hi, 6);
  return v;
}

void draw_fan(SvgPlot& plot, const View& v) {
  for (const Fan::Band& band : v.fan.bands)
    plot.band(v.fan.times, band.lo, band.hi, band.css_class, band.name);
  std::vector<Point> median;
  for (std::size_t i = 0; i < v.fan.median.size(); ++i)
    median.push_back({v.fan.times[i], v.fan.median[i]});
  if (!median.empty()) plot.line(median, "m", "median");
}

void draw_candles(SvgPlot& plot, const View& v, double length) {
  for (const BoardCandle& c : v.candles) {
    const auto open = static_cast<double>(c.open_time);
    const double middle = open + length / 2;
    const bool up = c.close >= c.open;
    const Point wick[] = {{middle, c.low}, {middle, c.high}};
    plot.line(wick, up ? "wu" : "wd");
    const double least = (v.y.hi - v.y.lo) / (kHeight - kMargins.top - kMargins.bottom);  // one pixel
    const double top = std::max({c.open, c.close, std::min(c.open, c.close) + least});
    plot.box({open + 0.16 * length, std::min(c.open, c.close)}, {open + 0.84 * length, top},
             up ? "up" : "down",
             fmt::format("{}: open {} high {} low {} close {}", format_utc(c.open_time), c.open, c.high,
                         c.low, c.close));
  }
}

std::string subtitle(const BoardSeries& series, const View& v) {
  const double range = v.y.hi - v.y.lo;
  if (!series.forecast)
    return fmt::format("close {}; no forecast yet", price_text(v.candles.back().close, range));
  const ForecastRow& f = *series.forecast;
  std::string text = fmt::format("forecast by {} at {} UTC from {}", f.champion, format_utc(f.as_of + 1),
                                 price_text(f.close, range));
  if (!v.fan.median.empty()) {
    text += fmt::format("; median in {} candles {}, P(up) {:.0f} %", f.horizon,
                        price_text(v.fan.median.back(), range), 100.0 * f.p_up.back());
  }
  return text;
}

}  // namespace

Result<ChartTheme> parse_chart_theme(std::string_view text) {
  if (text == "auto") return ChartTheme::kAuto;
  if (text == "light") return ChartTheme::kLight;
  if (text == "dark") return ChartTheme::kDark;
  return fail(ErrorCode::kInvalidArgument, "theme must be auto, light or dark");
}

std::string chart_svg(const BoardSeries& series, std::size_t count, ChartTheme theme) {
  MOP_CHECK(!series.candles.empty() && count > 0) << "a chart needs candles";
  const View v = view_of(series, count);
  const std::string title = fmt::format("{} {}", series.key.symbol, market::to_string(series.key.interval));
  SvgPlot plot(kWidth, kHeight, kMargins, v.x, v.y, title + ": candles and the forecast's intervals");
  const Point corner{v.x.lo, v.y.hi};
  plot.text(corner, -kMargins.left + 16, -kMargins.top + 24, "start", title, "h");
  plot.text(corner, -kMargins.left + 16, -kMargins.top + 43, "start", subtitle(series, v), "s");
  if (!v.fan.times.empty()) {
    const Point now[] = {{v.fan.times.front(), v.y.lo}, {v.fan.times.front(), v.y.hi}};
    plot.line(now, "now");
  }
  draw_fan(plot, v);
  draw_candles(plot, v, static_cast<double>(market::length_of(series.key.interval)));
  std::string svg = plot.finish();
  constexpr std::string_view kTag = "<svg ";
  svg.insert(svg.find('>') + 1, style_of(theme));
  svg.insert(kTag.size(), fmt::format("xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" ",
                                      kWidth, kHeight));
  return svg;
}

}  // namespace mop::serve
