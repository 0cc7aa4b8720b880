// The request weight of a minute, shared by every mop process on this machine: the exchange counts per
// address.
#pragma once
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>

#include "mop/base/result.h"
#include "mop/base/time.h"

namespace mop::exchange {

struct WeightState {
  std::int64_t minute = -1;     // of the exchange's clock, since 1970; the next two count it
  std::int64_t granted = 0;     // weight of all requests let through in it
  std::int64_t stated = 0;      // largest weight that the exchange stated in it
  UnixMillis wait_until = 0;    // 429: nobody sends before; local clock
  UnixMillis banned_until = 0;  // 418: nobody sends before; local clock
};

/// Keeps a WeightState in a small text file under a lock, or in this process alone. Thread-safe.
class SharedWeight {
 public:
  /// `path` of the file, created when missing; "" keeps the state in this process. A file that cannot be
  /// opened (or that another user owns) is told in the log, then the state is kept in this process.
  explicit SharedWeight(const std::string& path);
  ~SharedWeight();
  SharedWeight(const SharedWeight&) = delete;
  SharedWeight& operator=(const SharedWeight&) = delete;

  /// Runs `change` on the newest state while nobody else can, and keeps what it leaves.
  void update(const std::function<void(WeightState&)>& change);

 private:
  std::mutex mutex_;
  int fd_ = -1;
  WeightState own_;
};

/// Where the processes of this user share the state of one exchange: below $XDG_RUNTIME_DIR, else the
/// directory for temporary files. `base_url`: all of Binance's hosts count together, others by themselves.
std::string shared_weight_path(const std::string& base_url);

}  // namespace mop::exchange
