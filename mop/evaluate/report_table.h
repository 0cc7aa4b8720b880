#pragma once
#include <string>

#include "mop/evaluate/report_data.h"

namespace mop::evaluate {

/// The table `mop evaluate` ends with: one line per series, one per pool, a verdict for each, canaries.
/// ASCII, lines end in '\n'.
std::string report_table(const ReportData& data);

}  // namespace mop::evaluate
