// What the ledger holds (docs/formats/ledger.md): forecasts, closes that were missed, and what the models'
// baselines were, so that every forecast can be scored from its row, its model's row and candles alone.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mop/base/result.h"
#include "mop/base/time.h"
#include "mop/market/interval.h"

namespace mop::serve {

/// Names a forecast may stand under.
inline constexpr std::string_view kChampions[] = {"model", "unified", "ewma", "har"};

/// The baselines of one model file for one timeframe (a unified model has a row for each of its two).
struct ModelRow {
  std::string sha256;  // of the model file, 64 lower-case hex digits
  market::Interval interval = market::Interval::k1h;
  std::string id;                         // "BTCUSDT_1h"
  std::size_t horizon = 0;                // H, steps ahead
  std::vector<double> levels;             // (L) ascending, inside 0..1
  std::vector<double> static_y;           // (H,L) B1: quantiles of ln(price / close)
  std::vector<double> ewma_z;             // (H,L) B2: quantiles of z
  std::vector<double> har_residual;       // (H,L) B3: quantiles of z / har_scale
  std::optional<double> spike_threshold;  // of the next ln(high / low); none when it was not fitted
  UnixMillis trained_until = 0;           // close time of the newest candle it learnt from

  bool operator==(const ModelRow&) const = default;
};

/// One forecast of one series at one close.
struct ForecastRow {
  std::string symbol;
  market::Interval interval = market::Interval::k1h;
  UnixMillis as_of = 0;    // close time of the candle it was made at
  UnixMillis made_at = 0;  // by the exchange's clock: as_of <= made_at < close time of the next candle
  double close = 0.0;      // of that candle, quote currency
  double tick_size = 0.0;  // smallest price step, quote currency (market::Symbol)
  double sigma = 0.0;      // volatility of one candle's log return
  std::string champion;    // one of kChampions
  std::string reason;      // why it is not the model's own choice, for people; may be empty
  std::string model_id;    // as in its ModelRow
  std::string model_sha256;
  std::string input_hash;   // SHA-256 of the network's inputs, 64 hex digits
  std::size_t horizon = 0;  // H and levels (L), as in its ModelRow
  std::vector<double> levels;
  std::vector<double> z;     // (H,L) quantiles of ln(price / close) / (sigma * sqrt(h)), ascending along L
  std::vector<double> p_up;  // (H) 0..1
  std::optional<double> log_range;  // expected ln(high / low) of the next candle, > 0; none when not forecast
  /// (H) B3's scale of this row, > 0 (evaluate::LogLinear::at); empty where the candle's HAR terms are not
  /// known, for candles are missing behind it: B3 is then B2.
  std::vector<double> har_scale;

  bool operator==(const ForecastRow&) const = default;
};

/// One close of one series that was not forecast in time.
struct MissedRow {
  std::string symbol;
  market::Interval interval = market::Interval::k1h;
  UnixMillis as_of = 0;     // close time of the candle nothing was said at
  UnixMillis noted_at = 0;  // by the exchange's clock
  std::string reason;       // for people, not empty

  bool operator==(const MissedRow&) const = default;
};

/// Shapes fit, numbers are finite and in their ranges, quantiles ascend, as_of is the end of a candle, and
/// the forecast was made before the candle it speaks of closed. Errors: kInvalidArgument, and kRefused for a
/// forecast after the fact, naming series, close, field, rule and value.
Result<void> validate(const ModelRow& row);
Result<void> validate(const ForecastRow& row);
Result<void> validate(const MissedRow& row);

/// "BTCUSDT 1h at 2025-07-01 13:00": the close as people say it.
std::string close_text(std::string_view symbol, market::Interval interval, UnixMillis as_of);

}  // namespace mop::serve
