#include "mop/exchange/stream_supervisor.h"

#include <algorithm>
#include <bit>

#include <fmt/format.h>

#include "mop/base/check.h"
#include "mop/base/log.h"

namespace mop::exchange {
namespace {

constexpr std::size_t kRounds = 3;  // of all hosts in vain: then the stream counts as blocked
constexpr DurationMillis kShortest = 500;

// All streams in the address: they flow from the first moment, and nothing need ever be sent but pongs.
std::string target_of(const std::vector<StreamSeries>& series) {
  std::string target = "/stream?streams=";
  for (const StreamSeries& one : series) {
    if (target.back() != '=') target += '/';
    for (const char c : one.symbol)
      target += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    target += fmt::format("@kline_{}", market::to_string(one.interval));
  }
  return target;
}

// No repetition mends it soon: the place or the client is refused, or the certificate is wrong.
bool is_refusal(const Error& error) {
  return error.code == ErrorCode::kUnsupported || error.code == ErrorCode::kIo;
}

}  // namespace

KlineStreamOptions at_speed(KlineStreamOptions options, double speed) {
  MOP_CHECK(speed >= 1.0) << speed;
  const auto shorten = [speed](DurationMillis& d) {
    d = std::max(static_cast<DurationMillis>(static_cast<double>(d) / speed), std::min(d, kShortest));
  };
  for (DurationMillis* d : {&options.silence, &options.candle_silence, &options.lifetime, &options.overlap,
                            &options.max_backoff, &options.blocked_retry, &options.connect_window}) {
    shorten(*d);
  }
  return options;
}

StreamSupervisor::StreamSupervisor(KlineStreamOptions options)
    : options_(std::move(options)),
      target_(target_of(options_.series)),
      candles_(options_.series),
      rng_(options_.jitter_seed, 0),
      refusing_(options_.hosts.size(), false) {
  MOP_CHECK(!options_.hosts.empty());
  MOP_CHECK(!options_.series.empty() && options_.series.size() <= KlineStreamOptions::kMaxSeries);
}

StreamCounters StreamSupervisor::counters() const {
  StreamCounters counters = counters_;
  counters.repeated = candles_.repeated();
  return counters;
}

std::optional<StreamSupervisor::Link>* StreamSupervisor::find(int socket) {
  for (auto* link : {&current_, &next_}) {
    if (*link && (*link)->socket == socket) return link;
  }
  return nullptr;
}

void StreamSupervisor::on(const SocketEvent& event) {
  auto* link = find(event.socket);
  if (link == nullptr) return;
  const DurationMillis now = event.at_us / 1000;
  (*link)->heard = now;
  if (std::holds_alternative<SocketOpened>(event.what)) return opened(*link, now);
  if (const auto* text = std::get_if<SocketText>(&event.what)) return read(*link, text->text, event);
  if (const auto* closed = std::get_if<SocketClosed>(&event.what)) lose(*link, *closed, now);
}

void StreamSupervisor::opened(std::optional<Link>& link, DurationMillis now) {
  link->open = true;
  link->since = link->candle = now;
  log_info(fmt::format("stream: connected to {}", options_.hosts[link->host]));
  if (current_) return;
  blocked_ = false;
  events_.emplace_back(StreamConnected{options_.hosts[link->host]});
  current_ = std::exchange(next_, std::nullopt);
}

void StreamSupervisor::read(std::optional<Link>& link, const std::string& frame, const SocketEvent& event) {
  ++counters_.frames;
  auto news = candles_.read(frame, event.at_us);
  if (!news) {
    // A fault that stays must not fill the log: the 1st, 2nd, 4th, 8th, ... is told.
    const std::int64_t count = ++counters_.bad_frames;
    if (std::has_single_bit(static_cast<std::uint64_t>(count)))
      log_warning(fmt::format("stream: bad frame (number {}): {}", count, news.error().message));
    if (++link->bad_in_a_row < options_.bad_frames_in_a_row) return;
    const auto why =
        fmt::format("{} bad frames in a row, the last: {}", link->bad_in_a_row, news.error().message);
    commands_.emplace_back(CloseSocket{link->socket});
    return lose(link, {{ErrorCode::kCorrupt, why}}, event.at_us / 1000);
  }
  link->bad_in_a_row = 0;
  if (news->shutdown) {
    log_info("stream: the server goes down; another connection takes over");
    link->leaving = true;
  }
  if (!news->kline) return;
  link->candle = event.at_us / 1000;
  if (!std::exchange(link->proved, true)) {
    failures_ = 0;
    refusing_.assign(refusing_.size(), false);
  }
  if (news->candle) events_.emplace_back(std::move(*news->candle));
}

// Both have brought candles for a while: nothing can have been missed between them.
bool StreamSupervisor::replaceable() const {
  return current_ && next_ && next_->open && next_->proved &&
         current_->candle >= next_->since + options_.overlap;
}

// REQUIRES: next_ is open. The old connection is closed already, or about to be.
void StreamSupervisor::hand_over(bool seamless, const std::string& why) {
  if (seamless) {
    ++counters_.handovers;
  } else {
    ++counters_.disconnects;
    events_.emplace_back(StreamDisconnected{why});
    events_.emplace_back(StreamConnected{options_.hosts[next_->host]});
  }
  log_info(fmt::format("stream: {} took over{}", options_.hosts[next_->host],
                       seamless ? "" : fmt::format(", candles may have been missed: {}", why)));
  current_ = std::exchange(next_, std::nullopt);
}

void StreamSupervisor::lose(std::optional<Link>& link, const SocketClosed& how, DurationMillis now) {
  const bool was_current = &link == &current_;
  if (was_current && next_ && next_->open) {
    // A close frame comes behind all that was sent; after anything else something may be lost. And a
    // connection that had stopped to bring candles before the new one opened proves nothing.
    const bool seamless = how.orderly ? current_->candle >= next_->since : replaceable();
    return hand_over(seamless, how.error.message);
  }
  const Link lost = *std::exchange(link, std::nullopt);
  log_info(fmt::format("stream: {}", how.error.message));
  if (was_current) {
    ++counters_.disconnects;
    events_.emplace_back(StreamDisconnected{how.error.message});
  }
  retry_later(lost, how, now);
}

void StreamSupervisor::retry_later(const Link& link, const SocketClosed& how, DurationMillis now) {
  const std::size_t hosts = options_.hosts.size();
  ++failures_;
  if (is_refusal(how.error)) refusing_[link.host] = true;
  if (!link.proved) host_ = (link.host + 1) % hosts;
  const bool limited = how.error.code == ErrorCode::kRateLimited;
  const bool refused = std::find(refusing_.begin(), refusing_.end(), false) == refusing_.end();
  const std::size_t round = (failures_ - 1) / hosts;
  const DurationMillis backoff =
      std::min(options_.max_backoff, options_.first_backoff << std::min<std::size_t>(round, 20));
  const DurationMillis wait = jittered(refused ? options_.blocked_retry : backoff);
  retry_at_ = now + (limited ? std::max(options_.blocked_retry, how.retry_after) : wait);
  const bool hopeless = limited || refused || failures_ >= kRounds * hosts;
  if (!hopeless || current_ || std::exchange(blocked_, true)) return;
  log_warning(fmt::format("stream: blocked: {}", how.error.message));
  events_.emplace_back(StreamBlocked{how.error.message});
}

DurationMillis StreamSupervisor::jittered(DurationMillis wait) {
  return static_cast<DurationMillis>(static_cast<double>(wait) * (0.5 + 0.5 * rng_.uniform()));
}

DurationMillis StreamSupervisor::silent_at(const Link& link) const {
  if (!link.open) return link.since + options_.connect_timeout;
  return std::min(link.heard + options_.silence, link.candle + options_.candle_silence);
}

void StreamSupervisor::check_silence(std::optional<Link>& link, DurationMillis now) {
  if (!link || now < silent_at(*link)) return;
  const std::string& host = options_.hosts[link->host];
  std::string why;
  if (!link->open) {
    why = fmt::format("{} did not answer within {}", host, format_duration(options_.connect_timeout));
  } else if (now >= link->heard + options_.silence) {
    why = fmt::format("{} has been silent for {}", host, format_duration(now - link->heard));
  } else {
    why = fmt::format("{} has brought no candle for {}", host, format_duration(now - link->candle));
  }
  commands_.emplace_back(CloseSocket{link->socket});
  lose(link, {{ErrorCode::kUnavailable, std::move(why)}}, now);
}

DurationMillis StreamSupervisor::connect_due() const {
  const bool wanted_now = !current_ || current_->leaving;
  const DurationMillis wanted =
      wanted_now ? retry_at_ : std::max(retry_at_, current_->since + options_.lifetime);
  if (attempts_.size() < options_.connects_per_window) return wanted;
  return std::max(wanted, attempts_.front() + options_.connect_window);
}

void StreamSupervisor::connect(DurationMillis now) {
  while (!attempts_.empty() && attempts_.front() + options_.connect_window <= now)
    attempts_.pop_front();
  attempts_.push_back(now);
  ++counters_.connects;
  next_ = Link{++last_socket_, host_, now};
  commands_.emplace_back(OpenSocket{last_socket_, options_.hosts[host_] + target_});
}

void StreamSupervisor::step(DurationMillis now) {
  check_silence(next_, now);
  check_silence(current_, now);
  if (replaceable()) {
    commands_.emplace_back(CloseSocket{current_->socket});
    hand_over(true, {});
  }
  if (!next_ && now >= connect_due()) connect(now);
}

DurationMillis StreamSupervisor::next_due() const {
  DurationMillis due = next_ ? silent_at(*next_) : connect_due();
  if (current_) due = std::min(due, silent_at(*current_));
  return due;
}

}  // namespace mop::exchange
