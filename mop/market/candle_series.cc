#include "mop/market/candle_series.h"

#include <algorithm>
#include <limits>

#include "mop/base/check.h"

namespace mop::market {

void CandleSeries::reserve(std::size_t n) {
  open_time.reserve(n);
  for (auto* column : {&open, &high, &low, &close, &volume})
    column->reserve(n);
}

void CandleSeries::push_back(const Candle& c) {
  MOP_CHECK(open_time.empty() || c.open_time > open_time.back()) << "open_time " << c.open_time;
  open_time.push_back(c.open_time);
  open.push_back(c.open.value());
  high.push_back(c.high.value());
  low.push_back(c.low.value());
  close.push_back(c.close.value());
  volume.push_back(c.volume.value());
  if (c.taker_buy_base.empty() && taker_buy_base.empty()) return;
  taker_buy_base.resize(size(), std::numeric_limits<double>::quiet_NaN());
  taker_buy_base.back() = c.taker_buy_base.value();  // NaN when empty
}

std::size_t CandleSeries::lower_bound(UnixMillis t) const {
  return static_cast<std::size_t>(std::lower_bound(open_time.begin(), open_time.end(), t) -
                                  open_time.begin());
}

CandleSeries CandleSeries::slice(std::size_t first, std::size_t last) const {
  MOP_CHECK(first <= last && last <= size()) << first << ".." << last << " of " << size();
  const auto cut = [&](const auto& column) {
    return std::remove_cvref_t<decltype(column)>(column.begin() + static_cast<std::ptrdiff_t>(first),
                                                 column.begin() + static_cast<std::ptrdiff_t>(last));
  };
  return {symbol,     interval,    cut(open_time),
          cut(open),  cut(high),   cut(low),
          cut(close), cut(volume), taker_buy_base.empty() ? std::vector<double>{} : cut(taker_buy_base)};
}

CandleSeries CandleSeries::closing_in(UnixMillis since, UnixMillis until) const {
  const DurationMillis last_ms = length_of(interval) - 1;
  const auto first_closing_at = [&](UnixMillis t) {
    return t < INT64_MIN + last_ms ? std::size_t{0} : lower_bound(t - last_ms);
  };
  const std::size_t first = first_closing_at(since);
  return slice(first, std::max(first, first_closing_at(until)));
}

CandleSeries splice(const CandleSeries& earlier, const CandleSeries& later) {
  MOP_CHECK(earlier.interval == later.interval) << earlier.symbol << " and " << later.symbol;
  CandleSeries whole = earlier;
  const std::size_t first = earlier.size() == 0 ? 0 : later.lower_bound(earlier.open_time.back() + 1);
  const CandleSeries rest = later.slice(first, later.size());
  const auto append = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
  append(whole.open_time, rest.open_time);
  append(whole.open, rest.open);
  append(whole.high, rest.high);
  append(whole.low, rest.low);
  append(whole.close, rest.close);
  append(whole.volume, rest.volume);
  if (whole.taker_buy_base.empty() && rest.taker_buy_base.empty()) return whole;
  whole.taker_buy_base.resize(earlier.size(), std::numeric_limits<double>::quiet_NaN());
  append(whole.taker_buy_base, rest.taker_buy_base);
  whole.taker_buy_base.resize(whole.size(), std::numeric_limits<double>::quiet_NaN());
  return whole;
}

std::vector<Hole> find_holes(std::span<const UnixMillis> open_time, Interval interval) {
  const DurationMillis step = length_of(interval);
  std::vector<Hole> holes;
  for (std::size_t i = 1; i < open_time.size(); ++i) {
    const DurationMillis jump = open_time[i] - open_time[i - 1];
    if (jump > step) {
      holes.push_back(
          {open_time[i - 1] + step, open_time[i] - step, static_cast<std::size_t>(jump / step - 1)});
    }
  }
  return holes;
}

std::vector<Run> contiguous_runs(const CandleSeries& series) {
  const DurationMillis step = length_of(series.interval);
  std::vector<Run> runs;
  std::size_t first = 0;
  for (std::size_t i = 1; i <= series.size(); ++i) {
    if (i == series.size() || series.open_time[i] - series.open_time[i - 1] != step) {
      runs.push_back({first, i});
      first = i;
    }
  }
  return runs;
}

}  // namespace mop::market
