#include "mop/sim/archive_tree.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <span>

#include <fmt/format.h>

namespace mop::sim {
namespace {

constexpr DurationMillis kHourOfPublication = 3 * kHour;
constexpr std::array<std::string_view, 2> kKinds{"daily", "monthly"};

std::chrono::year_month_day date_of(UnixMillis t) {
  return std::chrono::sys_days{std::chrono::days{t / kDay}};
}

UnixMillis millis_of(std::chrono::sys_days day) {
  return day.time_since_epoch().count() * kDay;
}

UnixMillis next_period(UnixMillis begin, bool monthly) {
  if (!monthly) return begin + kDay;
  const auto ymd = date_of(begin);
  return millis_of(std::chrono::sys_days{(ymd.year() / ymd.month() + std::chrono::months{1}) / 1});
}

UnixMillis period_of(UnixMillis t, bool monthly) {
  const auto ymd = date_of(t);
  return monthly ? millis_of(std::chrono::sys_days{ymd.year() / ymd.month() / 1}) : t / kDay * kDay;
}

// Open time of the first or newest candle of a series, if it has any.
std::optional<UnixMillis> edge(const ArchiveFile& series, bool newest, MarketSource& market, UnixMillis now) {
  const auto candles = market.candles(series.symbol, series.interval,
                                      {0, std::numeric_limits<UnixMillis>::max(), 1, newest}, now);
  if (!candles || candles->empty()) return std::nullopt;
  return candles->front().open_time;
}

// Walks the tree in the order of names and stops descending where nothing can match.
class Lister {
 public:
  Lister(std::string_view prefix, std::string_view after, bool folders, std::size_t most,
         MarketSource& market, UnixMillis now)
      : prefix_(prefix), after_(after), folders_(folders), most_(most), market_(market), now_(now) {}

  std::vector<ArchiveEntry> run() {
    enter("data/", [&] { enter("data/spot/", [&] { list_kinds(); }); });
    return std::move(entries_);
  }

 private:
  void enter(const std::string& folder, const std::function<void()>& descend) {
    if (full() || !(folder.starts_with(prefix_) || prefix_.starts_with(folder))) return;
    if (folders_ && folder.size() > prefix_.size()) return add({folder, true});
    // Every key in the folder is behind `after` when the folder itself sorts before it without being its
    // start.
    if (folder < after_ && !after_.starts_with(folder)) return;
    descend();
  }

  void list_kinds() {
    for (const std::string_view kind : kKinds) {
      const std::string of_kind = fmt::format("data/spot/{}/", kind);
      enter(of_kind, [&] { enter(of_kind + "klines/", [&] { list_symbols(kind == "monthly"); }); });
    }
  }

  void list_symbols(bool monthly) {
    auto listings = market_.listings(now_);
    std::sort(listings.begin(), listings.end(),
              [](const Listing& a, const Listing& b) { return a.symbol < b.symbol; });
    for (const Listing& listing : listings) {
      const std::string of_symbol =
          fmt::format("data/spot/{}/klines/{}/", kKinds[monthly ? 1 : 0], listing.symbol);
      enter(of_symbol, [&] {
        for (const market::Interval interval : market::kIntervals) {  // "15m" sorts before "1h"
          const ArchiveFile series{listing.symbol, interval, monthly, 0, 0};
          enter(series.folder(), [&] { list_files(series); });
        }
      });
    }
  }

  void list_files(ArchiveFile file) {
    const auto first = edge(file, false, market_, now_), last = edge(file, true, market_, now_);
    if (!first || !last) return;
    for (UnixMillis t = period_of(*first, file.monthly); t <= *last && !full();
         t = next_period(t, file.monthly)) {
      file.begin = t;
      file.end = next_period(t, file.monthly);
      const std::string key = file.folder() + file.stem() + ".zip";
      if (key + ".CHECKSUM" <= after_ || !is_published(file, market_, now_)) continue;
      for (const char* ending : {"", ".CHECKSUM"}) {
        if ((key + ending).starts_with(prefix_)) add({key + ending, false});
      }
    }
  }

  bool full() const { return entries_.size() >= most_; }
  void add(ArchiveEntry entry) {
    if (!full() && entry.name > after_) entries_.push_back(std::move(entry));
  }

  const std::string_view prefix_, after_;
  const bool folders_;
  const std::size_t most_;
  MarketSource& market_;
  const UnixMillis now_;
  std::vector<ArchiveEntry> entries_;
};

// Splits "a/b/c" into exactly n parts.
bool split(std::string_view text, char by, std::span<std::string_view> parts) {
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    const std::size_t at = text.find(by);
    if (at == std::string_view::npos) return false;
    parts[i] = text.substr(0, at);
    text.remove_prefix(at + 1);
  }
  parts.back() = text;
  return text.find(by) == std::string_view::npos;
}

}  // namespace

std::string ArchiveFile::stem() const {
  const std::string date = format_utc_date(begin);
  return fmt::format("{}-{}-{}", symbol, market::to_string(interval), date.substr(0, monthly ? 7 : 10));
}

std::string ArchiveFile::folder() const {
  return fmt::format("data/spot/{}/klines/{}/{}/", kKinds[monthly ? 1 : 0], symbol,
                     market::to_string(interval));
}

UnixMillis ArchiveFile::published() const {
  if (!monthly) return end + kHourOfPublication;
  const auto next = date_of(end);
  const std::chrono::sys_days monday{next.year() / next.month() / std::chrono::Monday[1]};
  return millis_of(monday) + kHourOfPublication;
}

std::optional<ArchiveFile> parse_archive_key(std::string_view key) {
  std::array<std::string_view, 7> parts;
  if (!key.ends_with(".zip") || !split(key, '/', parts)) return std::nullopt;
  const auto interval = market::parse_interval(parts[5]);
  if (!interval || parts[6].size() < 15) return std::nullopt;
  ArchiveFile file{std::string(parts[4]), *interval, parts[2] == kKinds[1], 0, 0};
  const std::size_t date = file.symbol.size() + parts[5].size() + 2;
  const std::string_view stem = parts[6].substr(0, parts[6].size() - 4);
  if (date >= stem.size()) return std::nullopt;
  const auto begin = parse_utc(std::string(stem.substr(date)) + (file.monthly ? "-01" : ""));
  if (!begin) return std::nullopt;
  file.begin = *begin;
  file.end = next_period(*begin, file.monthly);
  // One spelling per file: what it would be called must be what was asked for.
  return file.folder() + file.stem() + ".zip" == key ? std::optional(file) : std::nullopt;
}

bool is_published(const ArchiveFile& file, MarketSource& market, UnixMillis now) {
  if (now < file.published()) return false;
  const auto candles = market.candles(file.symbol, file.interval, {file.begin, file.end - 1, 1, false}, now);
  return candles && !candles->empty();
}

std::vector<ArchiveEntry> list_archive(std::string_view prefix, std::string_view after, bool folders,
                                       std::size_t most, MarketSource& market, UnixMillis now) {
  return Lister(prefix, after, folders, most, market, now).run();
}

}  // namespace mop::sim
