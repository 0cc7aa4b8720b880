// Live candles of many series over one WebSocket connection to Binance.
#pragma once
#include <memory>
#include <optional>

#include "mop/base/result.h"
#include "mop/exchange/stream_event.h"
#include "mop/exchange/stream_supervisor.h"

namespace mop::exchange {

/// Runs on a thread of its own and hands over to one consumer. A candle that closes is given once, whatever
/// connections state it; where one may have been missed, StreamDisconnected and StreamConnected say so.
class KlineStream {
 public:
  /// Starts to connect. Errors: kInvalidArgument (no series, more than KlineStreamOptions::kMaxSeries or one
  /// twice; no host or one that is no address).
  static Result<std::unique_ptr<KlineStream>> start(KlineStreamOptions options);
  ~KlineStream();  // stops
  KlineStream(const KlineStream&) = delete;
  KlineStream& operator=(const KlineStream&) = delete;

  /// What happened next; waits at most `timeout` of the machine's time. Closed candles and news of the
  /// connection come in order and are kept until they are taken; of open candles the newest of each series.
  std::optional<StreamEvent> next(DurationMillis timeout);
  /// Ends the connection without waiting for the other side. next() then gives what is left, and after that
  /// nothing, at once. From any thread, any number of times.
  void stop();
  StreamCounters counters() const;

 private:
  struct Impl;
  explicit KlineStream(KlineStreamOptions options);
  std::unique_ptr<Impl> impl_;
};

}  // namespace mop::exchange
