// Test support: a synthetic market whose volatility can be forecast and whose direction cannot.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "mop/evaluate/baselines.h"
#include "mop/evaluate/forecasts.h"

namespace mop::evaluate {

/// The nine levels of a forecast.
std::span<const double> test_levels();

struct TestMarket {
  Outcomes fit, scored;
  std::vector<double> true_sigma;  // of the scored candles' next return: what an oracle would know
};

/// Hourly candles with slow, fast and time-of-day volatility and normal returns; sigma is an EWMA of one
/// day's span, HAR terms are ln mean ranges over 1, 4, 24 and 96 candles and the hour. The last `horizon`
/// targets of both parts are NaN.
TestMarket make_test_market(std::uint64_t seed, std::size_t fit_rows, std::size_t scored_rows,
                            std::size_t horizon = 3);

/// What someone who knows true_sigma would forecast; right one step ahead, near it beyond.
Forecasts oracle_forecasts(const TestMarket& market);

/// Rows in another order.
Outcomes permuted(const Outcomes& outcomes, std::span<const std::size_t> order);
Forecasts permuted(const Forecasts& forecasts, std::span<const std::size_t> order);

}  // namespace mop::evaluate
