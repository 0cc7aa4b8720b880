// What the network reads: the 44 columns made scale-free and start-invariant, and context. Multiplying all
// prices of a coin by a constant, or all its volumes, changes no input beyond rounding.
#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "mop/base/result.h"
#include "mop/features/indicator_info.h"
#include "mop/features/market_context.h"
#include "mop/features/raw_features.h"
#include "mop/market/candle_series.h"

namespace mop::features {

/// All model inputs in their order: those named like the raw column they are made of, then the context
/// (log_sigma, har_*, log_range, hour_*, weekday_*, parkinson_*, garman_klass_*), taker volume and market.
/// The warm-up of many is one day of candles, so it depends on the interval; names and order do not.
std::span<const IndicatorInfo> model_inputs(market::Interval interval);

/// Which inputs can be computed besides those of the coin's own candles.
struct InputSources {
  bool taker = false;   // the series states taker volumes
  bool market = false;  // a MarketContext is given
};
InputSources sources_of(const market::CandleSeries& series, const MarketContext* market);

/// Where selected inputs stand in a ModelInputRow (model_input_state.h), and how many candles of a run pass
/// before all of them and sigma are finite, the first finite one included.
struct InputColumns {
  std::vector<std::size_t> columns;  // in the order asked for
  std::size_t warmup = 0;
};

/// Errors: kInvalidArgument, as compute_model_inputs.
Result<InputColumns> columns_of(std::span<const std::string> selected, market::Interval interval,
                                InputSources sources);

/// Inputs of one run, ready for the network.
struct InputMatrix {
  std::vector<std::string> names;  // (F) the selected inputs, in the order asked for
  std::size_t rows = 0;            // N
  std::vector<float> values;       // (N, F) row-major; NaN during each input's warm-up, finite after it
  std::vector<double> sigma;       // (N) per candle, see sigma.h; NaN during warm-up
  std::size_t first_valid = 0;     // first row where every selected input and sigma are finite; rows if none
};

/// Inputs of one run of candles; an empty selection means all whose source is there (sources_of). Row t
/// depends on candles 0..t only, and on what `market` knew at their closes. REQUIRES: no hole in `run`, valid
/// candles, `market` of the same interval. Errors: kInvalidArgument naming an input that does not exist (a
/// model file made with another feature list) or whose source is absent.
Result<InputMatrix> compute_model_inputs(const market::CandleSeries& run,
                                         std::span<const std::string> selected = {},
                                         const MarketContext* market = nullptr);

/// The same values in double and by column, before they are rounded to float: for printing and checking.
Result<FeatureMatrix> compute_model_input_columns(const market::CandleSeries& run,
                                                  std::span<const std::string> selected = {},
                                                  const MarketContext* market = nullptr);

struct SkippedFeature {
  std::string name;
  std::string reason;  // one sentence with the figures
};

/// The inputs a coin's history suffices for. Every input whose source is there is in exactly one of the two,
/// in model_inputs() order.
struct Selection {
  std::vector<std::string> used;
  std::vector<SkippedFeature> skipped;
};

/// Skips each input whose warm-up is longer than half of the longest run without a hole (`longest_run`,
/// candles).
Selection select_inputs(std::size_t longest_run, market::Interval interval, InputSources sources = {});

}  // namespace mop::features
