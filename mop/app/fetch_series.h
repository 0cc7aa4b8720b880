// What `mop fetch` does for one series: which candles are missing, from where they come, where they go.
#pragma once
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mop/base/clock.h"
#include "mop/base/result.h"
#include "mop/exchange/archive.h"
#include "mop/exchange/binance_rest.h"
#include "mop/exchange/candle_fetcher.h"
#include "mop/exchange/ccxt_source.h"
#include "mop/exchange/history_fetcher.h"
#include "mop/store/candle_store.h"

namespace mop::app {

/// --source.
struct FetchSource {
  bool rest = true, archive = true;
  bool archive_needed = false;   // `archive`: used however short the range is
  bool refuses_foreign = false;  // `binance`: no rows into a file that holds another exchange's
  std::string ccxt;              // exchange of `ccxt:<exchange>`, else ""
  std::string fallback;          // `auto`: exchange to turn to for what Binance no longer has; "" for none
};
/// Reads auto, binance, archive or ccxt:<exchange>. Errors: kInvalidArgument.
Result<FetchSource> parse_fetch_source(std::string_view text);

/// What became of one series.
struct FetchOutcome {
  store::SeriesKey series;
  exchange::FetchRange range;
  bool done = false;  // false without an error: not reached before an interrupt
  std::optional<Error> error;
  std::size_t misaligned = 0;
  std::size_t archive_files = 0;
  std::vector<exchange::Quarantined> quarantined;
  std::vector<std::string> sources;        // that delivered candles in this run
  std::vector<store::SourceRange> ranges;  // of the whole file
  store::StoreReport stored;
  std::string note;  // why another exchange was turned to, and whether it delivered; "" when it was not
};

/// Brings series up to date. Thread-safe: several series at a time.
class SeriesFetcher {
 public:
  /// `rest` and `archive` may be null when `source` does not need them; all must outlive this.
  SeriesFetcher(FetchSource source, store::CandleStore& store, exchange::BinanceRest* rest,
                exchange::Archive* archive, exchange::CcxtOptions ccxt)
      : source_(std::move(source)), store_(store), rest_(rest), archive_(archive), ccxt_(std::move(ccxt)) {}

  /// `now` is the exchange's clock. Fills the outcome's report; what was stored before an error stays stored.
  /// Holes that were never asked for are asked for again, and marked no_trades when the exchange has no
  /// candle for them, twice. Errors: those of the sources and the store; kRefused (see FetchSource).
  Result<void> fetch(FetchOutcome& one, UnixMillis now);

 private:
  Result<void> fetch_binance(FetchOutcome& one, UnixMillis now);
  Result<void> fetch_newest(FetchOutcome& one, UnixMillis now);
  Result<void> fetch_range(FetchOutcome& one, UnixMillis from, UnixMillis now);
  Result<void> fetch_foreign(FetchOutcome& one, UnixMillis now);
  Result<void> go_on_elsewhere(FetchOutcome& one, UnixMillis now);
  Result<void> fill_holes(FetchOutcome& one, UnixMillis now);
  Result<void> keep(FetchOutcome& one, std::span<const market::Candle> candles, std::string_view source);
  Result<store::FileMetadata> entry_of(const store::SeriesKey& series);

  const FetchSource source_;
  store::CandleStore& store_;
  exchange::BinanceRest* const rest_;
  exchange::Archive* const archive_;
  const exchange::CcxtOptions ccxt_;
};

/// Newest stored candles that each run asks for once more: the exchange may have corrected them.
inline constexpr int kAskedAgain = 3;

}  // namespace mop::app
