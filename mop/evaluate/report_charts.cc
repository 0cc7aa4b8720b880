#include "mop/evaluate/report_charts.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "mop/base/escape_html.h"
#include "mop/evaluate/quantiles.h"
#include "mop/evaluate/summary.h"
#include "mop/evaluate/svg_plot.h"

namespace mop::evaluate {
namespace {

constexpr Margins kPlain{};

struct Range {
  double lo = HUGE_VAL, hi = -HUGE_VAL;
  void add(double x) {
    if (!std::isfinite(x)) return;
    lo = std::min(lo, x);
    hi = std::max(hi, x);
  }
  bool empty() const { return !(hi >= lo); }
};

std::string nothing(std::string_view why) {
  return fmt::format("<p class=\"none\">{}</p>", escape_html(why));
}

struct SkillBar {
  double skill_pct, p;
};

SkillBar skill_against(const SeriesScores& s, Reference reference) {
  if (reference == Reference::kStatic) return {s.skill_vs_static_pct, 0.0};
  if (reference == Reference::kEwma) return {s.skill_vs_ewma_pct, s.dm_p_vs_ewma};
  return {s.skill_vs_har_pct, s.dm_p_vs_har};
}

std::string_view bar_class(const SkillBar& bar) {
  if (bar.skill_pct < 0.0) return "worse";
  return bar.p < 0.05 ? "better" : "unsure";
}

void draw_skill_bar(SvgPlot& plot, const SeriesScores& s, const SkillBar& bar, double left, double y) {
  plot.text({left, y}, -8, 3.5, "end", s.symbol);
  if (!std::isfinite(bar.skill_pct)) return;
  const std::string p = bar.p > 0.0 ? fmt::format(", DM p {:.3g}", bar.p) : "";
  plot.box({0.0, y - 0.32}, {bar.skill_pct, y + 0.32}, bar_class(bar),
           fmt::format("{}: {:+.2f} %{}, {} candles", s.symbol, bar.skill_pct, p, s.n));
  plot.text({std::max(bar.skill_pct, 0.0), y}, 5, 3.5, "start", fmt::format("{:+.2f}", bar.skill_pct));
}

// Percent of outcomes inside the 90 % interval, group by group.
std::string coverage_chart(std::span<const Point> points, Axis x, std::string_view group) {
  Range range;
  range.add(86);
  range.add(94);
  for (const Point& p : points)
    range.add(p.y);
  Axis y = padded_axis(range.lo, range.hi, 0.06, "inside the 90 % interval");
  y.hi = std::min(y.hi, 101.0);
  y.ticks = number_ticks(y.lo, std::min(y.hi, 100.0), 4, " %");
  const std::array stated{Point{x.lo, 90}, Point{x.hi, 90}};
  SvgPlot plot(kChartWidth, kChartHeight, kPlain, std::move(x), std::move(y),
               "Coverage of the 90 % interval");
  plot.line(stated, "ref", "stated: 90 %");
  plot.line(points, "l1");
  for (const Point& p : points)
    plot.dot(p, 3.5, "d1", fmt::format("{} {:.0f}: {:.1f} %", group, p.x, p.y));
  return plot.finish();
}

}  // namespace

std::string skill_chart(std::span<const SeriesScores> series, Reference reference) {
  Range range;
  range.add(0.0);
  for (const SeriesScores& s : series)
    range.add(skill_against(s, reference).skill_pct);
  const double rows = static_cast<double>(series.size());
  Axis x = padded_axis(range.lo, std::max(range.hi, range.lo + 0.1), 0.0, "less loss than the baseline, %");
  x.hi += 0.22 * (x.hi - x.lo);  // room for the figure behind the longest bar
  x.ticks = number_ticks(x.lo, x.hi, 4);
  const Axis y{-rows + 0.5, 0.5, "", {}};
  SvgPlot plot(kChartWidth, 20 * rows + 46, {84, 8, 6, 40}, x, y, "Skill by coin");
  for (std::size_t i = 0; i < series.size(); ++i) {
    draw_skill_bar(plot, series[i], skill_against(series[i], reference), x.lo, -static_cast<double>(i));
  }
  const std::array zero{Point{0.0, y.lo}, Point{0.0, y.hi}};
  plot.line(zero, "ax");
  return plot.finish();
}

std::string calibration_chart(const SeriesScores& scores) {
  const Axis x{0, 1, "stated probability", number_ticks(0, 1, 5)};
  const Axis y{0, 1, "observed share", number_ticks(0, 1, 5)};
  SvgPlot plot(kChartWidth, kChartHeight, kPlain, x, y, "Calibration curve");
  const std::array diagonal{Point{0, 0}, Point{1, 1}};
  plot.line(diagonal, "ref", "perfect calibration");
  std::vector<Point> points;
  for (const CalibrationPoint& p : scores.calibration)
    points.push_back({p.level, p.observed});
  plot.line(points, "l1");
  for (const Point& p : points) {
    plot.dot(p, 3.5, "d1", fmt::format("stated {:.1f} %, observed {:.2f} %", 100 * p.x, 100 * p.y));
  }
  return plot.finish();
}

std::string pit_chart(const SeriesScores& scores) {
  double total = 0, tallest = 0;
  for (const std::size_t count : scores.pit) {
    total += static_cast<double>(count);
    tallest = std::max(tallest, static_cast<double>(count));
  }
  if (total == 0) return nothing("No candles were scored.");
  const double bins = static_cast<double>(kPitBins);
  const double top = std::max(1.5, 1.1 * tallest * bins / total);
  SvgPlot plot(kChartWidth, kChartHeight, kPlain,
               {0, 1, "place in the forecast distribution", number_ticks(0, 1, 5)},
               {0, top, "outcomes per bin, 1 = as stated", number_ticks(0, top, 4)}, "PIT histogram");
  for (std::size_t b = 0; b < kPitBins; ++b) {
    const double from = static_cast<double>(b) / bins, share = static_cast<double>(scores.pit[b]) / total;
    plot.box({from + 0.004, 0}, {from + 1 / bins - 0.004, share * bins}, "b1",
             fmt::format("{:.2f} to {:.2f}: {} outcomes, {:.2f} %", from, from + 1 / bins, scores.pit[b],
                         100 * share));
  }
  const std::array flat{Point{0, 1}, Point{1, 1}};
  plot.line(flat, "ref", "perfect calibration");
  return plot.finish();
}

std::string decile_chart(const SeriesScores& scores) {
  std::vector<Point> points;
  for (std::size_t d = 0; d < kDeciles; ++d)
    points.push_back({static_cast<double>(d + 1), 100 * scores.coverage90_by_vol_decile[d]});
  return coverage_chart(points, count_axis(kDeciles, "volatility tenth, calm to wild"), "tenth");
}

std::string step_coverage_chart(const SeriesScores& scores) {
  std::vector<Point> points;
  for (const StepScores& s : scores.steps)
    points.push_back({static_cast<double>(s.step), 100 * s.coverage90});
  return coverage_chart(points, count_axis(scores.steps.size(), "candles ahead"), "step");
}

std::string hour_chart(const SeriesScores& scores) {
  std::array<std::vector<Point>, 3> lines;  // EWMA, HAR, forecast: drawn in this order
  Range range;
  for (std::size_t h = 0; h < kHours; ++h) {
    const HourScores& hour = scores.hours[h];
    const std::array losses{hour.pinball_ewma, hour.pinball_har, hour.pinball};
    for (std::size_t i = 0; i < losses.size(); ++i) {
      lines[i].push_back({static_cast<double>(h), losses[i]});
      range.add(losses[i]);
    }
  }
  if (range.empty()) return nothing("No candles were scored.");
  Axis y = padded_axis(range.lo, range.hi, 0.08, "pinball loss, in sigma");
  y.ticks = number_ticks(y.lo, y.hi, 4);
  Axis x{-0.5, 23.5, "hour of the day, UTC", {}};
  for (int h = 0; h < 24; h += 4)
    x.ticks.push_back({static_cast<double>(h), fmt::format("{:02}", h)});
  SvgPlot plot(kChartWidth, kChartHeight, kPlain, x, y, "Loss by hour");
  plot.line(lines[0], "l3", "EWMA");
  plot.line(lines[1], "l2", "HAR");
  plot.line(lines[2], "l1", "forecast");
  for (std::size_t h = 0; h < kHours; ++h) {
    plot.dot(lines[2][h], 3, "d1",
             fmt::format("{:02}:00 UTC: forecast {:.4f}, EWMA {:.4f}, HAR {:.4f}, {} candles", h,
                         lines[2][h].y, lines[0][h].y, lines[1][h].y, scores.hours[h].n));
  }
  return plot.finish();
}

std::string step_chart(const SeriesScores& scores) {
  std::vector<Point> ewma, har;
  Range range;
  range.add(0.0);
  for (const StepScores& s : scores.steps) {
    ewma.push_back({static_cast<double>(s.step), s.skill_vs_ewma_pct});
    har.push_back({static_cast<double>(s.step), s.skill_vs_har_pct});
    range.add(s.skill_vs_ewma_pct);
    range.add(s.skill_vs_har_pct);
  }
  Axis y = padded_axis(range.lo, range.hi, 0.1, "less loss, %");
  y.ticks = number_ticks(y.lo, y.hi, 4);
  const Axis x = count_axis(scores.steps.size(), "candles ahead");
  SvgPlot plot(kChartWidth, kChartHeight, kPlain, x, y, "Skill by step ahead");
  const std::array zero{Point{x.lo, 0}, Point{x.hi, 0}};
  plot.line(zero, "ref", "no better than the baseline");
  plot.line(ewma, "l3");
  plot.line(har, "l2");
  for (const Point& p : ewma)
    plot.dot(p, 3.5, "d3", fmt::format("{:.0f} ahead: {:+.2f} % vs EWMA", p.x, p.y));
  for (const Point& p : har)
    plot.dot(p, 3.5, "d2", fmt::format("{:.0f} ahead: {:+.2f} % vs HAR", p.x, p.y));
  return plot.finish();
}

std::string age_chart(const SeriesScores& scores) {
  if (scores.ages.empty()) return nothing("The age of these models is not known.");
  std::vector<Point> ewma, har;
  Range range;
  range.add(0.0);
  for (const AgeScores& a : scores.ages) {
    ewma.push_back({static_cast<double>(a.week) + 0.5, skill_pct(a.pinball, a.pinball_ewma)});
    har.push_back({static_cast<double>(a.week) + 0.5, skill_pct(a.pinball, a.pinball_har)});
    range.add(ewma.back().y);
    range.add(har.back().y);
  }
  Axis x{0, static_cast<double>(scores.ages.back().week + 1), "weeks since training", {}};
  x.ticks = number_ticks(x.lo, x.hi, 6);
  Axis y = padded_axis(range.lo, range.hi, 0.1, "less loss, %");
  y.ticks = number_ticks(y.lo, y.hi, 4);
  const std::array zero{Point{x.lo, 0}, Point{x.hi, 0}};
  SvgPlot plot(kChartWidth, kChartHeight, kPlain, x, y, "Skill by age");
  plot.line(zero, "ref", "no better than the baseline");
  plot.line(ewma, "l3");
  plot.line(har, "l2");
  for (std::size_t i = 0; i < har.size(); ++i) {
    const std::string week = fmt::format("week {}", scores.ages[i].week + 1);
    const std::size_t n = scores.ages[i].n;
    plot.dot(ewma[i], 3, "d3", fmt::format("{}: {:+.2f} % vs EWMA, {} candles", week, ewma[i].y, n));
    plot.dot(har[i], 3, "d2", fmt::format("{}: {:+.2f} % vs HAR, {} candles", week, har[i].y, n));
  }
  return plot.finish();
}

namespace {

// Price of one level along a fan, starting at the close it was made from.
std::vector<double> level_path(const Fan& fan, std::size_t level, std::size_t levels) {
  std::vector<double> path{fan.close};
  for (std::size_t i = level; i < fan.prices.size(); i += levels)
    path.push_back(fan.prices[i]);
  return path;
}

void draw_fan(SvgPlot& plot, const FanSample& sample, const Fan& fan, double start) {
  const std::size_t levels = sample.levels.size();
  const auto path = [&](double level) -> std::vector<double> {
    const auto index = level_index(sample.levels, level);
    return index ? level_path(fan, *index, levels) : std::vector<double>{};
  };
  std::vector<double> x;
  for (std::size_t i = 0; i <= fan.prices.size() / levels; ++i)
    x.push_back(start + static_cast<double>(i));
  const auto lo90 = path(0.05), hi90 = path(0.95), lo50 = path(0.25), hi50 = path(0.75), median = path(0.5);
  const std::string made = fmt::format("made {} UTC at {:.6g}", format_utc(fan.as_of + 1), fan.close);
  if (!lo90.empty() && !hi90.empty()) plot.band(x, lo90, hi90, "f90", "90 % band, " + made);
  if (!lo50.empty() && !hi50.empty()) plot.band(x, lo50, hi50, "f50", "50 % band, " + made);
  std::vector<Point> line;
  for (std::size_t i = 0; i < median.size(); ++i)
    line.push_back({x[i], median[i]});
  plot.line(line, "l1");
  plot.dot({start, fan.close}, 3, "d1", made);
}

double candles_between(const FanSample& sample, UnixMillis from, UnixMillis to) {
  const std::int64_t candles = (to - from) / market::length_of(sample.interval);
  return static_cast<double>(candles);
}

Axis time_axis(const FanSample& sample, double last) {
  Axis axis{0, std::max(1.0, last), "UTC", {}};
  const std::size_t apart = std::max<std::size_t>(1, sample.close_time.size() / 3);
  for (std::size_t i = sample.close_time.size() / 8; i < sample.close_time.size(); i += apart) {
    const std::string text = format_utc(sample.close_time[i] + 1);  // 2025-07-01 13:45
    axis.ticks.push_back({static_cast<double>(i), text.substr(5, 11)});
  }
  return axis;
}

}  // namespace

std::string fan_chart(const FanSample& sample) {
  if (sample.close.empty()) return nothing("No candles to show.");
  Range range;
  double last = static_cast<double>(sample.close.size() - 1);
  std::vector<Point> closes;
  for (std::size_t i = 0; i < sample.close.size(); ++i) {
    closes.push_back({static_cast<double>(i), sample.close[i]});
    range.add(sample.close[i]);
  }
  const std::size_t levels = std::max<std::size_t>(1, sample.levels.size());
  for (const Fan& fan : sample.fans) {
    const double start = candles_between(sample, sample.close_time[0], fan.as_of);
    const std::size_t steps = fan.prices.size() / levels;
    last = std::max(last, start + static_cast<double>(steps));
    for (const double level : {0.05, 0.95}) {
      if (const auto index = level_index(sample.levels, level)) {
        for (const double price : level_path(fan, *index, levels))
          range.add(price);
      }
    }
  }
  Axis y = padded_axis(range.lo, range.hi, 0.04, "price, quote currency");
  y.ticks = number_ticks(y.lo, y.hi, 4);
  const double widest = y.ticks.empty() ? 5.0 : static_cast<double>(y.ticks.back().text.size());
  SvgPlot plot(kChartWidth, kChartHeight, {std::max(44.0, 12 + 6.4 * widest), 12, 28, 40},
               time_axis(sample, last), y, "Forecast fans over closes");
  for (const Fan& fan : sample.fans) {
    draw_fan(plot, sample, fan, candles_between(sample, sample.close_time[0], fan.as_of));
  }
  plot.line(closes, "actual", "close");
  return plot.finish();
}

}  // namespace mop::evaluate
