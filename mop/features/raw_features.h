// The 44 indicator columns in their own units (`mop features --raw`). docs/indicators.md describes each.
#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mop/features/indicator_info.h"
#include "mop/features/large_pages.h"
#include "mop/market/candle_series.h"

namespace mop::features {

/// The raw columns in the order they are printed: open high low close volume first.
std::span<const IndicatorInfo> raw_features();

/// Columns of doubles, one row per candle, column-major. NaN during each column's warm-up, finite after it.
struct FeatureMatrix {
  std::vector<std::string> names;  // (F)
  std::size_t rows = 0;            // N
  ColumnVector values;             // (F, N): column f is values[f * rows .. (f + 1) * rows)

  std::span<const double> column(std::size_t f) const;
  /// REQUIRES: `name` is one of names.
  std::span<const double> column(std::string_view name) const;
};

/// All raw columns of one run of candles. Row t depends on candles 0..t only.
/// REQUIRES: no hole in `run` (market::contiguous_runs), valid candles (market::validate).
FeatureMatrix compute_raw_features(const market::CandleSeries& run);

/// The same into memory of the caller: (F, N) column-major, F = raw_features().size(), N = run.size().
void compute_raw_features(const market::CandleSeries& run, std::span<double> columns);

}  // namespace mop::features
