#include "mop/evaluate/svg_plot.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "mop/base/escape_html.h"

namespace mop::evaluate {
namespace {

std::string title_element(std::string_view tooltip) {
  return tooltip.empty() ? "" : fmt::format("<title>{}</title>", escape_html(tooltip));
}

// Decimals that tell neighbouring ticks apart.
int decimals_for(double step) {
  int decimals = 0;
  while (decimals < 10 &&
         std::abs(step - std::round(step * std::pow(10, decimals)) / std::pow(10, decimals)) > 1e-6 * step) {
    ++decimals;
  }
  return decimals;
}

}  // namespace

std::vector<double> round_ticks(double lo, double hi, std::size_t count) {
  const double raw = (hi - lo) / static_cast<double>(std::max<std::size_t>(count, 1));
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  double step = 10.0 * power;
  for (const double factor : {5.0, 2.5, 2.0, 1.0}) {
    if (factor * power >= raw) step = factor * power;
  }
  std::vector<double> ticks;
  for (double i = std::ceil(lo / step - 1e-9); i * step <= hi + 1e-9 * step; i += 1.0)
    ticks.push_back(i * step);
  return ticks;
}

std::vector<Tick> number_ticks(double lo, double hi, std::size_t count, std::string_view unit) {
  const auto values = round_ticks(lo, hi, count);
  const int decimals = values.size() > 1 ? decimals_for(values[1] - values[0]) : 2;
  std::vector<Tick> ticks;
  for (const double value : values) {
    const double shown = value == 0.0 ? 0.0 : value;  // no "-0"
    ticks.push_back({value, fmt::format("{:.{}f}{}", shown, decimals, unit)});
  }
  return ticks;
}

Axis padded_axis(double lo, double hi, double share, std::string label) {
  if (!(hi > lo)) return {lo - 0.5, lo + 0.5, std::move(label), {}};
  const double pad = share * (hi - lo);
  return {lo - pad, hi + pad, std::move(label), {}};
}

Axis count_axis(std::size_t count, std::string label) {
  Axis axis{0.5, static_cast<double>(std::max<std::size_t>(count, 1)) + 0.5, std::move(label), {}};
  for (std::size_t i = 1; i <= count; i += 1 + count / 12)
    axis.ticks.push_back({static_cast<double>(i), fmt::format("{}", i)});
  return axis;
}

SvgPlot::SvgPlot(double width, double height, const Margins& margins, Axis x, Axis y,
                 std::string_view description)
    : width_(width), height_(height), margins_(margins), x_(std::move(x)), y_(std::move(y)) {
  svg_ = fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">", width_, height_,
                     escape_html(description));
  draw_axes();
}

double SvgPlot::px(double x) const {
  return margins_.left + (x - x_.lo) / (x_.hi - x_.lo) * (width_ - margins_.left - margins_.right);
}

double SvgPlot::py(double y) const {
  return height_ - margins_.bottom -
         (y - y_.lo) / (y_.hi - y_.lo) * (height_ - margins_.top - margins_.bottom);
}

void SvgPlot::draw_axes() {
  const double left = margins_.left, right = width_ - margins_.right;
  const double top = margins_.top, bottom = height_ - margins_.bottom;
  for (const Tick& tick : y_.ticks) {
    svg_ += fmt::format("<path class=\"g\" d=\"M{:.1f} {:.1f}H{:.1f}\"/>", left, py(tick.value), right);
    svg_ += fmt::format("<text class=\"t\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>", left - 6,
                        py(tick.value) + 3.5, escape_html(tick.text));
  }
  for (const Tick& tick : x_.ticks) {
    svg_ +=
        fmt::format("<path class=\"g\" d=\"M{:.1f} {:.1f}V{:.1f}\"/>", px(tick.value), bottom, bottom + 4);
    svg_ += fmt::format("<text class=\"t\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>",
                        px(tick.value), bottom + 15, escape_html(tick.text));
  }
  if (!x_.label.empty()) {
    svg_ += fmt::format("<text class=\"al\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>", right,
                        height_ - 4, escape_html(x_.label));
  }
  if (!y_.label.empty()) {
    svg_ += fmt::format("<text class=\"al\" x=\"2\" y=\"{:.1f}\">{}</text>", top - 13, escape_html(y_.label));
  }
  svg_ += fmt::format("<path class=\"ax\" d=\"M{:.1f} {:.1f}H{:.1f}\"/>", left, bottom, right);
}

void SvgPlot::line(std::span<const Point> points, std::string_view css_class, std::string_view tooltip) {
  std::string path;
  bool pen_down = false;
  for (const Point& p : points) {
    if (!std::isfinite(p.y)) {
      pen_down = false;
      continue;
    }
    path += fmt::format("{}{:.1f} {:.1f}", pen_down ? "L" : "M", px(p.x), py(p.y));
    pen_down = true;
  }
  svg_ += fmt::format("<path class=\"{}\" d=\"{}\">{}</path>", css_class, path, title_element(tooltip));
}

void SvgPlot::band(std::span<const double> x, std::span<const double> lo, std::span<const double> hi,
                   std::string_view css_class, std::string_view tooltip) {
  std::string path;
  for (std::size_t i = 0; i < x.size(); ++i) {
    path += fmt::format("{}{:.1f} {:.1f}", i == 0 ? "M" : "L", px(x[i]), py(hi[i]));
  }
  for (std::size_t i = x.size(); i-- > 0;)
    path += fmt::format("L{:.1f} {:.1f}", px(x[i]), py(lo[i]));
  svg_ += fmt::format("<path class=\"{}\" d=\"{}Z\">{}</path>", css_class, path, title_element(tooltip));
}

void SvgPlot::box(Point from, Point to, std::string_view css_class, std::string_view tooltip) {
  const double x0 = std::min(px(from.x), px(to.x)), x1 = std::max(px(from.x), px(to.x));
  const double y0 = std::min(py(from.y), py(to.y)), y1 = std::max(py(from.y), py(to.y));
  svg_ +=
      fmt::format("<rect class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\">{}</rect>",
                  css_class, x0, y0, x1 - x0, y1 - y0, title_element(tooltip));
}

void SvgPlot::dot(Point at, double radius, std::string_view css_class, std::string_view tooltip) {
  if (!std::isfinite(at.y)) return;
  svg_ += fmt::format("<circle class=\"{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{}\">{}</circle>", css_class,
                      px(at.x), py(at.y), radius, title_element(tooltip));
}

void SvgPlot::text(Point at, double dx, double dy, std::string_view anchor, std::string_view words,
                   std::string_view css_class) {
  svg_ += fmt::format("<text class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>", css_class,
                      px(at.x) + dx, py(at.y) + dy, anchor, escape_html(words));
}

std::string SvgPlot::finish() const {
  return svg_ + "</svg>";
}

}  // namespace mop::evaluate
