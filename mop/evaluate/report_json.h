#pragma once
#include "mop/evaluate/report_data.h"

namespace boost::json {
class value;
}

namespace mop::evaluate {

/// The document `mop evaluate --json` prints (field names: docs, cli). Unknown figures are null.
boost::json::value report_json(const ReportData& data);

}  // namespace mop::evaluate
