#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "mop/serve/board.h"

namespace mop::serve {

enum class ChartTheme : std::uint8_t { kAuto, kLight, kDark };  // kAuto follows the viewer's setting
/// Errors: kInvalidArgument naming the text and the known ones.
Result<ChartTheme> parse_chart_theme(std::string_view text);

/// The newest `count` candles and behind them the fan of the newest forecast: 50, 80 and 95 % intervals and
/// the median. A complete SVG document. REQUIRES: candles, count >= 1.
std::string chart_svg(const BoardSeries& series, std::size_t count, ChartTheme theme);

}  // namespace mop::serve
