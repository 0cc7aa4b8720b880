#include "mop/exchange/binance_rest.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "mop/base/interrupt.h"
#include "mop/base/log.h"

namespace mop::exchange {
namespace {

constexpr std::int64_t kTimeWeight = 1, kKlinesWeight = 2, kExchangeInfoWeight = 20;
constexpr DurationMillis kDefaultRetryAfter = 10 * kSecond, kDefaultBan = 2 * kMinute;
// Longer than this and a human should decide: the fetch stops instead of sleeping.
constexpr DurationMillis kLongestWait = 10 * kMinute;
constexpr int kSilences = 2;        // without any reply, one after the other: the next host is asked
constexpr int kLooksAtCorrupt = 4;  // a body cut off on the way comes whole the next time
constexpr std::array<std::int64_t, 7> kPassing{-1000, -1001, -1003, -1006, -1007, -1008, -1016};

std::optional<std::int64_t> to_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() || value < 0)
    return std::nullopt;
  return value;
}

DurationMillis retry_after(const HttpReply& reply, DurationMillis otherwise) {
  constexpr std::int64_t kYear = std::int64_t{365} * 24 * 3600;  // in seconds; more is no waiting time
  const auto seconds = to_integer(reply.header("retry-after"));
  return seconds && *seconds <= kYear ? std::max<DurationMillis>(*seconds, 1) * kSecond : otherwise;
}

std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

// Text of a stranger, fit for a terminal and a log.
std::string quoted(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 200))
    out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  return out;
}

std::string without_final_slash(std::string url) {
  while (url.ends_with('/'))
    url.pop_back();
  return url;
}

// A reply in the 4xx that no repetition mends.
Error refusal(const HttpReply& reply, const std::optional<ApiError>& api, std::string_view what) {
  if (reply.status == 451) {
    return {ErrorCode::kUnsupported,
            fmt::format("Binance does not serve this location (HTTP 451) for {}; run from elsewhere, set "
                        "HTTPS_PROXY, or collect from another exchange with --source ccxt:kucoin",
                        what)};
  }
  if (reply.status == 403) {
    return {
        ErrorCode::kUnsupported,
        fmt::format("Binance's firewall blocked this address (HTTP 403) for {}; wait some minutes and lower "
                    "--weight-share, or set HTTPS_PROXY",
                    what)};
  }
  if (api && (api->code == -1121 || api->code == -1122)) {
    return {ErrorCode::kNotFound,
            fmt::format("Binance does not know the symbol of {} ({}: {}); check its spelling or drop it",
                        what, api->code, quoted(api->message))};
  }
  const std::string said = api ? fmt::format("{}: {}", api->code, quoted(api->message)) : "no reason given";
  return {reply.status == 404 ? ErrorCode::kNotFound : ErrorCode::kInvalidArgument,
          fmt::format("Binance refused {} with HTTP {} ({}); check --base-url and the request", what,
                      reply.status, said)};
}

}  // namespace

// Either a body, or a final error, or an error with the time after which the next attempt may be made.
struct BinanceRest::Verdict {
  std::string body;
  std::optional<Error> error;
  std::optional<DurationMillis> retry_in;
  bool silent = false;  // no reply at all
};

BinanceRest::BinanceRest(Transport& transport, Clock& clock, BinanceOptions options)
    : transport_(transport),
      clock_(clock),
      options_(std::move(options)),
      budget_(clock, std::clamp(options_.weight_share, 0.0, 1.0), options_.shared_weight),
      hosts_{without_final_slash(options_.base_url)},
      rng_(options_.jitter_seed, 0x62696e616e6365) {
  hosts_.insert(hosts_.end(), options_.other_hosts.begin(), options_.other_hosts.end());
}

std::string BinanceRest::host() const {
  return hosts_[host_.load()];
}

// True when the next attempt goes to another host than `index`.
bool BinanceRest::leave_host(std::size_t index, std::string_view why) {
  if (index + 1 >= hosts_.size()) return false;
  std::size_t expected = index;
  if (host_.compare_exchange_strong(expected, index + 1)) {
    log_warning(fmt::format("{}; going on with {}", why, hosts_[index + 1]));
  }
  return true;
}

DurationMillis BinanceRest::backoff(int attempt_number) {
  const double full = std::min(static_cast<double>(options_.max_backoff_ms),
                               std::ldexp(static_cast<double>(options_.first_backoff_ms), attempt_number));
  const std::lock_guard lock(rng_mutex_);
  return static_cast<DurationMillis>(full * (0.5 + 0.5 * rng_.uniform()));
}

BinanceRest::Verdict BinanceRest::judge(const HttpReply& reply, std::string_view what,
                                        DurationMillis backoff_ms) {
  if (reply.status == 200) return {reply.body, {}, {}, false};
  const auto api = parse_api_error(reply.body);
  const std::string said = api ? fmt::format(", {}: {}", api->code, quoted(api->message)) : std::string();
  if (reply.status == 418) {
    ++http_418_;
    return {"", budget_.ban_for(retry_after(reply, kDefaultBan)), {}, false};
  }
  if (reply.status == 429) {
    ++http_429_;
    const DurationMillis wait = retry_after(reply, kDefaultRetryAfter);
    Error error{
        ErrorCode::kRateLimited,
        fmt::format("Binance's rate limit was reached for {} (HTTP 429, wait {}){}; lower --weight-share",
                    what, format_duration(wait), said)};
    if (wait > kLongestWait) return {"", std::move(error), {}, false};
    budget_.wait_for(wait);
    return {"", std::move(error), 0, false};  // the budget holds everybody back
  }
  const bool passes = reply.status >= 500 ||
                      (api && std::find(kPassing.begin(), kPassing.end(), api->code) != kPassing.end());
  if (!passes) return {"", refusal(reply, api, what), {}, false};
  return {
      "",
      Error{ErrorCode::kUnavailable, fmt::format("Binance could not answer {} (HTTP {}{}); try again later",
                                                 what, reply.status, said)},
      backoff_ms, false};
}

BinanceRest::Verdict BinanceRest::attempt(const std::string& url, std::int64_t weight, std::string_view what,
                                          int number) {
  if (auto allowed = budget_.acquire(weight); !allowed) return {"", allowed.error(), {}, false};
  ++requests_;
  weight_used_ += weight;
  const UnixMillis sent = clock_.now();
  auto reply = transport_.get({url, options_.timeout_ms});
  budget_.replied(weight, reply ? to_integer(reply->header("x-mbx-used-weight-1m")) : std::nullopt, sent);
  if (reply) return judge(*reply, what, backoff(number));
  const bool passes = reply.error().code == ErrorCode::kUnavailable;
  return {"", reply.error(), passes ? std::optional(backoff(number)) : std::nullopt, passes};
}

Result<void> BinanceRest::get(const std::string& path_and_query, std::int64_t weight, std::string_view what,
                              const ReadBody& read) {
  for (int number = 0, silent = 0, corrupt = 0;; ++number) {
    const std::size_t host = host_.load();
    Verdict verdict = attempt(hosts_[host] + path_and_query, weight, what, number);
    silent = verdict.silent ? silent + 1 : 0;
    if (!verdict.error) {
      auto done = read(verdict.body);
      if (done) return {};
      verdict.error = Error{done.error().code, fmt::format("{}: {}", what, done.error().message)};
      if (++corrupt < kLooksAtCorrupt) verdict.retry_in = backoff(number);
    }
    const bool blocked = verdict.error->code == ErrorCode::kUnsupported;
    if ((blocked || silent >= kSilences) && leave_host(host, verdict.error->message)) {
      number = -1;  // a new host gets all attempts; there are few hosts, so this ends
      silent = 0;
      continue;
    }
    if (!verdict.retry_in) return fail(std::move(*verdict.error));
    if (number + 1 >= options_.max_attempts) {
      verdict.error->message += fmt::format(" ({} attempts made)", number + 1);
      return fail(std::move(*verdict.error));
    }
    ++retries_;
    log_info(fmt::format("{}; attempt {} follows", verdict.error->message, number + 2));
    clock_.sleep_for(*verdict.retry_in);
    if (interrupted()) return fail(ErrorCode::kInterrupted, fmt::format("{} interrupted", what));
  }
}

Result<UnixMillis> BinanceRest::server_time() {
  UnixMillis now = 0;
  MOP_TRY(get("/api/v3/time", kTimeWeight, "the server time", [&](const std::string& body) -> Result<void> {
    MOP_TRY_ASSIGN(now, parse_server_time(body));
    return {};
  }));
  budget_.set_server_time(now);
  return now;
}

Result<std::vector<market::Candle>> BinanceRest::klines(const KlinesQuery& query) {
  if (query.limit < 1 || query.limit > kMaxLimit) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("klines limit must be 1..{}, was {}", kMaxLimit, query.limit));
  }
  std::string path = fmt::format("/api/v3/klines?symbol={}&interval={}", percent_encoded(query.symbol),
                                 market::to_string(query.interval));
  if (query.start) path += fmt::format("&startTime={}", std::max<UnixMillis>(0, *query.start));
  if (query.end) path += fmt::format("&endTime={}", std::max<UnixMillis>(0, *query.end));
  path += fmt::format("&limit={}", query.limit);
  const std::string what =
      fmt::format("{} {} candles", quoted(query.symbol), market::to_string(query.interval));
  std::vector<market::Candle> candles;
  MOP_TRY(get(path, kKlinesWeight, what, [&](const std::string& body) -> Result<void> {
    MOP_TRY_ASSIGN(candles, parse_klines(body));
    return {};
  }));
  return candles;
}

Result<ExchangeInfo> BinanceRest::exchange_info(const std::vector<std::string>& symbols) {
  std::string path = "/api/v3/exchangeInfo?showPermissionSets=false";
  if (!symbols.empty()) {
    std::string list;
    for (const std::string& symbol : symbols)
      list += fmt::format("{}\"{}\"", list.empty() ? "" : ",", symbol);
    path += "&symbols=" + percent_encoded(fmt::format("[{}]", list));
  }
  ExchangeInfo info;
  MOP_TRY(get(path, kExchangeInfoWeight, "the symbol list", [&](const std::string& body) -> Result<void> {
    MOP_TRY_ASSIGN(info, parse_exchange_info(body));
    return {};
  }));
  if (info.weight_per_minute) budget_.set_limit(*info.weight_per_minute);
  return info;
}

FetchCounters BinanceRest::counters() const {
  return {requests_.load(),    retries_.load(),   weight_used_.load(),
          budget_.peak_used(), http_429_.load(),  http_418_.load(),
          budget_.limit(),     budget_.allowed(), static_cast<std::int64_t>(host_.load())};
}

}  // namespace mop::exchange
