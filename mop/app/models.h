// What train, evaluate and predict share: the candles of a model, and which models are meant.
#pragma once
#include <string>
#include <vector>

#include "mop/app/command.h"
#include "mop/base/result.h"
#include "mop/market/candle_series.h"
#include "mop/store/candle_store.h"
#include "mop/train/model.h"

namespace mop::app {

/// "15m,1h,unified" -> kinds, in the order given. Errors: kInvalidArgument.
Result<std::vector<train::Kind>> parse_kinds(const std::string& text);

/// The stored candles (load_candles) of each timeframe a kind reads, those that close in [since, until).
/// Errors: as CandleStore::load; kNotFound when none closes there.
Result<std::vector<market::CandleSeries>> load_series(const Context& ctx, store::CandleStore& store,
                                                      std::string_view symbol, train::Kind kind,
                                                      UnixMillis since = INT64_MIN,
                                                      UnixMillis until = INT64_MAX);

/// --since and --until as typed: empty means unbounded. Errors: kInvalidArgument.
Result<UnixMillis> parse_bound(const std::string& text, UnixMillis unbounded);

/// Refuses --device cuda with the reason when this program or machine cannot.
Result<void> check_device(const Context& ctx);

/// Threads to use: the setting, or every core.
std::size_t thread_count(const Context& ctx);

}  // namespace mop::app
