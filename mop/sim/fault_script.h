// What goes wrong, when: a script of faults, one JSON object a line (docs/sim.md has the table).
#pragma once
#include <cstdint>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mop/base/result.h"
#include "mop/base/time.h"
#include "mop/sim/api_reply.h"

namespace mop::sim {

enum class FaultKind : std::uint8_t {
  kLatency,    // the answer comes `ms` later (machine time)
  kReset,      // the connection is reset instead of an answer
  kTruncate,   // the body ends after `bytes` and the connection closes
  kSlow,       // the body comes at `bytes_per_second` (machine time)
  kCorrupt,    // one byte in the middle of the body is another
  kStatus,     // an error answer: `status`, `retry_after` seconds, `body`
  kClockSkew,  // the exchange's clock is `ms` ahead (negative: behind) for this request
  kGap,        // candles that open in [from, until) are absent
  kRevise,     // a closed candle is stated differently until `ms` after its close
  kDuplicate,  // candles that open in [from, until) come twice
  kMisalign,   // candles that open in [from, until) open `ms` later than they should
  kListing,    // from `from` on the symbol has another `status`, or no filters; BREAK ends its candles
  kShutdown,   // streams: a serverShutdown event `ms` after the connection, closed `lead_ms` later (sim time)
  kDisconnect,  // streams: the connection breaks `ms` after it was made (sim time), without a close frame
  kSilence,     // streams: nothing is pushed from `ms` after the connection on (sim time)
};

struct Fault {
  FaultKind kind = FaultKind::kLatency;
  // Which requests: a pattern over "path?query" with * for anything; of those that match the `first`-th and
  // then every `every`-th, `count` in all; each of them with `probability`.
  std::string path = "*";
  std::int64_t first = 1, every = 1, count = std::numeric_limits<std::int64_t>::max();
  double probability = 1.0;

  DurationMillis ms = 0, lead_ms = 10 * kSecond;
  std::int64_t bytes = 0, bytes_per_second = 0;
  int status = 0;
  std::int64_t retry_after = -1;  // seconds; -1: none is sent
  std::optional<std::string> body;
  std::string symbol;    // "": every one
  std::string interval;  // "15m", "1h"; "": both
  UnixMillis from = 0, until = std::numeric_limits<UnixMillis>::max();
  std::string listing_status;
  bool filters = true;
  std::size_t line = 0;  // its place in the script, set by FaultScript
};

/// A fault of what is traded: whether it changes an answer shows only when the candles or listings are looked
/// at.
bool is_of_market(FaultKind kind);

/// Decides per request which faults hit it. The same script, seed and requests give the same faults; a
/// probability is drawn from (seed, line, target, how often this target was asked), so it does not depend on
/// the order in which other requests arrive. Thread-safe.
class FaultScript {
 public:
  FaultScript() = default;  // nothing goes wrong
  FaultScript(std::vector<Fault> faults, std::uint64_t seed);

  /// Empty lines and lines that begin with # are skipped. Errors: kInvalidArgument naming line and key.
  static Result<std::vector<Fault>> parse(std::string_view text);

  /// The faults of one request (for streams: of one connection), in the order of the script. Those of the
  /// market have struck only when count_strike() says so.
  std::vector<Fault> draw(std::string_view target);
  void count_strike(std::size_t line);
  bool empty() const { return faults_.empty(); }
  /// How often each line has struck.
  std::vector<std::int64_t> strikes() const;

 private:
  struct Counts {
    std::int64_t matched = 0, struck = 0;
    std::map<std::string, std::uint32_t, std::less<>> asked;  // by target, only with a probability
  };
  bool strikes_now(std::size_t line, std::string_view target);

  std::vector<Fault> faults_;
  std::uint64_t seed_ = 1;
  mutable std::mutex mutex_;
  std::vector<Counts> counts_;
};

/// Whether `text` has the form of `pattern`, where * stands for any run of characters.
bool matches(std::string_view pattern, std::string_view text);

/// The answer of a kStatus fault: Binance's bodies for 418, 429, 451 and 5xx, HTML for 403 and 502.
ApiReply fault_reply(const Fault& fault, UnixMillis now);

}  // namespace mop::sim
