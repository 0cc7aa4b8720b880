// Models that follow the market candle by candle: what they forecast at a close is, digit for digit, what
// `mop predict` says from the same candles and files.
#pragma once
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "mop/base/result.h"
#include "mop/features/candle_values.h"
#include "mop/market/interval.h"
#include "mop/store/candle_store.h"
#include "mop/train/model.h"

namespace mop::serve {

/// A model and the hash of its file.
struct ModelFile {
  train::TrainedModel model;
  std::string sha256;
};

/// A closed candle of one series.
struct LiveCandle {
  store::SeriesKey series;
  features::CandleValues values;
};

/// What a baseline of a model says at a close, calibrated on its own: from where the model's calibration was
/// left by its training, with factors of one there.
struct BaselineForecast {
  std::vector<double> z;     // (H, L), as ModelForecast's
  std::vector<double> p_up;  // (H)
};

/// What one model says of one series at a close, calibrated.
struct ModelForecast {
  std::size_t model = 0;  // in ModelHost::models()
  std::size_t head = 0;   // of the model
  store::SeriesKey series;
  UnixMillis as_of = 0;        // close time of the candle it was made at
  double close = 0.0;          // quote currency
  double sigma = 0.0;          // volatility of one candle's log return
  std::vector<double> z;       // (H, L) quantiles of ln(price / close) / (sigma sqrt(h)), ascending along L
  std::vector<double> p_up;    // (H)
  double log_range = 0.0;      // expected ln(high / low) of the next candle
  BaselineForecast ewma, har;  // the model's B2 and B3
  std::vector<double> har_scale;  // (H) what the model's B3 quantiles, as fitted, are scaled by at this close
  double har_log_range =
      std::numeric_limits<double>::quiet_NaN();  // B3's expected ln(high / low); NaN when it has none
  std::string input_hash;                        // SHA-256 of everything the networks read
  std::size_t candles_in_a_row = 0;              // of forecast_over_hole() alone
};

/// Hosts models over all series they read. One thread at a time.
class ModelHost {
 public:
  /// Rows a model keeps behind its newest: enough for a window and for what is still to be forecast.
  static constexpr std::size_t kKeptRows = 192;

  /// `threads` forecast side by side.
  explicit ModelHost(std::size_t threads);
  ModelHost(ModelHost&&) noexcept;
  ModelHost& operator=(ModelHost&&) noexcept;
  ~ModelHost();

  /// Takes a model in, before the first advance(). Errors: kInvalidArgument for inputs this program does not
  /// compute.
  Result<void> add(ModelFile file);
  /// Forgets every candle, because one that closed at `changed` (0: any) is to be replayed with the others.
  /// What calibrations had learnt by the newest day's end before that is kept, so that its rows need not be
  /// forecast again; the candles must be the same up to there. Returns until when; 0: as after the last
  /// add().
  UnixMillis restart(UnixMillis changed);

  /// In the order they were added, without their networks' parameters.
  std::size_t models() const;
  const train::TrainedModel& model(std::size_t index) const;
  const std::string& sha256(std::size_t index) const;
  /// Every series that a model reads or that its market inputs are made of, in the order of
  /// market::all_symbols(), 15m first.
  std::vector<store::SeriesKey> series() const;

  /// All candles that close at this instant. One that does not follow its series' last candle begins a new
  /// run: a hole. Series nobody reads are ignored. REQUIRES: instants ascend.
  void advance(UnixMillis close_time, std::span<const LiveCandle> candles);

  /// Forecasts every row since the last call, which teaches the calibration, and returns those of the instant
  /// last advanced to, in the order of models and heads. To replay a long history, call it every kReplayRows
  /// instants.
  std::vector<ModelForecast> forecast();
  /// The same for some models alone: who is in a hurry asks for the others later, before advance() or after
  /// it.
  std::vector<ModelForecast> forecast(std::span<const std::size_t> models);
  static constexpr std::size_t kReplayRows = 256;

  /// For a model that cannot speak, because candles are missing behind the one of the instant last advanced
  /// to: what its B2 says, as fitted, with the volatility carried over the hole. Nothing else of it is known.
  /// None when the series has no candle at the instant, or had less than a day of them altogether.
  std::optional<ModelForecast> forecast_over_hole(std::size_t model, std::size_t head);

  /// After forecast(), while nobody waits: computes all of the next windows but the candle that is to come,
  /// so that the next forecast() has one step of the networks to do and not a window of them. Changes nothing
  /// of what is forecast.
  void warm_up();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mop::serve
