// A small chart drawn as inline SVG. Colours come from the page's style sheet through CSS classes.
#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mop::evaluate {

struct Tick {
  double value;
  std::string text;
};

struct Axis {
  double lo, hi;      // lo < hi, data units
  std::string label;  // with its unit
  std::vector<Tick> ticks;
};

struct Point {
  double x, y;  // data units; a NaN breaks a line
};

struct Margins {
  double left = 44, right = 12, top = 28, bottom = 40;  // pixels
};

/// About `count` round values (1, 2, 2.5, 5 times a power of ten) inside lo..hi, ascending. REQUIRES: lo <
/// hi.
std::vector<double> round_ticks(double lo, double hi, std::size_t count);

/// Round ticks written with as many decimals as they need, and `unit` behind each number.
std::vector<Tick> number_ticks(double lo, double hi, std::size_t count, std::string_view unit = "");

/// Widens a range by a share of its width on both sides; a range of no width is opened to 1 around it.
Axis padded_axis(double lo, double hi, double share, std::string label);

/// 1..count with half a unit of room on both sides, at most about twelve ticks.
Axis count_axis(std::size_t count, std::string label);

class SvgPlot {
 public:
  /// Sizes in pixels; `description` is read out by screen readers. Draws grid and axes.
  SvgPlot(double width, double height, const Margins& margins, Axis x, Axis y, std::string_view description);

  void line(std::span<const Point> points, std::string_view css_class, std::string_view tooltip = "");
  /// The area between two lines over the same x.
  void band(std::span<const double> x, std::span<const double> lo, std::span<const double> hi,
            std::string_view css_class, std::string_view tooltip = "");
  void box(Point from, Point to, std::string_view css_class, std::string_view tooltip = "");
  void dot(Point at, double radius, std::string_view css_class, std::string_view tooltip = "");
  /// Text at a data point moved by (dx, dy) pixels; `anchor` is start, middle or end.
  void text(Point at, double dx, double dy, std::string_view anchor, std::string_view words,
            std::string_view css_class = "t");

  std::string finish() const;

 private:
  double px(double x) const;
  double py(double y) const;
  void draw_axes();

  double width_, height_;
  Margins margins_;
  Axis x_, y_;
  std::string svg_;
};

}  // namespace mop::evaluate
