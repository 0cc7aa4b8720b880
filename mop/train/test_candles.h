// Candles and jobs for tests of this room and those behind it.
#pragma once
#include <algorithm>
#include <cmath>
#include <numbers>

#include "mop/base/check.h"
#include "mop/base/rng.h"
#include "mop/train/trainer.h"

namespace mop::train {

// Volatility that swings with a period of one day: the network can learn it, EWMA lags behind.
inline market::CandleSeries swinging(market::Interval interval, std::size_t n, std::uint64_t seed) {
  constexpr UnixMillis kStart = 1735689600000;  // 2025-01-01
  market::CandleSeries s;
  s.symbol = "BTCUSDT";
  s.interval = interval;
  Rng rng(seed, 0);
  double price = 100.0;
  for (std::size_t i = 0; i < n; ++i) {
    const double hours =
        static_cast<double>(i) * static_cast<double>(length_of(interval)) / static_cast<double>(kHour);
    const double open = price;
    price *= std::exp(0.004 * (1.1 + std::sin(hours * 2.0 * std::numbers::pi / 24.0)) * rng.normal());
    s.open_time.push_back(kStart + static_cast<UnixMillis>(i) * length_of(interval));
    s.open.push_back(open);
    s.high.push_back(std::max(open, price) * 1.0005);
    s.low.push_back(std::min(open, price) * 0.9995);
    s.close.push_back(price);
    s.volume.push_back(1.0 + rng.uniform());
  }
  return s;
}

/// A job that trains in a moment.
inline TrainJob small_job(Kind kind) {
  TrainJob job;
  job.kind = kind;
  job.profile = default_profile();
  job.profile.hidden = 8;
  job.profile.epochs = 4;
  job.profile.lookback = 24;
  job.profile.horizon = 3;
  job.seed = 5;
  job.profile.pooled = false;
  job.profile.ensemble = 1;
  job.coins.push_back({"BTCUSDT", {}});
  for (const market::Interval interval : intervals_of(kind)) {
    job.coins[0].series.push_back(swinging(interval, interval == market::Interval::k15m ? 3200 : 800, 11));
  }
  return job;
}

/// The first coin's model.
inline TrainedModel train_first(const TrainJob& job) {
  auto made = train_models(job, [](const EpochReport&) {});
  MOP_CHECK(made.has_value()) << made.error().message;
  return std::move(made->front());
}

inline TrainedModel train_small(Kind kind) {
  return train_first(small_job(kind));
}

}  // namespace mop::train
