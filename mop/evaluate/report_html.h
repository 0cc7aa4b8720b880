#pragma once
#include <string>

#include "mop/evaluate/report_data.h"

namespace mop::evaluate {

/// One self-contained HTML page (style and charts inside, nothing is loaded, no script), light or dark as the
/// reader's system asks, readable on a phone. All text from outside is escaped.
std::string report_html(const ReportData& data);

}  // namespace mop::evaluate
