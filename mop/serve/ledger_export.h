// The ledger as CSV, complete enough to score it again without MOP (docs/formats/ledger.md).
#pragma once
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "mop/base/result.h"
#include "mop/serve/ledger.h"

namespace mop::serve {

struct ExportSpan {
  UnixMillis since = 0, until = 0;  // of as_of: [since, until)
};

/// Writes the header and a line for each forecast and step of these series, by series and time, in pieces of
/// some 100 KB. Returns the lines without the header. `write` gets text; its error ends the export. Errors:
/// kRefused when forecasts state different quantile levels (export them by timeframe or span), and as
/// Ledger::visit.
Result<std::size_t> export_csv(Ledger& ledger, std::span<const store::SeriesKey> series, ExportSpan span,
                               const std::function<Result<void>(std::string_view)>& write);

}  // namespace mop::serve
