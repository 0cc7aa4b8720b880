// What `mop fetch` says at its end: a table for people, one document with --json.
#pragma once
#include <cstdint>
#include <optional>
#include <span>

#include "mop/app/command.h"
#include "mop/app/fetch_series.h"

namespace mop::app {

struct FetchReport {
  std::span<const FetchOutcome> series;
  std::optional<Error> blocked;  // what stopped all of them
  exchange::FetchCounters counters;
  std::size_t stored = 0;    // series that are up to date
  std::int64_t minutes = 1;  // of the exchange's clock that the run touched: each has its budget
  DurationMillis skew = 0;   // of the exchange's clock, ahead of this machine's
  DurationMillis elapsed = 0;
};

/// Warnings, then the table or the document.
void print_fetch(const Context& ctx, const FetchReport& report);

}  // namespace mop::app
