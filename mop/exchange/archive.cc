#include "mop/exchange/archive.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>

#include <fmt/format.h>

#include "mop/base/interrupt.h"
#include "mop/base/log.h"
#include "mop/base/sha256.h"
#include "mop/exchange/archive_csv.h"
#include "mop/exchange/archive_listing.h"
#include "mop/exchange/zip_entry.h"

namespace mop::exchange {
namespace {

using market::Candle;

constexpr std::size_t kMaxCsvBytes = 64u << 20;    // a month of 15m candles is 0.5 MB
constexpr int kMaxPages = 20;                      // of 1000 keys: 27 years of days
constexpr UnixMillis kOpened = 1'501'545'600'000;  // 2017-08-01: the first month Binance traded

// The monthly files disagree with REST and with the daily files here (binance-public-data issue 475).
constexpr std::array<UnixMillis, 2> kWrongDays{1'608'508'800'000 /* 2020-12-21 */,
                                               1'632'873'600'000 /* 2021-09-29 */};

std::chrono::year_month_day date_of(UnixMillis t) {
  return std::chrono::sys_days{std::chrono::days{t / kDay}};
}

UnixMillis start_of(std::chrono::year_month month) {
  return std::chrono::sys_days{month / 1}.time_since_epoch().count() * kDay;
}

std::string folder(std::string_view span, const std::string& symbol, market::Interval interval) {
  return fmt::format("data/spot/{}/klines/{}/{}/", span, symbol, market::to_string(interval));
}

ArchiveFile month_file(const std::string& symbol, market::Interval interval, std::chrono::year_month month) {
  const auto frame = market::to_string(interval);
  return {fmt::format("/{}{}-{}-{:04}-{:02}.zip", folder("monthly", symbol, interval), symbol, frame,
                      static_cast<int>(month.year()), static_cast<unsigned>(month.month())),
          start_of(month), start_of(month + std::chrono::months{1})};
}

ArchiveFile day_file(const std::string& symbol, market::Interval interval, UnixMillis day) {
  return {fmt::format("/{}{}-{}-{}.zip", folder("daily", symbol, interval), symbol,
                      market::to_string(interval), format_utc_date(day)),
          day, day + kDay};
}

bool holds(const std::vector<std::string>& keys, const ArchiveFile& file) {
  return std::find(keys.begin(), keys.end(), std::string_view(file.path).substr(1)) != keys.end();
}

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  });
}

// "<64 hex>  <name>\n", as sha256sum writes it.
Result<void> check_sum(std::string_view zip, std::string_view sum_file, const std::string& name) {
  const std::string_view stated = sum_file.substr(0, 64);
  if (stated.size() != 64 || !is_hex(stated) ||
      sum_file.substr(0, 512).find(name) == std::string_view::npos) {
    return fail(ErrorCode::kCorrupt, fmt::format("{}.CHECKSUM does not state a SHA-256 of {}", name, name));
  }
  const std::string is = sha256_hex(zip);
  const bool same = std::equal(is.begin(), is.end(), stated.begin(), stated.end(), [](char a, char b) {
    return a == (b >= 'A' && b <= 'F' ? b - 'A' + 'a' : b);
  });
  if (same) return {};
  return fail(
      ErrorCode::kCorrupt,
      fmt::format("{} does not match its CHECKSUM: it must have SHA-256 {}, has {}", name, stated, is));
}

std::string without_final_slash(std::string url) {
  while (url.ends_with('/'))
    url.pop_back();
  return url;
}

ArchiveOptions cleaned(ArchiveOptions options) {
  options.url = without_final_slash(std::move(options.url));
  options.listing_url = without_final_slash(std::move(options.listing_url));
  return options;
}

}  // namespace

Archive::Archive(Transport& transport, Clock& clock, ArchiveOptions options)
    : transport_(transport), clock_(clock), options_(cleaned(std::move(options))) {}

bool Archive::is_known_wrong(UnixMillis open_time) {
  return std::find(kWrongDays.begin(), kWrongDays.end(), open_time / kDay * kDay) != kWrongDays.end();
}

Result<std::string> Archive::get(const std::string& url, const std::string& what) {
  DurationMillis pause = options_.backoff_ms;
  for (int attempt = 1;; ++attempt, pause *= 2) {
    if (interrupted()) return fail(ErrorCode::kInterrupted, fmt::format("{} interrupted", what));
    auto reply = transport_.get({url, options_.timeout_ms});
    if (!reply && reply.error().code != ErrorCode::kUnavailable) return fail(reply.error());
    if (reply && reply->status == 200) return std::move(reply->body);
    if (reply && reply->status == 404) {
      return fail(ErrorCode::kNotFound, fmt::format("the archive has no {}", what));
    }
    const bool passes = !reply || reply->status >= 500 || reply->status == 429;
    if (!passes || attempt >= options_.max_attempts) {
      return fail(ErrorCode::kUnavailable,
                  reply ? fmt::format("the archive refused {} with HTTP {}", what, reply->status)
                        : reply.error().message);
    }
    clock_.sleep_for(pause);
  }
}

Result<std::vector<std::string>> Archive::keys_behind(const std::string& prefix, const std::string& marker) {
  std::vector<std::string> keys;
  std::string from = marker;
  for (int page = 0; page < kMaxPages; ++page) {
    std::string url = fmt::format("{}/?delimiter=/&prefix={}", options_.listing_url, prefix);
    if (!from.empty()) url += "&marker=" + from;
    MOP_TRY_ASSIGN(const std::string body, get(url, "listing of " + prefix));
    MOP_TRY_ASSIGN(const ArchiveListing listing, parse_archive_listing(body));
    const std::size_t before = keys.size();
    for (const std::string& key : listing.keys) {
      if (key.starts_with(prefix) && key > marker) keys.push_back(key);
    }
    if (!listing.truncated || keys.size() == before) return keys;
    from = listing.next_marker.empty() ? keys.back() : listing.next_marker;
  }
  return keys;
}

Result<std::vector<ArchiveFile>> Archive::files(const std::string& symbol, market::Interval interval,
                                                UnixMillis from, UnixMillis end) {
  std::vector<ArchiveFile> found;
  UnixMillis next = std::max(from, kOpened);  // open times before are covered or impossible
  const auto list = [&](std::string_view span, const ArchiveFile& before) {
    return keys_behind(folder(span, symbol, interval), before.path.substr(1));
  };
  const auto first = date_of(next);
  auto month = first.year() / first.month();
  const auto months = list("monthly", month_file(symbol, interval, month - std::chrono::months{1}));
  if (!months && months.error().code == ErrorCode::kInterrupted) return fail(months.error());
  for (; start_of(month + std::chrono::months{1}) <= end; month += std::chrono::months{1}) {
    const ArchiveFile file = month_file(symbol, interval, month);
    if (months && !holds(*months, file)) continue;
    found.push_back(file);
    next = file.end;
  }
  const auto days = list("daily", day_file(symbol, interval, next / kDay * kDay - kDay));
  if (!days && days.error().code == ErrorCode::kInterrupted) return fail(days.error());
  if (!months || !days) {
    log_warning(fmt::format("the archive could not be listed, its files are asked for one by one: {}",
                            (months ? days : months).error().message));
  }
  for (UnixMillis day = next / kDay * kDay; day + kDay <= end; day += kDay) {
    const ArchiveFile file = day_file(symbol, interval, day);
    if (!days || holds(*days, file)) found.push_back(file);
  }
  return found;
}

Result<std::vector<Candle>> Archive::candles(const ArchiveFile& file, market::Interval interval) {
  const std::string name = file.name();
  MOP_TRY_ASSIGN(const std::string zip, get(options_.url + file.path, name));
  MOP_TRY_ASSIGN(const std::string sum, get(options_.url + file.path + ".CHECKSUM", name + ".CHECKSUM"));
  MOP_TRY(check_sum(zip, sum, name));
  MOP_TRY_ASSIGN(const std::string csv, only_zip_entry(zip, kMaxCsvBytes, name));
  MOP_TRY_ASSIGN(auto candles, parse_archive_csv(csv, interval, name));
  for (std::size_t i = 0; i < candles.size(); ++i) {
    const Candle& c = candles[i];
    if (const auto valid = market::validate(c, interval); !valid) {
      return fail(ErrorCode::kCorrupt, fmt::format("{}: {}", name, valid.error().message));
    }
    if (c.open_time < file.from || c.open_time >= file.end) {
      return fail(ErrorCode::kCorrupt, fmt::format("{}: candle of {} lies outside of the file's time", name,
                                                   format_utc(c.open_time)));
    }
    if (i > 0 && c.open_time <= candles[i - 1].open_time) {
      return fail(ErrorCode::kCorrupt,
                  fmt::format("{}: candle of {} does not come after {}", name, format_utc(c.open_time),
                              format_utc(candles[i - 1].open_time)));
    }
  }
  return candles;
}

}  // namespace mop::exchange
