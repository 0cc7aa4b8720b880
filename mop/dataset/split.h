// Where fitting ends and validation begins. Leak guards: a target is learnt only when it closes before the
// validation block opens (purge, by time: SeriesData::target_closes_before), and the first rows of the block,
// whose windows share candles with the fit part, validate nothing (embargo).
#pragma once
#include <cstddef>

#include "mop/dataset/series_data.h"

namespace mop::dataset {

/// Half-open row ranges of one series, in time order.
struct FitSplit {
  std::size_t fit_begin, fit_end;                // rows that are learnt from
  std::size_t validation_begin, validation_end;  // rows that stop the training
  UnixMillis fit_targets_before;                 // targets that close at this instant or later are not learnt
};

/// The newest `validation_share` of the rows with a full window of `lookback` validate, the older ones are
/// learnt from. Errors: kInvalidArgument when either part is left without a window.
Result<FitSplit> split_for_fit(const SeriesData& data, double validation_share, std::size_t lookback);

}  // namespace mop::dataset
