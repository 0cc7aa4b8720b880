#include "mop/exchange/candle_fetcher.h"

#include <algorithm>
#include <iterator>
#include <variant>

#include <fmt/format.h>

namespace mop::exchange {
namespace {

using market::Candle;

class Fetcher {
 public:
  Fetcher(BinanceRest& rest, const std::string& symbol, market::Interval interval,
          std::optional<UnixMillis> until, UnixMillis server_now, const OnPage& on_page)
      : rest_(rest),
        symbol_(symbol),
        interval_(interval),
        length_(market::length_of(interval)),
        server_now_(server_now),
        // Open times before the running candle's: what is asked for is finished already.
        end_(std::min(server_now / length_ * length_ - 1, until.value_or(INT64_MAX))),
        on_page_(on_page) {}

  Result<FetchedCandles> since(UnixMillis start) {
    MOP_TRY(forward(start));
    return finish();
  }

  Result<FetchedCandles> newest(std::size_t count) {
    const auto span = static_cast<DurationMillis>(count) * length_;
    MOP_TRY(forward(std::max<UnixMillis>(0, end_ + 1 - span)));
    // Holes in the window, or a symbol that stopped trading before it: the rest lies further back.
    MOP_TRY(backward(count));
    auto& candles = got_.candles;
    sort_unique();
    if (candles.size() > count)
      candles.erase(candles.begin(), std::prev(candles.end(), std::ptrdiff_t(count)));
    return finish();
  }

 private:
  Result<std::vector<Candle>> page(std::optional<UnixMillis> start, UnixMillis end, int limit) {
    MOP_TRY_ASSIGN(auto rows, rest_.klines({symbol_, interval_, start, end, limit}));
    got_.rows_received += rows.size();
    return rows;
  }

  // Pages from `start` to the newest finished candle.
  Result<void> forward(UnixMillis start) {
    while (start <= end_) {
      MOP_TRY_ASSIGN(const auto rows, page(start, end_, BinanceRest::kMaxLimit));
      UnixMillis last = start - 1;
      for (const Candle& row : rows)
        last = std::max(last, row.open_time);
      MOP_TRY(keep(rows, start));
      if (rows.size() < static_cast<std::size_t>(BinanceRest::kMaxLimit) || last < start) return {};
      start = (last / length_ + 1) * length_;
    }
    return {};
  }

  // Pages back from the oldest candle so far (or from now) until there are `count`.
  Result<void> backward(std::size_t count) {
    while (got_.candles.size() < count) {
      const UnixMillis end = got_.candles.empty() ? end_ : oldest() - 1;
      const auto limit = std::min<std::size_t>(count - got_.candles.size(), BinanceRest::kMaxLimit);
      MOP_TRY_ASSIGN(auto rows, page(std::nullopt, end, static_cast<int>(limit)));
      const auto beyond = [&](const Candle& row) { return row.open_time > end; };
      rows.erase(std::remove_if(rows.begin(), rows.end(), beyond), rows.end());
      const std::size_t before = got_.candles.size();
      MOP_TRY(keep(rows, 0));
      if (rows.size() < limit || got_.candles.size() == before) return {};
    }
    return {};
  }

  Result<void> keep(const std::vector<Candle>& rows, UnixMillis start) {
    for (const Candle& row : rows) {
      if (row.open_time < start) continue;
      if (row.open_time % length_ != 0) {
        ++got_.misaligned;
        continue;
      }
      const auto sorted = market::classify(row, server_now_);
      const auto* candle = std::get_if<Candle>(&sorted);
      if (candle == nullptr) continue;
      if (auto valid = market::validate(*candle, interval_); !valid) {
        return fail(valid.error().code, fmt::format("{} {}: Binance sent a wrong {}", symbol_,
                                                    market::to_string(interval_), valid.error().message));
      }
      got_.candles.push_back(*candle);
    }
    if (on_page_ && !on_page_(got_.candles.size())) {
      return fail(ErrorCode::kInterrupted,
                  fmt::format("{} {}: fetch interrupted", symbol_, market::to_string(interval_)));
    }
    return {};
  }

  UnixMillis oldest() const {
    return std::min_element(got_.candles.begin(), got_.candles.end(), by_open_time)->open_time;
  }
  static bool by_open_time(const Candle& a, const Candle& b) { return a.open_time < b.open_time; }

  // Of two rows with one open time the later received stays: it is the newer statement.
  void sort_unique() {
    auto& candles = got_.candles;
    std::stable_sort(candles.begin(), candles.end(), by_open_time);
    const auto same = [](const Candle& a, const Candle& b) { return a.open_time == b.open_time; };
    const auto kept = std::unique(candles.rbegin(), candles.rend(), same);
    candles.erase(candles.begin(), kept.base());
  }

  Result<FetchedCandles> finish() {
    sort_unique();
    return std::move(got_);
  }

  BinanceRest& rest_;
  const std::string& symbol_;
  const market::Interval interval_;
  const DurationMillis length_;
  const UnixMillis server_now_, end_;
  const OnPage& on_page_;
  FetchedCandles got_;
};

}  // namespace

Result<FetchedCandles> fetch_candles(BinanceRest& rest, const std::string& symbol, market::Interval interval,
                                     const FetchRange& range, UnixMillis server_now, const OnPage& on_page) {
  Fetcher fetcher(rest, symbol, interval, range.until, server_now, on_page);
  if (range.since) return fetcher.since(std::max<UnixMillis>(0, *range.since));
  if (range.newest == 0) {
    return fail(ErrorCode::kInvalidArgument, "number of candles to fetch must be at least 1, was 0");
  }
  return fetcher.newest(range.newest);
}

}  // namespace mop::exchange
