#pragma once
#include <string_view>

namespace mop::evaluate {

/// The HTML report's style sheet: light and dark palettes, text sizes, chart classes.
std::string_view report_style();

}  // namespace mop::evaluate
