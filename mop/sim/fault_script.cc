#include "mop/sim/fault_script.h"

#include <algorithm>
#include <array>
#include <functional>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "mop/base/json.h"
#include "mop/base/rng.h"

namespace mop::sim {
namespace {

namespace bj = boost::json;

struct KindName {
  std::string_view name;
  FaultKind kind;
};
constexpr std::array<KindName, 15> kKinds{{{"latency", FaultKind::kLatency},
                                           {"reset", FaultKind::kReset},
                                           {"truncate", FaultKind::kTruncate},
                                           {"slow", FaultKind::kSlow},
                                           {"corrupt", FaultKind::kCorrupt},
                                           {"status", FaultKind::kStatus},
                                           {"clock_skew", FaultKind::kClockSkew},
                                           {"gap", FaultKind::kGap},
                                           {"revise", FaultKind::kRevise},
                                           {"duplicate", FaultKind::kDuplicate},
                                           {"misalign", FaultKind::kMisalign},
                                           {"listing", FaultKind::kListing},
                                           {"shutdown", FaultKind::kShutdown},
                                           {"disconnect", FaultKind::kDisconnect},
                                           {"silence", FaultKind::kSilence}}};

template <typename... Args>
tl::unexpected<Error> wrong(fmt::format_string<Args...> form, Args&&... args) {
  return fail(ErrorCode::kInvalidArgument, fmt::format(form, std::forward<Args>(args)...));
}

using Setter = std::function<Result<void>(const bj::value&)>;

Setter into(std::int64_t& field, std::int64_t least) {
  return [&field, least](const bj::value& value) -> Result<void> {
    if (!value.is_int64() || value.get_int64() < least) return wrong("must be a whole number from {}", least);
    field = value.get_int64();
    return {};
  };
}

Setter into(std::string& field) {
  return [&field](const bj::value& value) -> Result<void> {
    if (!value.is_string() || value.get_string().empty()) return wrong("must be a text");
    field = std::string(value.get_string());
    return {};
  };
}

// A date text, or milliseconds since 1970.
Setter into_time(UnixMillis& field) {
  return [&field](const bj::value& value) -> Result<void> {
    if (value.is_int64()) {
      field = value.get_int64();
      return {};
    }
    if (!value.is_string()) return wrong("must be a date like \"2025-07-01T13:45\" or milliseconds");
    MOP_TRY_ASSIGN(field, parse_utc(std::string_view(value.get_string())));
    return {};
  };
}

std::map<std::string_view, Setter> setters(Fault& f, std::int64_t& status) {
  constexpr std::int64_t kAny = std::numeric_limits<std::int64_t>::min();
  return {{"path", into(f.path)},
          {"first", into(f.first, 1)},
          {"every", into(f.every, 1)},
          {"count", into(f.count, 1)},
          {"ms", into(f.ms, kAny)},
          {"lead_ms", into(f.lead_ms, 0)},
          {"bytes", into(f.bytes, 0)},
          {"bytes_per_second", into(f.bytes_per_second, 1)},
          {"retry_after", into(f.retry_after, 0)},
          {"symbol", into(f.symbol)},
          {"interval", into(f.interval)},
          {"from", into_time(f.from)},
          {"until", into_time(f.until)},
          {"listing_status", into(f.listing_status)},
          {"status", into(status, 100)},
          {"body", [&f](const bj::value& v) -> Result<void> { return into(f.body.emplace())(v); }},
          {"filters",
           [&f](const bj::value& v) -> Result<void> {
             if (!v.is_bool()) return wrong("must be true or false");
             f.filters = v.get_bool();
             return {};
           }},
          {"probability", [&f](const bj::value& v) -> Result<void> {
             if (!v.is_number() || !(v.to_number<double>() >= 0.0 && v.to_number<double>() <= 1.0)) {
               return wrong("must be 0..1");
             }
             f.probability = v.to_number<double>();
             return {};
           }}};
}

// What a kind cannot do without.
Result<void> check_complete(const Fault& f) {
  const bool timed = f.kind == FaultKind::kLatency || f.kind == FaultKind::kClockSkew ||
                     f.kind == FaultKind::kRevise || f.kind == FaultKind::kMisalign;
  if (timed && f.ms == 0) return wrong("needs \"ms\"");
  if (f.kind != FaultKind::kClockSkew && f.kind != FaultKind::kMisalign && f.ms < 0)
    return wrong("\"ms\" must not be negative, was {}", f.ms);
  if (f.kind == FaultKind::kSlow && f.bytes_per_second == 0) return wrong("needs \"bytes_per_second\"");
  if (f.kind == FaultKind::kStatus && (f.status < 400 || f.status > 599))
    return wrong("needs \"status\" 400..599, was {}", f.status);
  if (f.kind == FaultKind::kListing && (f.symbol.empty() || (f.listing_status.empty() && f.filters)))
    return wrong("needs \"symbol\" and \"listing_status\" or \"filters\":false");
  if (f.kind == FaultKind::kGap && f.from == 0 && f.until == std::numeric_limits<UnixMillis>::max())
    return wrong("needs \"from\" or \"until\"");
  return {};
}

Result<Fault> read_fault(const bj::object& line) {
  Fault fault;
  std::int64_t status = 0;
  const auto known = setters(fault, status);
  const bj::value* kind = line.if_contains("do");
  const auto named = std::find_if(kKinds.begin(), kKinds.end(), [&](const KindName& k) {
    return kind && kind->is_string() && std::string_view(kind->get_string()) == k.name;
  });
  if (named == kKinds.end()) {
    std::string names;
    for (const KindName& k : kKinds)
      names += fmt::format("{}{}", names.empty() ? "" : ", ", k.name);
    return wrong("\"do\" must be one of {}", names);
  }
  fault.kind = named->kind;
  for (const auto& [key, value] : line) {
    if (key == "do") continue;
    const auto setter = known.find(std::string_view(key));
    if (setter == known.end()) return wrong("key \"{}\" is not known", std::string_view(key));
    if (auto set = setter->second(value); !set)
      return wrong("\"{}\" {}, was {}", std::string_view(key), set.error().message, to_json_text(value));
  }
  fault.status = static_cast<int>(std::min<std::int64_t>(status, 1000));
  MOP_TRY(check_complete(fault));
  return fault;
}

ApiReply html(int status, std::string_view title) {
  return {status,
          {{"Content-Type", "text/html"}},
          fmt::format("<html>\r\n<head><title>{0} {1}</title></head>\r\n<body>\r\n<center><h1>{0} {1}</h1>"
                      "</center>\r\n</body>\r\n</html>\r\n",
                      status, title)};
}

ApiReply json(int status, int code, std::string_view message) {
  return {status, {}, to_json_text(bj::object{{"code", code}, {"msg", message}})};
}

ApiReply usual_reply(int status, UnixMillis banned_until) {
  switch (status) {
    case 403:
      return html(403, "Forbidden");
    case 418:
      return json(418, -1003,
                  fmt::format("Way too much request weight used; IP banned until {}. Please use WebSocket "
                              "Streams for live updates to avoid bans.",
                              banned_until));
    case 429:
      return json(429, -1003,
                  "Too much request weight used; current limit is 6000 request weight per 1 MINUTE. Please "
                  "use WebSocket Streams for live updates to avoid polling the API.");
    case 451:
      return json(451, 0,
                  "Service unavailable from a restricted location according to 'b. Eligibility' in "
                  "https://www.binance.com/en/terms. Please contact customer service if you believe you "
                  "received this message in error.");
    case 502:
      return html(502, "Bad Gateway");
    case 504:
      return json(504, -1007,
                  "Timeout waiting for response from backend server. Send status unknown; execution status "
                  "unknown.");
    default:
      return json(status, -1000, "An unknown error occurred while processing the request.");
  }
}

std::uint64_t hash_of(std::string_view text) {  // FNV-1a: the same on every machine
  std::uint64_t hash = 14695981039346656037u;
  for (const char c : text)
    hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return hash;
}

}  // namespace

bool is_of_market(FaultKind kind) {
  return kind == FaultKind::kGap || kind == FaultKind::kRevise || kind == FaultKind::kDuplicate ||
         kind == FaultKind::kMisalign || kind == FaultKind::kListing;
}

FaultScript::FaultScript(std::vector<Fault> faults, std::uint64_t seed)
    : faults_(std::move(faults)), seed_(seed), counts_(faults_.size()) {
  for (std::size_t line = 0; line < faults_.size(); ++line)
    faults_[line].line = line;
}

Result<std::vector<Fault>> FaultScript::parse(std::string_view text) {
  std::vector<Fault> faults;
  for (int number = 1; !text.empty(); ++number) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const std::size_t begin = line.find_first_not_of(" \t\r");
    if (begin == std::string_view::npos || line[begin] == '#') continue;
    const auto document = parse_json(line, fmt::format("fault script line {}", number));
    if (!document) return fail(ErrorCode::kInvalidArgument, document.error().message);
    if (!document->is_object()) return wrong("fault script line {} must be a JSON object", number);
    auto fault = read_fault(document->get_object());
    if (!fault) return wrong("fault script line {}: {}", number, fault.error().message);
    faults.push_back(std::move(*fault));
  }
  return faults;
}

bool FaultScript::strikes_now(std::size_t line, std::string_view target) {
  const Fault& fault = faults_[line];
  Counts& counts = counts_[line];
  const std::int64_t turn = ++counts.matched - fault.first;
  if (turn < 0 || turn % fault.every != 0 || turn / fault.every >= fault.count) return false;
  if (fault.probability >= 1.0) return true;
  const std::uint32_t times = counts.asked[std::string(target)]++;
  const std::uint64_t hash = hash_of(target);
  const PhiloxBlock dice =
      philox(seed_, {static_cast<std::uint32_t>(hash), static_cast<std::uint32_t>(hash >> 32), times,
                     static_cast<std::uint32_t>(line)});
  return static_cast<double>(dice[0]) * 0x1.0p-32 < fault.probability;
}

std::vector<Fault> FaultScript::draw(std::string_view target) {
  std::vector<Fault> drawn;
  const std::lock_guard lock(mutex_);
  for (std::size_t line = 0; line < faults_.size(); ++line) {
    if (!matches(faults_[line].path, target) || !strikes_now(line, target)) continue;
    if (!is_of_market(faults_[line].kind)) ++counts_[line].struck;
    drawn.push_back(faults_[line]);
  }
  return drawn;
}

void FaultScript::count_strike(std::size_t line) {
  const std::lock_guard lock(mutex_);
  ++counts_[line].struck;
}

std::vector<std::int64_t> FaultScript::strikes() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::int64_t> struck;
  for (const Counts& counts : counts_)
    struck.push_back(counts.struck);
  return struck;
}

bool matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {  // the last star takes one character more
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*')
    ++p;
  return p == pattern.size();
}

ApiReply fault_reply(const Fault& fault, UnixMillis now) {
  ApiReply reply = usual_reply(fault.status, now + std::max<std::int64_t>(0, fault.retry_after) * kSecond);
  if (fault.body) reply.body = *fault.body;
  if (fault.retry_after >= 0) reply.headers["Retry-After"] = std::to_string(fault.retry_after);
  return reply;
}

}  // namespace mop::sim
