#include "mop/features/candle_rows.h"

#include "mop/base/check.h"

namespace mop::features {

void check_is_run(const market::CandleSeries& run) {
  const auto holes = market::find_holes(run.open_time, run.interval);
  MOP_CHECK(holes.empty()) << run.symbol << ": features need a run without holes, this one has "
                           << holes.size() << ", the first at " << format_utc(holes.front().from);
}

}  // namespace mop::features
