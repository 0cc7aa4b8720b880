// The tables of the HTML report.
#pragma once
#include <string>

#include "mop/evaluate/report_data.h"

namespace mop::evaluate {

/// The accuracy once asked for, percent (docs: science, section 1).
inline constexpr double kWishedMapePct = 0.001;

/// A number in printf-like fmt notation, or an en dash when it is unknown.
std::string figure_or_dash(double x, const char* format);

/// Every score of every series, pools last.
std::string scores_table(const ReportData& data);

/// What a MAPE of 0.001 % would take, per series.
std::string tick_floor_table(const ReportData& data);

std::string canaries_table(const ReportData& data);

}  // namespace mop::evaluate
