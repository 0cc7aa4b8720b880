#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "mop/base/result.h"
#include "mop/features/model_inputs.h"
#include "mop/market/candle_series.h"

namespace mop::dataset {

/// One series made ready for a model: per candle its inputs (unscaled), its volatility and what happened
/// next. Indicators restart after every hole, so no window, indicator or target ever spans missing candles.
struct SeriesData {
  std::string symbol;
  market::Interval interval = market::Interval::k1h;
  std::vector<std::string> input_names;  // F
  std::size_t horizon = 0;               // H
  std::vector<UnixMillis> close_time;    // N
  std::vector<double> close;             // N, quote currency
  std::vector<float> x;                  // (N, F) row-major; zeros where a row is not usable
  std::vector<std::uint32_t> history;    // N: consecutive usable rows that end here, 0 = not usable
  std::vector<double> sigma;             // N: per-candle volatility known at the close; NaN if not usable
  std::vector<double> y;                 // (N, H): ln(C[t+h] / C[t]), NaN where that candle is missing
  std::vector<double> next_log_range;    // N: ln(high / low) of candle t + 1, NaN where missing

  std::size_t rows() const { return close_time.size(); }
  std::size_t inputs() const { return input_names.size(); }
  std::span<const float> row(std::size_t t) const { return std::span(x).subspan(t * inputs(), inputs()); }
  /// z(t, h) for h = 1..H (h counts from 1); NaN where y is.
  double z(std::size_t t, std::size_t h) const;
  /// True when candle t + h closes before `limit`, so that z(t, h) may be known to whoever stands there.
  bool target_closes_before(std::size_t t, std::size_t h, UnixMillis limit) const {
    return close_time[t] + static_cast<DurationMillis>(h) * market::length_of(interval) < limit;
  }
  /// Index of the first row with close_time >= t (rows() when there is none).
  std::size_t first_at_or_after(UnixMillis t) const;
  /// Rows that close before `limit` and end at least `candles` usable rows in a row.
  std::vector<std::size_t> rows_with_history(std::size_t candles, UnixMillis limit) const;
};

/// Errors: kInvalidArgument when `inputs` names an unknown one (a model file with another feature list) or no
/// run of candles is long enough for a single usable row. `inputs` empty = all. `market`: for the inputs that
/// need it, see features::compute_model_inputs.
Result<SeriesData> build_series_data(const market::CandleSeries& series, std::span<const std::string> inputs,
                                     std::size_t horizon, const features::MarketContext* market = nullptr);

/// Which inputs the longest run of this series can carry (dynamic feature selection).
features::Selection select_inputs_for(const market::CandleSeries& series,
                                      const features::MarketContext* market = nullptr);

}  // namespace mop::dataset
