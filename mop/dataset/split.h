// Where fitting ends and validation begins. Leak guards: a target is learnt only when it closes before the
// validation block opens (purge, by time: SeriesData::target_closes_before), and the first rows of the block,
// whose windows share candles with the fit part, validate nothing (embargo). Series that are learnt together
// are cut at one instant, so that no coin's fit part tells what another coin's block will bring.
#pragma once
#include <cstddef>
#include <span>

#include "mop/dataset/series_data.h"

namespace mop::dataset {

/// Half-open row ranges of one series, in time order. Either part may be empty.
struct FitSplit {
  std::size_t fit_begin, fit_end;                // rows that are learnt from
  std::size_t validation_begin, validation_end;  // rows that stop the training
  UnixMillis fit_targets_before;                 // targets that close at this instant or later are not learnt
};

/// The close time from which on the newest `validation_share` of all the series' full windows of `lookback`
/// lie. Errors: kInvalidArgument when that leaves either side without a window.
Result<UnixMillis> validation_opens(std::span<const SeriesData* const> series, double validation_share,
                                    std::size_t lookback);

/// Cuts one series there.
FitSplit split_at(const SeriesData& data, UnixMillis opens, std::size_t lookback);

}  // namespace mop::dataset
