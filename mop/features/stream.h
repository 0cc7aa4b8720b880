// The live form: finished candles are pushed, the candle that still trades is looked at.
#pragma once
#include <optional>
#include <utility>

#include "mop/features/model_input_state.h"
#include "mop/features/raw_feature_state.h"
#include "mop/market/interval.h"

namespace mop::features {

/// Columns of one series as its candles arrive, equal to the batch results bit for bit. After a hole of one
/// candle or more it starts anew, as every run of candles does: a window across a hole would mix prices hours
/// or months apart. Allocates when constructed and never again. One thread at a time, peek() included.
template <typename State>
class Stream {
 public:
  Stream(market::Interval interval, State start)
      : interval_(interval), start_(start), state_(start), looking_(std::move(start)) {}

  /// Feeds one finished candle and writes its row (and returns what the state's push returns). REQUIRES: it
  /// closes after the last one.
  template <typename Row, typename... Context>
  auto push(const CandleValues& candle, Row& row, const Context&... context) {
    if (is_after_hole(candle)) state_ = start_;
    last_close_time_ = candle.close_time;
    return state_.push(candle, row, context...);
  }

  /// The row a push of `candle` would write, without it having happened: for the candle that still trades.
  template <typename Row, typename... Context>
  auto peek(const CandleValues& candle, Row& row, const Context&... context) const {
    looking_ = is_after_hole(candle) ? start_ : state_;  // same sizes: the copy allocates nothing
    return looking_.push(candle, row, context...);
  }

 private:
  bool is_after_hole(const CandleValues& candle) const {
    return last_close_time_ && candle.close_time - *last_close_time_ != market::length_of(interval_);
  }

  market::Interval interval_;
  State start_, state_;
  mutable State looking_;
  std::optional<UnixMillis> last_close_time_;
};

class RawFeatureStream : public Stream<RawFeatureState> {
 public:
  explicit RawFeatureStream(market::Interval interval) : Stream(interval, RawFeatureState()) {}
};

/// push(candle, row, market_move) returns sigma_t.
class ModelInputStream : public Stream<ModelInputState> {
 public:
  explicit ModelInputStream(market::Interval interval) : Stream(interval, ModelInputState(interval)) {}
};

}  // namespace mop::features
