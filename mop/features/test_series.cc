#include "mop/features/test_series.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <sstream>

#include "mop/base/check.h"
#include "mop/base/rng.h"

namespace mop::features::testing {
namespace {

using market::CandleSeries;
using market::Interval;

constexpr std::size_t kHostileCandles = 700;

CandleSeries empty_series(Interval interval) {
  CandleSeries series;
  series.symbol = "TESTUSDT";
  series.interval = interval;
  return series;
}

CandleSeries constant_market(Interval interval, double price, double volume) {
  CandleSeries series = empty_series(interval);
  for (std::size_t i = 0; i < kHostileCandles; ++i)
    append(series, price, price, price, price, volume);
  return series;
}

CandleSeries one_tick_market(Interval interval) {
  CandleSeries series = empty_series(interval);
  for (std::size_t i = 0; i < kHostileCandles; ++i) {
    const double price = i % 3 == 0 ? 100.01 : 100.0;
    append(series, 100.0, 100.01, 100.0, price, i % 5 == 0 ? 0.0 : 1.0);
  }
  return series;
}

CandleSeries crash_market(Interval interval) {
  CandleSeries series = tick_market(11, kHostileCandles, interval);
  const std::size_t crash = kHostileCandles / 2;
  series.low[crash] = 1e-6;
  series.close[crash] = series.close[crash - 1] * 0.2;
  series.volume[crash] *= 1e6;
  for (std::size_t i = crash + 1; i < kHostileCandles; ++i) {
    for (auto* column : {&series.open, &series.high, &series.low, &series.close})
      (*column)[i] *= 0.2;
  }
  return series;
}

// 2025-10-10, 21:15 UTC: what SUIUSDT's 15m candle did among calm ones, 2.75 to 0.56 and back to 2.01.
CandleSeries crash_of_october_2025(Interval interval) {
  CandleSeries series = tick_market(15, kHostileCandles, interval);
  const std::size_t crash = kHostileCandles / 2;
  series = scaled(series, 2.7491 / series.close[crash - 1], 1e7 / 16.0);
  series.open[crash] = 2.7491;
  series.high[crash] = 2.7849;
  series.low[crash] = 0.5597;
  series.close[crash] = 2.0061;
  series.volume[crash] = 25024475.8;
  for (std::size_t i = crash + 1; i < kHostileCandles; ++i) {
    for (auto* column : {&series.open, &series.high, &series.low, &series.close})
      (*column)[i] *= 2.0061 / 2.7491;
  }
  return series;
}

CandleSeries rest_after_a_move(Interval interval) {
  CandleSeries series = tick_market(12, 200, interval);
  const double last = series.close.back();
  for (std::size_t i = 200; i < kHostileCandles; ++i)
    append(series, last, last, last, last, 0.0);
  return series;
}

}  // namespace

void append(CandleSeries& series, double open, double high, double low, double close, double volume) {
  const UnixMillis first = 1'700'006'400'000;
  const auto count = static_cast<UnixMillis>(series.size());
  series.open_time.push_back(first + count * market::length_of(series.interval));
  series.open.push_back(open);
  series.high.push_back(high);
  series.low.push_back(low);
  series.close.push_back(close);
  series.volume.push_back(volume);
}

CandleSeries tick_market(std::uint64_t seed, std::size_t candles, Interval interval) {
  Rng rng(seed, 0);
  CandleSeries series = empty_series(interval);
  const auto price_of = [](double ticks) { return ticks / 100.0; };
  double ticks = 10000.0;
  for (std::size_t i = 0; i < candles; ++i) {
    const double open = ticks;
    ticks = std::max(std::round(ticks * (1.0 + 0.004 * rng.normal())), 100.0);
    const bool wicks = rng.below(20) != 0;
    const double high = std::max(open, ticks) + (wicks ? static_cast<double>(rng.below(30)) : 0.0);
    const double low = std::min(open, ticks) - (wicks ? static_cast<double>(rng.below(30)) : 0.0);
    const double volume = rng.below(15) == 0 ? 0.0 : std::round(1000.0 * std::exp(rng.normal())) / 100.0;
    append(series, price_of(open), price_of(high), price_of(low), price_of(ticks), volume);
  }
  return series;
}

std::vector<std::pair<std::string, CandleSeries>> hostile_markets(Interval interval) {
  return {
      {"constant price", constant_market(interval, 42.7, 3.0)},
      {"constant price without volume", constant_market(interval, 0.1, 0.0)},
      {"moves without volume", scaled(tick_market(13, kHostileCandles, interval), 1.0, 0.0)},
      {"one-tick moves", one_tick_market(interval)},
      {"tiny prices and huge volumes", scaled(tick_market(14, kHostileCandles, interval), 1e-10, 1e9)},
      {"a crash", crash_market(interval)},
      {"the crash of 2025-10-10", crash_of_october_2025(interval)},
      {"a rest after a move", rest_after_a_move(interval)},
  };
}

CandleSeries scaled(CandleSeries series, double price_factor, double volume_factor) {
  for (auto* column : {&series.open, &series.high, &series.low, &series.close}) {
    for (double& price : *column)
      price *= price_factor;
  }
  for (double& volume : series.volume)
    volume *= volume_factor;
  return series;
}

const std::vector<double>& CsvTable::column(const std::string& name) const {
  const auto found = std::find(names.begin(), names.end(), name);
  MOP_CHECK(found != names.end()) << "no column " << name;
  return columns[static_cast<std::size_t>(found - names.begin())];
}

std::optional<CsvTable> read_csv(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  CsvTable table;
  std::istringstream header(line);
  for (std::string name; std::getline(header, name, ',');)
    table.names.push_back(name);
  table.columns.resize(table.names.size());
  while (std::getline(file, line)) {
    const char* cell = line.c_str();
    for (auto& column : table.columns) {
      char* end = nullptr;
      const double value = std::strtod(cell, &end);
      column.push_back(end == cell ? std::numeric_limits<double>::quiet_NaN() : value);
      cell = *end == ',' ? end + 1 : end;
    }
  }
  return table;
}

bool same_bits(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

}  // namespace mop::features::testing
