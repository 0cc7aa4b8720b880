// The page of each coin inside the HTML report: a section that is shown when its anchor is visited.
#pragma once
#include <string>

#include "mop/evaluate/report_data.h"

namespace mop::evaluate {

/// A link to every coin's page.
std::string coin_index(const ReportData& data);

/// One section a coin, hidden until its #SYMBOL is visited (report_style.cc): verdicts, every figure, newest
/// forecasts and charts of all its timeframes and models laid over each other.
std::string coin_pages(const ReportData& data);

}  // namespace mop::evaluate
