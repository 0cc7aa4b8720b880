#include "mop/evaluate/report_overlays.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <optional>

#include <fmt/format.h>

#include "mop/evaluate/report_ages.h"
#include "mop/evaluate/report_charts.h"
#include "mop/evaluate/report_parts.h"
#include "mop/evaluate/summary.h"
#include "mop/evaluate/svg_plot.h"

namespace mop::evaluate {
namespace {

using Series = std::span<const SeriesScores>;
using Curve = std::function<std::vector<Point>(const SeriesScores&)>;

struct Overlay {
  std::string_view description;
  Axis x;
  std::string y_label;
  std::string_view at;      // what x is, in tooltips
  std::string_view format;  // of y in tooltips
  std::optional<double> perfect;
  std::array<double, 2> at_least;  // y range shown in any case
  std::string_view unit = "";      // behind the numbers of the y axis
};

std::string_view colour_of(const SeriesScores& s) {
  return s.interval == market::Interval::k15m ? "1" : "2";
}

std::string line_class(const SeriesScores& s) {
  return fmt::format("l{}{}", colour_of(s), s.kind == "unified" ? " dash" : "");
}

std::string name_of(const SeriesScores& s) {
  return fmt::format("{}{}", market::to_string(s.interval),
                     s.kind == "unified" ? " of the unified model" : "");
}

std::string draw(Overlay o, Series series, const Curve& curve) {
  std::vector<std::vector<Point>> lines;
  double lo = o.at_least[0], hi = o.at_least[1];
  for (const SeriesScores& s : series) {
    lines.push_back(curve(s));
    for (const Point& p : lines.back()) {
      if (!std::isfinite(p.y)) continue;
      lo = std::min(lo, p.y);
      hi = std::max(hi, p.y);
    }
  }
  Axis y = padded_axis(lo, hi, 0.06, std::move(o.y_label));
  y.ticks = number_ticks(y.lo, y.hi, 4, o.unit);
  const Point left{o.x.lo, o.perfect.value_or(0.0)}, right{o.x.hi, left.y};
  SvgPlot plot(kChartWidth, kChartHeight, {}, std::move(o.x), std::move(y), o.description);
  if (o.perfect) plot.line(std::array{left, right}, "ref");
  for (std::size_t i = 0; i < lines.size(); ++i) {
    plot.line(lines[i], line_class(series[i]));
    for (const Point& p : lines[i]) {
      plot.dot(p, 2.5, fmt::format("d{}", colour_of(series[i])),
               fmt::format("{}, {} {:g}: {}", name_of(series[i]), o.at, p.x,
                           fmt::format(fmt::runtime(o.format), p.y)));
    }
  }
  return plot.finish();
}

std::size_t longest(Series series, const std::function<std::size_t(const SeriesScores&)>& length) {
  std::size_t most = 0;
  for (const SeriesScores& s : series)
    most = std::max(most, length(s));
  return most;
}

std::size_t steps_of(const SeriesScores& s) {
  return s.steps.size();
}

}  // namespace

std::string overlay_legend(Series series) {
  std::vector<LegendKey> keys;
  for (const SeriesScores& s : series)
    keys.push_back({fmt::format("k{}{}", colour_of(s), s.kind == "unified" ? " dash" : ""), name_of(s)});
  return legend(keys);
}

std::string calibration_overlay(Series series) {
  return draw({"Calibration",
               {0, 1, "stated probability", number_ticks(0, 1, 5)},
               "observed less stated, points",
               "stated",
               "{:+.2f} points",
               0.0,
               {-2, 2}},
              series, [](const SeriesScores& s) {
                std::vector<Point> points;
                for (const CalibrationPoint& p : s.calibration)
                  points.push_back({p.level, 100 * (p.observed - p.level)});
                return points;
              });
}

std::string pit_overlay(Series series) {
  constexpr std::size_t kBins = kPitBins / 2;
  return draw({"PIT histogram",
               {0, 1, "place in the forecast distribution", number_ticks(0, 1, 5)},
               "outcomes per bin, 1 = as stated",
               "around",
               "{:.2f}",
               1.0,
               {0.7, 1.3}},
              series, [](const SeriesScores& s) {
                std::vector<Point> points;
                const double n = static_cast<double>(s.n);
                for (std::size_t b = 0; b < kBins && s.n > 0; ++b) {
                  const double count = static_cast<double>(s.pit[2 * b] + s.pit[2 * b + 1]);
                  points.push_back({(static_cast<double>(b) + 0.5) / kBins, count / n * kBins});
                }
                return points;
              });
}

std::string decile_overlay(Series series) {
  return draw({"Coverage by volatility",
               count_axis(kDeciles, "volatility tenth, calm to wild"),
               "inside the 90 % interval",
               "tenth",
               "{:.1f} %",
               90.0,
               {86, 94},
               " %"},
              series, [](const SeriesScores& s) {
                std::vector<Point> points;
                for (std::size_t d = 0; d < kDeciles; ++d)
                  points.push_back({static_cast<double>(d + 1), 100 * s.coverage90_by_vol_decile[d]});
                return points;
              });
}

std::string step_coverage_overlay(Series series) {
  return draw({"Coverage by step",
               count_axis(longest(series, steps_of), "candles ahead"),
               "inside the 90 % interval",
               "step",
               "{:.1f} %",
               90.0,
               {86, 94},
               " %"},
              series, [](const SeriesScores& s) {
                std::vector<Point> points;
                for (const StepScores& step : s.steps)
                  points.push_back({static_cast<double>(step.step), 100 * step.coverage90});
                return points;
              });
}

std::string step_overlay(Series series) {
  return draw({"Skill by step ahead",
               count_axis(longest(series, steps_of), "candles ahead"),
               "less loss than HAR, %",
               "step",
               "{:+.2f} %",
               0.0,
               {0, 0.5}},
              series, [](const SeriesScores& s) {
                std::vector<Point> points;
                for (const StepScores& step : s.steps)
                  points.push_back({static_cast<double>(step.step), step.skill_vs_har_pct});
                return points;
              });
}

std::string hour_overlay(Series series) {
  Axis x{-0.5, 23.5, "hour of the day, UTC", {}};
  for (int h = 0; h < 24; h += 4)
    x.ticks.push_back({static_cast<double>(h), fmt::format("{:02}", h)});
  return draw(
      {"Loss by hour", std::move(x), "pinball loss, in sigma", "hour", "{:.4f}", std::nullopt, {0.15, 0.25}},
      series, [](const SeriesScores& s) {
        std::vector<Point> points;
        for (std::size_t h = 0; h < kHours; ++h)
          points.push_back({static_cast<double>(h), s.hours[h].pinball});
        return points;
      });
}

std::string age_overlay(Series series) {
  constexpr std::size_t kMerged = 4;
  const std::size_t weeks = longest(
      series, [](const SeriesScores& s) { return s.ages.empty() ? std::size_t{0} : s.ages.back().week + 1; });
  Axis x{0, static_cast<double>(std::max<std::size_t>(weeks, kMerged)), "weeks since training", {}};
  x.ticks = number_ticks(x.lo, x.hi, 5);
  return draw({"Skill by age", std::move(x), "less loss than HAR, %", "week", "{:+.2f} %", 0.0, {0, 0.5}},
              series, [](const SeriesScores& s) {
                std::vector<Point> points;
                const auto ages = merged_ages(s.ages, kMerged);
                std::size_t most = 0;
                for (const AgeScores& a : ages)
                  most = std::max(most, a.n);
                for (const AgeScores& a : ages) {
                  if (2 * a.n < most) continue;  // the stretch at the end: too short to say anything
                  points.push_back(
                      {static_cast<double>(a.week) + kMerged / 2.0, skill_pct(a.pinball, a.pinball_har)});
                }
                return points;
              });
}

}  // namespace mop::evaluate
