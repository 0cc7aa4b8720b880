#include "mop/sim/stream_session.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "mop/base/json.h"
#include "mop/base/request_target.h"
#include "mop/sim/stream_command.h"

namespace mop::sim {
namespace {

constexpr int kPolicyViolation = 1008, kGoingAway = 1001;
constexpr std::size_t kClosesAtOnce = 1000;  // candles a step states per stream after the clock jumped

struct Meaning {
  std::string symbol;
  market::Interval interval;
};

// "btcusdt@kline_15m", also with "@+08:00": an offset of whole hours moves no 15m or 1h candle.
std::optional<Meaning> meaning_of(std::string_view name) {
  constexpr std::string_view kKline = "@kline_";
  const std::size_t at = name.find(kKline);
  if (at == std::string_view::npos || at == 0) return std::nullopt;
  std::string symbol;
  for (const char c : name.substr(0, at)) {
    if (c >= 'A' && c <= 'Z') return std::nullopt;  // names are lower case
    symbol += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  std::string_view rest = name.substr(at + kKline.size());
  if (rest.ends_with("@+08:00")) rest.remove_suffix(7);
  const auto interval = market::parse_interval(rest);
  if (!interval) return std::nullopt;
  return Meaning{symbol, *interval};
}

// A plus sign in an address may have been read as a space; no stream name has spaces.
std::vector<std::string> names_in(std::string_view list) {
  std::vector<std::string> names;
  while (!list.empty()) {
    const std::string_view name = list.substr(0, list.find('/'));
    list.remove_prefix(std::min(name.size() + 1, list.size()));
    if (name.empty()) continue;
    names.emplace_back(name);
    std::replace(names.back().begin(), names.back().end(), ' ', '+');
  }
  return names;
}

bool is_stream_fault(const Fault& fault) {
  return fault.kind == FaultKind::kShutdown || fault.kind == FaultKind::kDisconnect ||
         fault.kind == FaultKind::kSilence;
}

}  // namespace

StreamSession::StreamSession(MarketSource& market, std::vector<Fault> faults, const StreamRules& rules,
                             UnixMillis now)
    : market_(market, faults), rules_(rules), opened_(now), last_ping_(now) {
  std::copy_if(faults.begin(), faults.end(), std::back_inserter(faults_), is_stream_fault);
}

std::unique_ptr<StreamSession> StreamSession::open(std::string_view text, MarketSource& market,
                                                   std::vector<Fault> faults, const StreamRules& rules,
                                                   UnixMillis now) {
  const auto target = parse_target(text);
  if (!target) return nullptr;
  const std::string& path = target->path;
  const bool raw = path == "/ws" || path.starts_with("/ws/");
  const bool combined = path == "/stream" || path == "/stream/";
  if (!raw && !combined) return nullptr;
  std::unique_ptr<StreamSession> session(new StreamSession(market, std::move(faults), rules, now));
  session->combined_ = combined;
  const std::string unit = target->find("timeUnit").value_or("");
  if (unit == "MICROSECOND" || unit == "microsecond") session->unit_ = TimeUnit::kMicros;
  session->subscribe(names_in(raw ? path.substr(3) : target->find("streams").value_or("")), now);
  return session;
}

void StreamSession::subscribe(const std::vector<std::string>& names, UnixMillis now) {
  for (const std::string& name : names) {
    const bool known =
        std::any_of(streams_.begin(), streams_.end(), [&](const Stream& s) { return s.name == name; });
    if (known) continue;
    Stream stream{name, {}, market::Interval::k15m, 0, now / rules_.push_every};
    if (const auto meaning = meaning_of(name)) {
      stream.symbol = meaning->symbol;
      stream.interval = meaning->interval;
      const DurationMillis length = market::length_of(stream.interval);
      stream.running = now / length * length;
    }
    streams_.push_back(std::move(stream));
  }
  if (streams_.size() > rules_.streams)
    close(kPolicyViolation, fmt::format("Too many streams: at most {} per connection", rules_.streams));
}

void StreamSession::unsubscribe(const std::vector<std::string>& names) {
  std::erase_if(streams_, [&](const Stream& s) {
    return std::find(names.begin(), names.end(), s.name) != names.end();
  });
}

// False when the connection is closed for sending too fast.
bool StreamSession::count_message(UnixMillis now) {
  while (!messages_.empty() && messages_.front() <= now - kSecond)
    messages_.pop_front();
  messages_.push_back(now);
  if (messages_.size() <= static_cast<std::size_t>(rules_.messages_per_second)) return true;
  close(kPolicyViolation, "Too many requests");
  return false;
}

void StreamSession::on_text(std::string_view text, UnixMillis now) {
  if (ended_ || !count_message(now)) return;
  const auto command = parse_stream_command(text);
  if (!command) return send_text(command.error());
  std::string result = "null";
  switch (command->method) {
    case StreamCommand::Method::kSubscribe:
      subscribe(command->streams, now);
      break;
    case StreamCommand::Method::kUnsubscribe:
      unsubscribe(command->streams);
      break;
    case StreamCommand::Method::kList: {
      boost::json::array names;
      for (const Stream& stream : streams_)
        names.emplace_back(stream.name);
      result = to_json_text(names);
      break;
    }
    case StreamCommand::Method::kSetProperty:
      combined_ = command->combined;
      break;
    case StreamCommand::Method::kGetProperty:
      result = combined_ ? "true" : "false";
      break;
  }
  send_text(fmt::format(R"({{"result":{},"id":{}}})", result, command->id));
}

void StreamSession::on_ping(UnixMillis now) {
  if (!ended_) count_message(now);
}

void StreamSession::on_pong(std::string_view payload, UnixMillis now) {
  if (ended_ || !count_message(now)) return;
  // A pong that echoes a ping answers it and those before; any other counts for nothing.
  const auto answered = std::find_if(unanswered_pings_.begin(), unanswered_pings_.end(),
                                     [&](UnixMillis ping) { return std::to_string(ping) == payload; });
  if (answered != unanswered_pings_.end())
    unanswered_pings_.erase(unanswered_pings_.begin(), std::next(answered));
}

void StreamSession::step(UnixMillis now) {
  if (ended_) return;
  step_faults(now);
  if (now - opened_ >= rules_.lifetime) return close(kGoingAway, "Connection is older than 24 hours");
  for (Stream& stream : streams_) {
    if (!ended_ && !silent_ && !stream.symbol.empty()) step_stream(stream, now);
  }
  if (!ended_) step_ping(now);
}

void StreamSession::step_faults(UnixMillis now) {
  if (going_down_ && now >= *going_down_) return close(kGoingAway, "Server shutdown");
  for (auto fault = faults_.begin(); fault != faults_.end() && !ended_;) {
    if (now - opened_ < fault->ms) {
      ++fault;
      continue;
    }
    if (fault->kind == FaultKind::kSilence) silent_ = true;
    if (fault->kind == FaultKind::kShutdown) {
      send_event("!serverShutdown",
                 fmt::format(R"({{"e":"serverShutdown","E":{}}})", instant_in(unit_, now)));
      going_down_ = now + fault->lead_ms;
    }
    if (fault->kind == FaultKind::kDisconnect) {
      out_.push_back({Frame::Kind::kBreak, {}, 0});
      ended_ = true;
    }
    fault = faults_.erase(fault);
  }
}

void StreamSession::step_ping(UnixMillis now) {
  if (!unanswered_pings_.empty() && now - unanswered_pings_.front() >= rules_.pong_within) {
    return close(kPolicyViolation, "Pong timeout");
  }
  if (now - last_ping_ < rules_.ping_every) return;
  last_ping_ = now;
  unanswered_pings_.push_back(now);
  out_.push_back({Frame::Kind::kPing, std::to_string(now), 0});
}

void StreamSession::step_stream(Stream& stream, UnixMillis now) {
  const DurationMillis length = market::length_of(stream.interval);
  for (std::size_t closes = 0; now >= stream.running + length; stream.running += length) {
    if (++closes > kClosesAtOnce) return;  // the rest at the next step
    push(stream, stream.running, true, now);
  }
  const std::int64_t slot = now / rules_.push_every;
  if (slot <= stream.slot) return;
  stream.slot = slot;
  push(stream, stream.running, false, now);
}

void StreamSession::push(const Stream& stream, UnixMillis open_time, bool closed, UnixMillis now) {
  const DurationMillis length = market::length_of(stream.interval);
  const auto candles =
      market_.candles(stream.symbol, stream.interval, {open_time, open_time + length - 1, 10, false}, now);
  if (!candles) return;
  for (const market::Candle& candle : *candles)
    send_event(stream.name, kline_event(candle, stream.interval, stream.symbol, closed, now, unit_));
}

void StreamSession::send_event(std::string_view stream, std::string_view event) {
  send_text(combined_ ? fmt::format(R"({{"stream":"{}","data":{}}})", stream, event) : std::string(event));
}

void StreamSession::send_text(std::string text) {
  if (!ended_) out_.push_back({Frame::Kind::kText, std::move(text), 0});
}

void StreamSession::close(int code, std::string reason) {
  if (ended_) return;
  out_.push_back({Frame::Kind::kClose, std::move(reason), code});
  ended_ = true;
}

std::vector<Frame> StreamSession::take() {
  return std::exchange(out_, {});
}

}  // namespace mop::sim
