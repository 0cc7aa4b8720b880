// Candle series for this room's tests: made by hand or by a seeded generator, never read from the network.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mop/market/candle_series.h"

namespace mop::features::testing {

/// Appends a candle one interval after the last one.
void append(market::CandleSeries& series, double open, double high, double low, double close, double volume);

/// A market that moves in ticks of 0.01 near 100, with ties between up and down moves, candles without range
/// and candles without volume.
market::CandleSeries tick_market(std::uint64_t seed, std::size_t candles, market::Interval interval);

/// Named series that are valid and unpleasant: constant price, no volume, moves of one tick, tiny prices with
/// huge volumes, a crash, a long rest after a move.
std::vector<std::pair<std::string, market::CandleSeries>> hostile_markets(market::Interval interval);

/// The same candles with other units of price and volume.
market::CandleSeries scaled(market::CandleSeries series, double price_factor, double volume_factor);

/// Columns of a CSV file by name, empty cells as NaN. `rows` counts the lines after the header.
struct CsvTable {
  std::vector<std::string> names;
  std::vector<std::vector<double>> columns;
  const std::vector<double>& column(const std::string& name) const;
};
/// Empty when there is no such file.
std::optional<CsvTable> read_csv(const std::string& path);

/// Equal to the last bit; two NaN are equal.
bool same_bits(double a, double b);

}  // namespace mop::features::testing
