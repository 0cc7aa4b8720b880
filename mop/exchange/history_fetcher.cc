#include "mop/exchange/history_fetcher.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "mop/base/check.h"
#include "mop/base/interrupt.h"
#include "mop/base/log.h"
#include "mop/base/parallel.h"
#include "mop/exchange/candle_fetcher.h"

namespace mop::exchange {
namespace {

using market::Candle;

constexpr std::size_t kHandedOver = 20'000;  // candles gathered before they go to the sink: some MB

// One unit of work: an archive file, or at most a page of REST.
struct Piece {
  UnixMillis from = 0, to = 0;  // open times, inclusive
  std::optional<ArchiveFile> file;
};

struct Fetched {
  std::vector<Candle> candles;
  std::string_view source = kRestSource;
  std::size_t misaligned = 0;
  std::optional<Quarantined> quarantined;
  std::optional<Error> error;
};

class HistoryFetcher {
 public:
  HistoryFetcher(const HistorySources& sources, const HistoryRange& range, UnixMillis server_now,
                 const OnCandles& sink)
      : sources_(sources),
        range_(range),
        length_(market::length_of(range.interval)),
        server_now_(server_now),
        sink_(sink) {}

  Result<HistoryReport> run() {
    const UnixMillis newest = server_now_ / length_ * length_ - length_;  // the last finished candle
    range_.from = (std::max<UnixMillis>(0, range_.from) + length_ - 1) / length_ * length_;
    range_.to = std::min(range_.to, newest);
    if (sources_.rest != nullptr && pages(range_.from, range_.to) > 2) {
      MOP_TRY_ASSIGN(const auto bounds, bounds_of(*sources_.rest, range_));
      if (!bounds) return report_;
      range_ = *bounds;
    }
    MOP_TRY(plan());
    for (std::size_t next = 0; next < pieces_.size();) {
      const std::size_t count = std::min(sources_.lanes, pieces_.size() - next);
      std::vector<Fetched> got(count);
      parallel_for(count, count, [&](std::size_t i) { got[i] = fetch(pieces_[next + i]); });
      for (Fetched& one : got) {
        if (one.error) {
          MOP_TRY(hand_over());  // all that lies before the fault
          return fail(std::move(*one.error));
        }
        MOP_TRY(take(std::move(one)));
      }
      next += count;
    }
    MOP_TRY(hand_over());
    return std::move(report_);
  }

 private:
  std::int64_t pages(UnixMillis from, UnixMillis to) const {
    return to < from ? 0 : ((to - from) / length_ + BinanceRest::kMaxLimit) / BinanceRest::kMaxLimit;
  }

  Result<void> plan() {
    UnixMillis next = range_.from;
    if (sources_.archive != nullptr && next <= range_.to) {
      MOP_TRY_ASSIGN(auto files, sources_.archive->files(range_.symbol, range_.interval, range_.from,
                                                         range_.to + length_));
      for (ArchiveFile& file : files) {
        if (file.end <= next) continue;
        plan_rest(next, file.from - length_);
        const UnixMillis end = file.end;
        pieces_.push_back({std::max(next, file.from), end - length_, std::move(file)});
        next = end;
      }
    }
    plan_rest(next, range_.to);
    return {};
  }

  void plan_rest(UnixMillis from, UnixMillis to) {
    if (sources_.rest == nullptr) return;
    for (const DurationMillis page = BinanceRest::kMaxLimit * length_; from <= to; from += page)
      pieces_.push_back({from, std::min(to, from + page - length_), std::nullopt});
  }

  Fetched fetch(const Piece& piece) {
    if (!piece.file) return from_rest(piece);
    Fetched got = from_archive(piece);
    if (!got.error || got.error->code == ErrorCode::kInterrupted) return got;
    const bool absent = got.error->code == ErrorCode::kNotFound;
    Fetched instead;
    if (sources_.rest != nullptr) {
      instead = from_rest(piece);
    } else if (got.error->code == ErrorCode::kUnavailable) {
      return got;  // without REST nothing else can fill it, and another try may
    }
    if (!absent) instead.quarantined = Quarantined{piece.file->name(), got.error->message};
    return instead;
  }

  Fetched from_archive(const Piece& piece) const {
    Fetched got;
    got.source = kArchiveSource;
    auto candles = sources_.archive->candles(*piece.file, range_.interval);
    if (!candles) {
      got.error = candles.error();
      return got;
    }
    std::vector<UnixMillis> wrong_days;
    for (const Candle& c : *candles) {
      if (c.open_time < piece.from || c.open_time > range_.to || c.close_time >= server_now_) continue;
      const bool wrong = sources_.rest != nullptr && Archive::is_known_wrong(c.open_time);
      if (!wrong) got.candles.push_back(c);
    }
    return got;
  }

  Fetched from_rest(const Piece& piece) const {
    Fetched got;
    auto page = fetch_candles(*sources_.rest, range_.symbol, range_.interval, {piece.from, 0, piece.to},
                              server_now_, [](std::size_t) { return !interrupted(); });
    if (!page) {
      got.error = page.error();
      return got;
    }
    got.candles = std::move(page->candles);
    got.misaligned = page->misaligned;
    return got;
  }

  Result<void> take(Fetched got) {
    report_.candles += got.candles.size();
    report_.misaligned += got.misaligned;
    if (got.source == kArchiveSource) ++report_.archive_files;
    if (got.quarantined) {
      log_warning(got.quarantined->reason + "; this time is taken from REST");
      report_.quarantined.push_back(std::move(*got.quarantined));
    }
    if (got.source != gathered_source_) MOP_TRY(hand_over());
    gathered_source_ = got.source;
    gathered_.insert(gathered_.end(), got.candles.begin(), got.candles.end());
    return gathered_.size() >= kHandedOver ? hand_over() : Result<void>();
  }

  Result<void> hand_over() {
    if (gathered_.empty()) return {};
    MOP_TRY(sink_(gathered_, gathered_source_));
    gathered_.clear();
    return {};
  }

  HistorySources sources_;
  HistoryRange range_;
  const DurationMillis length_;
  const UnixMillis server_now_;
  const OnCandles& sink_;
  std::vector<Piece> pieces_;
  std::vector<Candle> gathered_;
  std::string_view gathered_source_ = kRestSource;
  HistoryReport report_;
};

}  // namespace

Result<std::optional<HistoryRange>> bounds_of(BinanceRest& rest, const HistoryRange& range) {
  MOP_TRY_ASSIGN(const auto first, rest.klines({range.symbol, range.interval, range.from, range.to, 1}));
  if (first.empty()) return std::optional<HistoryRange>();
  MOP_TRY_ASSIGN(const auto last, rest.klines({range.symbol, range.interval, std::nullopt, range.to, 1}));
  const DurationMillis length = market::length_of(range.interval);
  HistoryRange found = range;
  found.from = std::max(range.from, first.front().open_time / length * length);
  if (!last.empty()) found.to = std::min(range.to, last.back().open_time / length * length);
  return std::optional(found);
}

Result<HistoryReport> fetch_history(const HistorySources& sources, const HistoryRange& range,
                                    UnixMillis server_now, const OnCandles& sink) {
  MOP_CHECK(sources.rest != nullptr || sources.archive != nullptr) << "no source for " << range.symbol;
  MOP_CHECK(sources.lanes > 0) << "no lane for " << range.symbol;
  return HistoryFetcher(sources, range, server_now, sink).run();
}

}  // namespace mop::exchange
