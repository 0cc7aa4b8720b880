#pragma once
#include <memory>
#include <span>
#include <vector>

#include "mop/base/result.h"
#include "mop/dataset/markets.h"
#include "mop/dataset/sequences.h"
#include "mop/market/candle_series.h"
#include "mop/nn/cpu/inference.h"
#include "mop/train/model.h"

namespace mop::train {

/// Forecasts of one head for some rows of its series.
struct HeadForecasts {
  std::size_t horizon = 0;
  std::vector<double> levels;     // K
  std::vector<double> z;          // (n, H, K) quantiles of z, ascending along K
  std::vector<double> log_range;  // n: expected ln(high / low) of the next candle
};

/// One window as the network sees it and its answer, for checking a model in other programs.
struct Window {
  std::vector<std::vector<float>> inputs;  // per branch (lookback, F), scaled, oldest candle first
  std::vector<float> raw;                  // the network's outputs, all heads
};

/// A model's networks ready to run; models learnt together share them.
using PreparedNetworks = std::vector<nn::cpu::PreparedWeights>;
std::shared_ptr<const PreparedNetworks> prepare_networks(const TrainedModel& model);

/// Where a model's networks stand in one branch's windows: when the next candle closes, one step is left to
/// do, not a whole window. A cache: what is forecast is the same without it.
struct WindowStates {
  UnixMillis done_until = 0;      // close time of the newest row of the window last gone through; 0: none
  UnixMillis warm_until = 0;      // the next window is gone through up to this row; 0: it is not
  std::vector<float> done, warm;  // (networks, nn::cpu::state_size)
};

/// What one forecasting thread needs besides the models.
struct ForecastWorkspace {
  nn::cpu::Inference inference;
  dataset::Sequences sequences;
  std::vector<float> mean;                 // raw outputs, over the networks
  std::vector<float> x, from, to;          // of some sequences of a branch
  std::vector<std::vector<float>> states;  // per branch, of all sequences
};

/// A model applied to candles, with the statistics it was stored with: nothing is fitted here. The forecast
/// of a candle depends on it and earlier ones alone, and is the same bytes whether it is asked for alone or
/// among thousands. Calls with a workspace of their own may run side by side.
class Forecaster {
 public:
  /// `series` as intervals_of(model.kind). Errors: kInvalidArgument (too few candles, unknown inputs, a model
  /// that reads what the market did without `markets`).
  static Result<Forecaster> make(TrainedModel model, std::span<const market::CandleSeries> series,
                                 const dataset::Markets* markets = nullptr);

  /// On rows that go on growing (dataset::LiveRows), one series per branch, with networks prepared from this
  /// model or one with the same; the model's own parameters may be gone. REQUIRES: the series' inputs are the
  /// branches'.
  static Forecaster over(TrainedModel model, std::vector<std::shared_ptr<const dataset::SeriesData>> series,
                         std::shared_ptr<const PreparedNetworks> networks);
  /// After rows were added or dropped, and before anything else is asked.
  void rows_changed();

  const TrainedModel& model() const { return model_; }
  std::size_t heads() const { return data_.size(); }
  /// The head that forecasts a timeframe. Errors: kInvalidArgument when the model has none.
  Result<std::size_t> head_for(market::Interval interval) const;
  const dataset::SeriesData& series(std::size_t head) const { return *data_[head]; }

  /// True when row `row` of the head's series has a full window in every branch.
  bool can_forecast(std::size_t head, std::size_t row) const { return primary_row_[head][row] >= 0; }
  /// REQUIRES: can_forecast() for every row.
  HeadForecasts forecast(std::size_t head, std::span<const std::size_t> rows);
  HeadForecasts forecast(std::size_t head, std::span<const std::size_t> rows,
                         ForecastWorkspace& workspace) const;
  /// One row of one head of several models that share their networks (prepare_networks), in one pass: the
  /// same bytes as forecast() of each. REQUIRES: at least one, can_forecast() for each.
  struct Asked {
    const Forecaster* forecaster;
    std::size_t head, row;
  };
  static std::vector<HeadForecasts> forecast_together(std::span<const Asked> asked,
                                                      ForecastWorkspace& workspace);
  /// The same from where each one's networks stand (a WindowStates per branch), which goes on to the window
  /// asked for. Several heads of one model share its states.
  struct AskedFrom {
    Asked asked;
    std::span<WindowStates> states;
  };
  static std::vector<HeadForecasts> forecast_from(std::span<const AskedFrom> asked,
                                                  ForecastWorkspace& workspace);
  /// Takes the networks through what is known of the window behind the one asked for.
  static void warm_up(std::span<const AskedFrom> asked, ForecastWorkspace& workspace);
  /// The same for models that share them.
  const PreparedNetworks* networks() const { return networks_.get(); }

  /// What forecast() feeds the network for one row, and what comes out. REQUIRES: can_forecast().
  Window window(std::size_t head, std::size_t row);

 private:
  Forecaster(TrainedModel model, std::vector<std::shared_ptr<const dataset::SeriesData>> data,
             std::shared_ptr<const PreparedNetworks> networks);
  static void build(std::span<const Asked> asked, ForecastWorkspace& workspace);
  static void advance(std::span<const AskedFrom> asked, std::size_t branch, ForecastWorkspace& workspace);
  static std::span<const float> infer(std::span<const Asked> asked, ForecastWorkspace& workspace);
  void add_forecast(const Asked& asked, std::span<const float> raw, HeadForecasts& to) const;

  TrainedModel model_;
  std::vector<std::shared_ptr<const dataset::SeriesData>> data_;
  std::unique_ptr<dataset::SequenceBuilder> builder_;
  std::vector<std::vector<std::int64_t>>
      primary_row_;  // per head and row: the builder's row, -1 = no forecast
  std::shared_ptr<const PreparedNetworks> networks_;
  ForecastWorkspace workspace_;
};

}  // namespace mop::train
