// Rows of a series as its candles close, for a service: the live form of build_series_data.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "mop/base/result.h"
#include "mop/dataset/series_data.h"
#include "mop/features/candle_values.h"
#include "mop/features/model_input_state.h"

namespace mop::dataset {

/// SeriesData that grows by one candle at a time. After the same candles its rows hold, bit for bit, what
/// build_series_data makes of them; targets become known as later candles come. Old rows can be dropped.
class LiveRows {
 public:
  /// `sources`: what the candles and the market will state. Errors: kInvalidArgument, as build_series_data.
  static Result<LiveRows> make(std::string symbol, market::Interval interval,
                               std::span<const std::string> inputs, std::size_t horizon,
                               features::InputSources sources);

  /// A closed candle, and what features::ModelInputState made of it: its inputs and its sigma. A candle that
  /// does not follow the last one begins a new run. REQUIRES: candles ascend in time.
  void push(const features::CandleValues& candle, const features::ModelInputRow& inputs, double sigma);

  /// Forgets all but the newest `rows`: of a row that stays, only as much history counts as stays with it.
  void keep_newest(std::size_t rows);

  /// As if no candle had been pushed.
  void clear();

  const SeriesData& data() const { return *data_; }
  /// The same rows for as long as they are wanted; they go on growing.
  std::shared_ptr<const SeriesData> shared() const { return data_; }

 private:
  LiveRows(std::shared_ptr<SeriesData> data, features::InputColumns columns)
      : data_(std::move(data)), columns_(std::move(columns)) {}
  void fill_targets(const features::CandleValues& candle);

  std::shared_ptr<SeriesData> data_;
  features::InputColumns columns_;
  std::size_t run_ = 0;  // candles of the run so far
};

}  // namespace mop::dataset
