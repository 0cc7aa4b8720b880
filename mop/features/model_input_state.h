// All model inputs fed one candle at a time. Batch results are this, in a loop.
#pragma once
#include <array>
#include <cstdint>
#include <optional>

#include "mop/features/candle_values.h"
#include "mop/features/market_context.h"
#include "mop/features/raw_feature_state.h"
#include "mop/features/rolling_median.h"
#include "mop/features/sigma.h"
#include "mop/features/window.h"
#include "mop/market/interval.h"

namespace mop::features {

/// Place of each context input in model_inputs(); the inputs before them stand where their raw column does.
// clang-format off
enum ContextInput : std::uint8_t {
  kLogSigma = kRawColumns, kHar1, kHar4, kHar24, kHar96, kHar5d, kLogRange,
  kHourSin, kHourCos, kWeekdaySin, kWeekdayCos,
  kParkinson1, kParkinson4, kParkinson24, kParkinson96, kParkinson5d,
  kGarmanKlass1, kGarmanKlass4, kGarmanKlass24, kGarmanKlass96, kGarmanKlass5d,
  kTakerImbalance, kTakerImbalance24, kBtcReturn, kMarketReturn, kRelativeReturn,
  kBtcReturnBack, kMarketReturnBack,
  kModelInputs,  // how many
};
// clang-format on

/// One value per model input, dimensionless, NaN where its warm-up is not over.
using ModelInputRow = std::array<double, kModelInputs>;

/// A price this far below the close (a hundredth of it) is as low as inputs go: the lower bands are
/// differences and can fall to zero or below, where a logarithm has no value.
inline constexpr double kLowestPriceRatio = 0.01;
/// Least ratio of a volume to the usual one: a candle without volume counts as this.
inline constexpr double kLeastVolumeRatio = 1e-3;
/// The usual volume of a day is its median, but at least this share of its maximum: in a day that is mostly
/// without volume the median is 0.
inline constexpr double kLeastMedianToMax = 1e-4;
/// Least root mean squared return and range in units of sigma before a logarithm is taken.
inline constexpr double kLeastMoveInSigma = 0.1, kLeastRangeInSigma = 0.01;
/// Least natr before its logarithm is taken, percent: kMinSigma.
inline constexpr double kLeastNatr = 100.0 * kMinSigma;

class ModelInputState {
 public:
  explicit ModelInputState(market::Interval interval);

  /// Feeds one finished candle, and what the market did over it, and writes its row; returns sigma_t, NaN
  /// during its warm-up. Amortised constant time (the median's window is a day), no allocation.
  double push(const CandleValues& candle, ModelInputRow& row, const MarketMove& market = {});

 private:
  struct Context {  // what the mappings of one candle share
    double sigma;   // NaN during warm-up
    double usual;   // median volume of the day, see kLeastMedianToMax; NaN during warm-up
    double log_return, last_close, last_volume;  // NaN for the first candle
  };
  Context advance(const CandleValues& candle);
  void map_volumes(const CandleValues& candle, const Context& context, ModelInputRow& row) const;
  void map_realised_volatility(const CandleValues& candle, const Context& context, ModelInputRow& row);
  void map_taker(const CandleValues& candle, ModelInputRow& row);
  void map_market(const MarketMove& market, const Context& context, ModelInputRow& row);

  // Neutral on flat windows, and blind to ties that rounding decides.
  RawFeatureState raw_{{.tie = 1e-12, .flat_value = 50.0}};
  RawRow raw_row_{};
  EwmaVolatility volatility_;
  using HarSums = std::array<RollingSum, 5>;  // over 1, 4, 24, 96 candles and 5 days
  HarSums squared_returns_, parkinson_, garman_klass_;
  RollingSum taker_net_{24}, taker_volume_{24};
  RollingMedian volume_day_;
  std::optional<CandleValues> last_;
  double last_btc_ = kNaN, last_mean_ = kNaN;  // the market's move over the last candle, in sigmas
};

}  // namespace mop::features
