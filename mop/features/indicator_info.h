#pragma once
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

#include "mop/features/stability.h"

namespace mop::features {

/// What multiplying all prices, or all volumes, of a coin by a constant does to a value.
enum class Scale : std::uint8_t {
  kFree,    // nothing
  kPrice,   // multiplies it like the prices
  kVolume,  // multiplies it like the volumes
};

/// "none", "as prices", "as volumes".
std::string_view to_string(Scale scale);

/// Where an input's numbers come from.
enum class InputSource : std::uint8_t {
  kCandles,  // the coin's own prices and volumes: always there
  kTaker,    // CandleSeries::taker_buy_base
  kMarket,   // a MarketContext
};

/// "candles", "taker volume", "market".
std::string_view to_string(InputSource source);

/// How the raw column x becomes the model input of the same name. C: close, S: sigma.
enum class InputForm : std::uint8_t {
  kOwn,         // by a formula of its own (model_inputs.cc)
  kDistance,    // ln(max(x / C, 0.01)) / S, for prices
  kDifference,  // x / C / S, for differences of prices
  kCentred,     // (x - 50) / 50, for percentages around 50
  kDirection,   // x / 50 - 0.5, for percentages that are mostly below 50
};

inline constexpr std::string_view kQuoteUnit = "quote currency";
inline constexpr std::string_view kBaseUnit = "base currency";

/// What one column means. `mop features --list` and docs/indicators.md print these fields as they stand.
struct IndicatorInfo {
  std::string_view name;     // column name, e.g. "sma_10"
  std::string_view group;    // price, trend, momentum, volatility, volume, context, market
  std::string_view unit;     // of the values, e.g. "quote currency", "percent"
  std::string_view formula;  // C, H, L, O, V: close, high, low, open, volume of candle t
  std::string_view source;   // who defined it; "TA-Lib X" means TA-Lib's values are the definition
  std::size_t warmup;        // candles needed for the first value: rows >= warmup - 1 are finite, earlier NaN
  Stability stability;
  InputForm form = InputForm::kOwn;
  double memory = 0.0;  // candles over which an exponential mean forgets a factor e: 1 / alpha, added up when
                        // means are nested; 0 for the others
  InputSource input = InputSource::kCandles;

  constexpr Scale scale() const {
    return unit == kQuoteUnit ? Scale::kPrice : unit == kBaseUnit ? Scale::kVolume : Scale::kFree;
  }
  /// Candles of history after which the start no longer shows beyond about 1e-6 of the value: the warm-up and
  /// 16 memories. 0 for path-dependent columns, which never forget it.
  constexpr std::size_t min_candles() const {
    if (stability == Stability::kPathDependent) return 0;
    return warmup + static_cast<std::size_t>(16.0 * memory);
  }
};

inline constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

}  // namespace mop::features
