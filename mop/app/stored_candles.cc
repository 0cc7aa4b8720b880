#include "mop/app/stored_candles.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "mop/app/models.h"
#include "mop/app/series_text.h"
#include "mop/base/parallel.h"
#include "mop/market/symbol.h"

namespace mop::app {
namespace {

Result<market::CandleSeries> read_span(const Context& ctx, store::CandleStore& store, std::string_view symbol,
                                       market::Interval interval, UnixMillis since, UnixMillis until) {
  MOP_TRY_ASSIGN(const market::CandleSeries stored, load_candles(ctx, store, symbol, interval));
  market::CandleSeries series = stored.closing_in(since, until);
  if (series.size() > 0) return series;
  return fail(
      ErrorCode::kNotFound,
      fmt::format("{} {}: no stored candle closes in the asked span, the store has {} to {}; fetch more "
                  "history or change the dates",
                  symbol, market::to_string(interval), format_utc(stored.open_time.front()),
                  format_utc(stored.close_time(stored.size() - 1) + 1)));
}

}  // namespace

StoredCandles StoredCandles::read(const Context& ctx, store::CandleStore& store, UnixMillis since,
                                  UnixMillis until) {
  std::vector<Key> keys;
  for (const market::Interval interval : market::kIntervals) {
    for (const market::Symbol& symbol : market::all_symbols())
      keys.emplace_back(symbol.name, interval);
  }
  std::vector<std::optional<Result<market::CandleSeries>>> found(keys.size());
  parallel_for(keys.size(), thread_count(ctx), [&](std::size_t i) {
    found[i] = read_span(ctx, store, keys[i].first, keys[i].second, since, until);
  });
  StoredCandles candles;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (!*found[i]) {
      candles.errors_.emplace(keys[i], found[i]->error());
      continue;
    }
    candles.place_.emplace(keys[i], candles.series_.size());
    candles.series_.push_back(std::move(**found[i]));
  }
  return candles;
}

Result<std::vector<market::CandleSeries>> StoredCandles::of(std::string_view symbol, train::Kind kind) const {
  std::vector<market::CandleSeries> series;
  for (const market::Interval interval : train::intervals_of(kind)) {
    const Key key(symbol, interval);
    if (const auto error = errors_.find(key); error != errors_.end()) return fail(error->second);
    series.push_back(series_[place_.at(key)]);
  }
  return series;
}

UnixMillis StoredCandles::newest_end() const {
  UnixMillis newest = 0;
  for (const market::CandleSeries& s : series_)
    newest = std::max(newest, s.close_time(s.size() - 1) + 1);
  return newest;
}

std::vector<std::string> StoredCandles::coins() const {
  std::vector<std::string> coins;
  for (const market::CandleSeries& s : series_) {
    if (std::find(coins.begin(), coins.end(), s.symbol) == coins.end()) coins.push_back(s.symbol);
  }
  return coins;
}

Result<std::vector<market::CandleSeries>> market_coins_of(const train::TrainedModel& model,
                                                          const StoredCandles& candles) {
  const auto stored = candles.coins();
  std::string missing;
  for (const std::string& coin : model.market_coins) {
    if (std::find(stored.begin(), stored.end(), coin) != stored.end()) continue;
    missing += (missing.empty() ? "" : ",") + coin;
  }
  if (!missing.empty()) {
    return fail(ErrorCode::kNotFound,
                fmt::format("model {} reads what {} coins did, and of {} no candle is stored; run `mop fetch "
                            "--symbols {}`",
                            model.id(), model.market_coins.size(), missing, missing));
  }
  std::vector<market::CandleSeries> coins;
  for (const market::CandleSeries& s : candles.all()) {
    const auto& wanted = model.market_coins;
    if (std::find(wanted.begin(), wanted.end(), s.symbol) != wanted.end()) coins.push_back(s);
  }
  return coins;
}

}  // namespace mop::app
