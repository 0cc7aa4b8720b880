#include "mop/exchange/kline_stream.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "mop/base/clock.h"
#include "mop/exchange/stream_queue.h"
#include "mop/exchange/web_socket.h"

namespace mop::exchange {
namespace {

constexpr DurationMillis kLongestWait = kSecond;

Result<void> check(const KlineStreamOptions& options) {
  const std::size_t count = options.series.size();
  if (count < 1 || count > KlineStreamOptions::kMaxSeries) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("a stream must have 1..{} series, was {}",
                                                         KlineStreamOptions::kMaxSeries, count));
  }
  std::set<std::pair<std::string, market::Interval>> seen;
  for (const StreamSeries& one : options.series) {
    if (!seen.emplace(one.symbol, one.interval).second) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("a series must be in a stream once, {} {} was twice", one.symbol,
                              market::to_string(one.interval)));
    }
  }
  if (options.hosts.empty()) return fail(ErrorCode::kInvalidArgument, "a stream must have a host, had none");
  for (const std::string& host : options.hosts)
    MOP_TRY(WebSockets::check_url(host));
  return {};
}

}  // namespace

struct KlineStream::Impl {
  explicit Impl(KlineStreamOptions options)
      : queue(options.series.size()), supervisor(std::move(options)), thread([this] { run(); }) {}

  void run() {
    while (!stopping) {
      const DurationMillis now = monotonic_micros() / 1000;
      supervisor.step(now);
      for (const SocketCommand& command : supervisor.take_commands())
        obey(command);
      {
        const std::lock_guard lock(mutex);
        counters = supervisor.counters();  // first: who sees an event finds it counted
      }
      for (StreamEvent& event : supervisor.take_events())
        queue.push(std::move(event));
      const auto event =
          sockets.wait(std::clamp<DurationMillis>(supervisor.next_due() - now, 0, kLongestWait));
      if (event) supervisor.on(*event);
    }
  }

  void obey(const SocketCommand& command) {
    if (const auto* open = std::get_if<OpenSocket>(&command)) sockets.open(open->socket, open->url);
    if (const auto* close = std::get_if<CloseSocket>(&command)) sockets.close(close->socket);
  }

  StreamQueue queue;
  StreamSupervisor supervisor;  // this and the sockets are the thread's alone
  WebSockets sockets;
  std::atomic<bool> stopping{false};
  mutable std::mutex mutex;
  StreamCounters counters;  // guarded by mutex
  std::mutex joining;       // guards the thread's join
  std::thread thread;       // last: it uses all the others
};

Result<std::unique_ptr<KlineStream>> KlineStream::start(KlineStreamOptions options) {
  MOP_TRY(check(options));
  return std::unique_ptr<KlineStream>(new KlineStream(std::move(options)));
}

KlineStream::KlineStream(KlineStreamOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}

KlineStream::~KlineStream() {
  stop();
}

std::optional<StreamEvent> KlineStream::next(DurationMillis timeout) {
  return impl_->queue.next(timeout);
}

void KlineStream::stop() {
  const std::lock_guard lock(impl_->joining);
  if (!impl_->thread.joinable()) return;
  impl_->stopping = true;
  impl_->sockets.wake();
  impl_->thread.join();
  impl_->queue.close();
}

StreamCounters KlineStream::counters() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->counters;
}

}  // namespace mop::exchange
