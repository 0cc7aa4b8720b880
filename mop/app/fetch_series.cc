#include "mop/app/fetch_series.h"

#include <algorithm>

#include <fmt/format.h>

#include "mop/base/interrupt.h"
#include "mop/base/log.h"
#include "mop/market/symbol.h"

namespace mop::app {
namespace {

using market::Candle;

constexpr std::size_t kShort = 2000;         // newest candles that are simply asked for, page by page
constexpr std::int64_t kDeepPages = 12;      // REST pages from which on the archive is worth its files
constexpr std::size_t kHolesAskedFor = 100;  // in one run of one series
constexpr UnixMillis kFirstCandles =
    1'483'228'800'000;  // 2017-01-01: no exchange here had these coins before

std::string name_of(const store::SeriesKey& series) {
  return fmt::format("{} {}", series.symbol, market::to_string(series.interval));
}

bool go_on(std::size_t) {
  return !interrupted();
}

}  // namespace

Result<FetchSource> parse_fetch_source(std::string_view text) {
  constexpr std::string_view kCcxt = "ccxt:";
  FetchSource source;
  if (text == "auto") {
    source.fallback = "kucoin";  // the one exchange that has them all against USDT, XMR too
    return source;
  }
  if (text == "binance") {
    source.archive = false;
    source.refuses_foreign = true;
    return source;
  }
  if (text == "archive") {
    source.rest = false;
    source.archive_needed = true;
    return source;
  }
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == ':';
  });
  if (text.starts_with(kCcxt) && text.size() > kCcxt.size() && plain) {
    source.rest = source.archive = false;
    source.ccxt = text.substr(kCcxt.size());
    return source;
  }
  return fail(
      ErrorCode::kInvalidArgument,
      fmt::format("--source must be auto, binance, archive or ccxt:<exchange> (ccxt:kucoin), was '{}'",
                  text.substr(0, 60)));
}

Result<store::FileMetadata> SeriesFetcher::entry_of(const store::SeriesKey& series) {
  MOP_TRY_ASSIGN(const store::Metadata metadata, store_.metadata());
  const store::FileMetadata* file = metadata.find(series.symbol, series.interval);
  return file != nullptr ? *file : store::FileMetadata{};
}

Result<void> SeriesFetcher::keep(FetchOutcome& one, std::span<const Candle> candles,
                                 std::string_view source) {
  MOP_TRY_ASSIGN(store::StoreReport report,
                 store_.merge(one.series.symbol, one.series.interval, candles, source));
  report.rows_added += one.stored.rows_added;
  report.rows_changed += one.stored.rows_changed;
  report.rows_before = report.rows - report.rows_added;
  one.stored = std::move(report);
  if (!candles.empty() && std::find(one.sources.begin(), one.sources.end(), source) == one.sources.end()) {
    one.sources.emplace_back(source);
  }
  return {};
}

Result<void> SeriesFetcher::fetch(FetchOutcome& one, UnixMillis now) {
  MOP_TRY_ASSIGN(const store::FileMetadata before, entry_of(one.series));
  const auto foreign = std::find_if(before.ranges.begin(), before.ranges.end(),
                                    [](const auto& range) { return store::is_foreign(range.source); });
  if (source_.refuses_foreign && foreign != before.ranges.end()) {
    return fail(
        ErrorCode::kRefused,
        fmt::format("{}: the stored file holds candles of {} from {} on, and --source binance does not "
                    "mix exchanges; use --source auto to add to it, or another --data-dir",
                    name_of(one.series), foreign->source, format_utc(foreign->from)));
  }
  MOP_TRY(source_.ccxt.empty() ? fetch_binance(one, now) : fetch_foreign(one, now));
  if (!source_.fallback.empty()) MOP_TRY(go_on_elsewhere(one, now));
  if (one.stored.rows == 0) MOP_TRY(keep(one, {}, exchange::kRestSource));
  if (one.stored.rows == 0) {
    return fail(ErrorCode::kNotFound,
                fmt::format("{}: {} has no finished candles for it", name_of(one.series),
                            source_.ccxt.empty() ? "Binance" : source_.ccxt));
  }
  if (rest_ != nullptr && source_.ccxt.empty()) MOP_TRY(fill_holes(one, now));
  MOP_TRY_ASSIGN(const store::FileMetadata after, entry_of(one.series));
  one.stored.gaps = after.gaps;
  one.ranges = after.ranges;
  return {};
}

Result<void> SeriesFetcher::fetch_binance(FetchOutcome& one, UnixMillis now) {
  if (one.range.since) return fetch_range(one, *one.range.since, now);
  if (rest_ != nullptr && one.range.newest > kShort) return fetch_newest(one, now);
  if (rest_ == nullptr) {
    const auto span = static_cast<DurationMillis>(one.range.newest) * market::length_of(one.series.interval);
    return fetch_range(one, now - span, now);
  }
  MOP_TRY_ASSIGN(const auto got, exchange::fetch_candles(*rest_, one.series.symbol, one.series.interval,
                                                         one.range, now, go_on));
  one.misaligned += got.misaligned;
  return keep(one, got.candles, exchange::kRestSource);
}

// The newest candles of a series that may have ended long ago, and may have holes.
Result<void> SeriesFetcher::fetch_newest(FetchOutcome& one, UnixMillis now) {
  const DurationMillis step = market::length_of(one.series.interval);
  const exchange::HistoryRange all{one.series.symbol, one.series.interval, 0, now};
  MOP_TRY_ASSIGN(const auto bounds, exchange::bounds_of(*rest_, all));
  if (!bounds) return {};
  const auto span = static_cast<DurationMillis>(one.range.newest) * step;
  const UnixMillis finished = std::min(bounds->to, now / step * step - step);
  const UnixMillis from = std::max(bounds->from, finished + step - span);
  MOP_TRY(fetch_range(one, from, now));
  MOP_TRY_ASSIGN(const store::FileMetadata entry, entry_of(one.series));
  std::size_t missing = 0;
  for (const store::Gap& gap : entry.gaps)
    missing += gap.from >= from ? gap.missing : 0;
  if (missing == 0 || from <= bounds->from) return {};
  MOP_TRY_ASSIGN(const auto older, exchange::fetch_candles(*rest_, one.series.symbol, one.series.interval,
                                                           {std::nullopt, missing, from - 1}, now, go_on));
  return keep(one, older.candles, exchange::kRestSource);
}

Result<void> SeriesFetcher::fetch_range(FetchOutcome& one, UnixMillis from, UnixMillis now) {
  from = std::max(from, kFirstCandles);
  const std::int64_t pages =
      (now - from) / market::length_of(one.series.interval) / exchange::BinanceRest::kMaxLimit;
  const bool deep = source_.archive_needed || pages >= kDeepPages;
  const exchange::HistorySources sources{rest_, deep ? archive_ : nullptr, 4};
  const auto sink = [&](std::span<const Candle> candles, std::string_view source) {
    return keep(one, candles, source);
  };
  MOP_TRY_ASSIGN(auto report, exchange::fetch_history(
                                  sources, {one.series.symbol, one.series.interval, from, now}, now, sink));
  one.misaligned += report.misaligned;
  one.archive_files += report.archive_files;
  one.quarantined = std::move(report.quarantined);
  return {};
}

Result<void> SeriesFetcher::fetch_foreign(FetchOutcome& one, UnixMillis now) {
  const DurationMillis step = market::length_of(one.series.interval);
  const std::string source = "ccxt:" + source_.ccxt;
  MOP_TRY_ASSIGN(const store::FileMetadata before, entry_of(one.series));
  exchange::CcxtRequest request{source_.ccxt, one.series.symbol, one.series.interval, 0, now};
  if (one.range.since) {
    request.since = *one.range.since;
  } else {
    request.since = now / step * step - static_cast<DurationMillis>(one.range.newest) * step;
  }
  // Behind rows of another source it goes on without a doubt which exchange a row is of.
  const bool continues = before.rows > 0 && request.since >= before.first_open_time;
  if (continues && before.source_at(before.last_open_time) != source) {
    request.since = std::max(request.since, before.last_open_time + step);
  }
  request.since = std::max(request.since, kFirstCandles);
  const auto sink = [&](std::span<const Candle> candles) { return keep(one, candles, source); };
  MOP_TRY(exchange::fetch_ccxt(ccxt_, request, sink));
  return {};
}

// A coin that Binance no longer trades goes on behind Binance's last candle with another exchange's. That it
// cannot is no failure: what Binance had is stored.
Result<void> SeriesFetcher::go_on_elsewhere(FetchOutcome& one, UnixMillis now) {
  const auto symbol = market::find_symbol(one.series.symbol);
  if (!symbol || !symbol->ended || *symbol->ended > now || !symbol->successor.empty()) return {};
  MOP_TRY_ASSIGN(const store::FileMetadata entry, entry_of(one.series));
  if (entry.rows == 0) return {};
  const std::string source = "ccxt:" + source_.fallback;
  const DurationMillis step = market::length_of(one.series.interval);
  const bool again = entry.source_at(entry.last_open_time) == source;
  const exchange::CcxtRequest request{source_.fallback, one.series.symbol, one.series.interval,
                                      entry.last_open_time + (again ? 1 - kAskedAgain : 1) * step, now};
  const auto sink = [&](std::span<const Candle> candles) { return keep(one, candles, source); };
  const auto got = exchange::fetch_ccxt(ccxt_, request, sink);
  one.note = fmt::format("Binance ended {} on {}; {}", symbol->name, format_utc_date(*symbol->ended),
                         got ? fmt::format("it goes on with {}, and its rows are marked", source)
                             : fmt::format("{} did not carry it on: {}", source, got.error().message));
  if (!got && (got.error().code == ErrorCode::kInterrupted || got.error().code == ErrorCode::kIo)) {
    return fail(got.error());
  }
  return {};
}

Result<void> SeriesFetcher::fill_holes(FetchOutcome& one, UnixMillis now) {
  MOP_TRY_ASSIGN(const store::FileMetadata entry, entry_of(one.series));
  std::size_t asked = 0;
  for (const store::Gap& gap : entry.gaps) {
    if (gap.kind != store::GapKind::kNotFetched) continue;
    if (++asked > kHolesAskedFor) break;
    // Asked twice, so that a reply that lost rows is not taken for the exchange's word.
    for (std::size_t ask = 0, got = 0; ask < 2 && got < gap.missing; ++ask) {
      MOP_TRY_ASSIGN(const auto page, exchange::fetch_candles(*rest_, one.series.symbol, one.series.interval,
                                                              {gap.from, 0, gap.to}, now, go_on));
      got = page.candles.size();
      if (got > 0) MOP_TRY(keep(one, page.candles, exchange::kRestSource));
    }
    MOP_TRY(store_.mark_no_trades(one.series.symbol, one.series.interval, gap.from, gap.to));
  }
  return {};
}

}  // namespace mop::app
