// `mop doctor`: does the exchange answer, and does this machine's clock go by it?
#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

#include "mop/app/doctor.h"
#include "mop/base/parallel.h"
#include "mop/exchange/binance_json.h"
#include "mop/exchange/hosts.h"

namespace mop::app {
namespace {

constexpr DurationMillis kTimeout = 4 * kSecond;
constexpr int kLooks = 3;
// Where `fetch` begins to doubt a statement. It and serve go by the exchange's clock; by this machine's
// `import` tells finished candles, `stats` and `predict` state ages, and certificates are valid.
constexpr DurationMillis kWrongClock = kMinute;

// What a host says when asked for its time.
struct Answer {
  std::string host;
  int status = 0;                           // 0: no reply
  std::string problem;                      // why there is no time; "" when there is one
  std::string wait;                         // seconds it wants to be left alone, digits
  bool untrusted = false;                   // its certificate
  DurationMillis round_trip = 0, skew = 0;  // of the quickest look

  bool good() const { return problem.empty(); }
  bool elsewhere_may_help() const { return status == 0 || status == 451 || status == 403; }
};

// "" when a stranger's text is not that.
std::string digits(const std::string& text) {
  return text.find_first_not_of("0123456789") == std::string::npos ? text : "";
}

// True when another look may tell the time better.
bool look(exchange::Transport& transport, Clock& clock, Answer& answer, bool first) {
  const UnixMillis before = clock.now();
  const auto reply = transport.get({answer.host + "/api/v3/time", kTimeout});
  const DurationMillis round_trip = std::max<DurationMillis>(clock.now() - before, 0);
  const auto stated = reply && reply->status == 200 ? exchange::parse_server_time(reply->body)
                                                    : Result<UnixMillis>(fail(ErrorCode::kUnavailable, ""));
  if (!stated) {
    if (!first) return false;  // it has answered before
    answer.status = reply ? reply->status : 0;
    answer.wait = reply ? digits(reply->header("retry-after")) : "";
    answer.untrusted = !reply && reply.error().code == ErrorCode::kIo;
    answer.problem = !reply                 ? reply.error().message
                     : reply->status == 200 ? stated.error().message
                                            : fmt::format("{} answers HTTP {}", answer.host, reply->status);
    return false;
  }
  answer.status = 200;
  if (first || round_trip < answer.round_trip) {
    answer.round_trip = round_trip;
    answer.skew = *stated - (before + round_trip / 2);  // stated about halfway
  }
  return round_trip < kSecond;
}

// The first look also connects, which takes most of its time and blurs the clock: the quickest one counts.
Answer ask(exchange::Transport& transport, Clock& clock, const std::string& host) {
  Answer answer;
  answer.host = host;
  for (int i = 0; i < kLooks && look(transport, clock, answer, i == 0); ++i) {
  }
  return answer;
}

// The first of the others that answers, in the order in which they would be asked.
std::optional<Answer> ask_others(exchange::Transport& transport, Clock& clock,
                                 const std::vector<std::string>& hosts) {
  std::vector<Answer> answers(hosts.size());
  parallel_for(hosts.size() - 1, hosts.size() - 1,
               [&](std::size_t i) { answers[i + 1] = ask(transport, clock, hosts[i + 1]); });
  const auto good =
      std::find_if(answers.begin() + 1, answers.end(), [](const Answer& a) { return a.good(); });
  return good == answers.end() ? std::nullopt : std::optional(*good);
}

std::string answers_text(const Answer& answer) {
  return fmt::format("{} answers in {} ms", answer.host, std::max<DurationMillis>(answer.round_trip, 1));
}

std::string way_around(const std::vector<std::string>& hosts) {
  return fmt::format(
      "this location is not served: {}set HTTPS_PROXY, or collect with `mop fetch --source archive` or "
      "`mop fetch --source ccxt:kucoin`",
      hosts.size() > 1 ? "" : "ask the mirror with --base-url https://data-api.binance.vision, ");
}

std::string remedy_for(const Answer& answer, const std::vector<std::string>& hosts) {
  switch (answer.status) {
    case 451:
      return way_around(hosts);
    case 403:
      return "its firewall blocks this address: wait some minutes and lower weight_share in mop.toml, or set "
             "HTTPS_PROXY";
    case 418:
    case 429:
      return fmt::format(
          "too much was asked from this address: wait {} seconds and lower weight_share in mop.toml",
          answer.wait.empty() ? "some" : answer.wait);
    case 0:
      if (answer.untrusted)
        return "its certificate is not trusted: set this machine's clock (`date`) and install "
               "ca-certificates";
      return "check the network, HTTPS_PROXY and --base-url; what needs no exchange works with --offline";
    default:
      return answer.status >= 500 ? "the exchange has a problem: run `mop doctor` again in some minutes"
                                  : "check --base-url: what answers there is no Binance";
  }
}

Check exchange_row(const Answer& first, const std::optional<Answer>& other,
                   const std::vector<std::string>& hosts) {
  if (first.good()) {
    return {"exchange", CheckState::kOk, answers_text(first), ""};
  }
  if (other) {
    return {"exchange", CheckState::kWarn, first.problem + "; " + answers_text(*other),
            fmt::format(
                "fetch and serve find it by themselves; base_url = \"{}\" in mop.toml spares them the way",
                other->host)};
  }
  return {"exchange", CheckState::kFail, first.problem, remedy_for(first, hosts)};
}

}  // namespace

Check check_clock(DurationMillis skew, DurationMillis uncertainty) {
  const DurationMillis off = std::abs(skew), sure = std::max<DurationMillis>(off - uncertainty, 0);
  const std::string found = fmt::format("this machine's clock is {} {} the exchange's (within {} ms)",
                                        format_duration(off), skew > 0 ? "behind" : "ahead of", uncertainty);
  if (sure <= kSecond) return {"clock", CheckState::kOk, found, ""};
  return {"clock", sure > kWrongClock ? CheckState::kFail : CheckState::kWarn, found,
          "let the machine set its clock: `timedatectl set-ntp true`"};
}

ExchangeChecks skip_exchange(std::string_view why) {
  return {{"exchange", CheckState::kSkipped, std::string(why), ""},
          {"clock", CheckState::kSkipped, std::string(why), ""},
          std::nullopt};
}

ExchangeChecks check_exchange(exchange::Transport& transport, Clock& clock, const std::string& base_url) {
  const std::vector<std::string> hosts = exchange::hosts_from(base_url);
  const Answer first = ask(transport, clock, hosts.front());
  std::optional<Answer> other;
  if (!first.good() && first.elsewhere_may_help() && hosts.size() > 1)
    other = ask_others(transport, clock, hosts);
  ExchangeChecks checks = skip_exchange("the exchange does not tell its time");
  checks.exchange = exchange_row(first, other, hosts);
  const Answer& best = other ? *other : first;
  if (!best.good()) return checks;
  checks.skew = best.skew;
  checks.clock = check_clock(best.skew, best.round_trip / 2 + 1);  // 1: both clocks are read in whole ms
  return checks;
}

}  // namespace mop::app
