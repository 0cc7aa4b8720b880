// What an alert would have told over the forecasts that are in the ledger, and how often it was right.
#pragma once
#include <cstdint>
#include <optional>
#include <span>

#include "mop/serve/alert.h"
#include "mop/serve/ledger.h"

namespace mop::serve {

struct BackScore {
  std::int64_t forecasts = 0;      // looked at
  UnixMillis first = 0, last = 0;  // their closes
  double days = 0.0;               // covered by the series that has the most
  std::int64_t sent = 0;           // within cooldown, quiet hours and budget
  std::int64_t judged = 0;         // of them: outcome known, and a forecast that can be right
  std::int64_t right = 0;
};

/// Runs the alert over the newest `last` forecasts of each of the series it covers. An alert on P(up) or a
/// median is right when the close came out on the side it said; one on the expected range when the range
/// that came ranks as high among those that came before. Other kinds state facts: nothing is judged. Cost:
/// reads `last` rows a series, about 10 us each. Errors: as Ledger::visit.
Result<BackScore> back_score(Ledger& ledger, const AlertSpec& spec, std::span<const store::SeriesKey> series,
                             std::size_t last = 2000);

}  // namespace mop::serve
