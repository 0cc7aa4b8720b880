// Times the raw feature columns: `mop_bench_features [candles]` prints one JSON object of seconds per candle.
// bench/features/run.sh puts it beside TA-Lib and pandas.
#include <time.h>

#include <span>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <vector>

#include "bench/features/market.h"
#include "mop/features/raw_features.h"
#include "mop/features/stream.h"

namespace {

using mop::features::RawFeatureStream;
using mop::features::RawRow;
using mop::market::CandleSeries;
using mop::market::Interval;

CandleSeries synthetic(std::size_t n) {
  CandleSeries series;
  series.symbol = "BENCHUSDT";
  series.interval = Interval::k15m;
  series.open_time.resize(n);
  for (std::size_t t = 0; t < n; ++t)
    series.open_time[t] = static_cast<mop::UnixMillis>(t) * mop::market::length_of(series.interval);
  for (auto* column : {&series.open, &series.high, &series.low, &series.close, &series.volume})
    column->resize(n);
  market_fill(n, series.open.data(), series.high.data(), series.low.data(), series.close.data(),
              series.volume.data());
  return series;
}

// Of this thread: a neighbour that takes the core for a while does not count.
double processor_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// The fastest of several runs: what the machine can do when nothing else disturbs it.
double best_seconds(int runs, const std::function<void()>& work) {
  double best = 1e300;
  for (int i = 0; i < runs; ++i) {
    const double begin = processor_seconds();
    work();
    best = std::min(best, processor_seconds() - begin);
  }
  return best;
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t n = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000;
  const CandleSeries series = synthetic(n);
  const std::size_t width = mop::features::raw_features().size();
  const std::span columns(market_columns(width * n), width * n);
  const double batch = best_seconds(7, [&] { mop::features::compute_raw_features(series, columns); });
  const double with_allocation = best_seconds(5, [&] { mop::features::compute_raw_features(series); });

  RawRow row;
  double sink = 0.0;
  const auto candle = [&](std::size_t t) {
    return mop::features::CandleValues{series.close_time(t), series.open[t],  series.high[t],
                                       series.low[t],        series.close[t], series.volume[t]};
  };
  const double stream = best_seconds(3, [&] {
    RawFeatureStream live(series.interval);
    for (std::size_t t = 0; t < n; ++t) {
      live.push(candle(t), row);
      sink += row[0];
    }
  });
  const std::size_t looks = std::min<std::size_t>(n, 100'000);
  RawFeatureStream live(series.interval);
  for (std::size_t t = 0; t < looks; ++t)
    live.push(candle(t), row);
  const double peek = best_seconds(3, [&] {
    for (std::size_t i = 0; i < looks; ++i) {
      live.peek(candle(looks), row);
      sink += row[0];
    }
  });
  // What memory allows: the same bytes written, nothing computed.
  const double write = best_seconds(5, [&] { std::memset(columns.data(), 1, columns.size_bytes()); });

  const double bytes = static_cast<double>((width + 5) * sizeof(double) * n);
  std::printf(
      "{\"candles\":%zu,\"columns\":%zu,\"batch_s\":%.6f,\"batch_with_allocation_s\":%.6f,\"stream_us\":%.4f,"
      "\"peek_us\":%.4f,\"bytes\":%.0f,\"memory_write_s\":%.6f,\"sink\":%g}\n",
      n, width, batch, with_allocation, 1e6 * stream / static_cast<double>(n),
      1e6 * peek / static_cast<double>(looks), bytes, write, sink);
  return 0;
}
