// The clock seam: code that needs the time is handed a Clock, so tests never read the wall clock or sleep.
#pragma once
#include "mop/base/time.h"

namespace mop {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual UnixMillis now() = 0;                         // wall time, UTC
  virtual void sleep_for(DurationMillis duration) = 0;  // returns early when interrupted (interrupt.h)
};

/// The machine's clock.
class SystemClock final : public Clock {
 public:
  UnixMillis now() override;
  void sleep_for(DurationMillis duration) override;
};

/// Another clock from the moment of its making on, `speed` times as fast: what waits by it waits as much
/// shorter. For rehearsals against a simulation that runs as fast.
class FastClock final : public Clock {
 public:
  /// `clock` must outlive it. REQUIRES: speed >= 1.
  FastClock(Clock& clock, double speed) : clock_(clock), speed_(speed), start_(clock.now()) {}
  UnixMillis now() override;
  void sleep_for(DurationMillis duration) override;

 private:
  Clock& clock_;
  const double speed_;
  const UnixMillis start_;
};

/// A clock that stands still until it is told to move; sleeping moves it. For tests and simulations.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(UnixMillis start) : now_(start) {}
  UnixMillis now() override { return now_; }
  void sleep_for(DurationMillis duration) override {
    now_ += duration;
    slept_ += duration;
  }
  void set(UnixMillis t) { now_ = t; }
  DurationMillis slept() const { return slept_; }

 private:
  UnixMillis now_;
  DurationMillis slept_ = 0;
};

/// Microseconds of a clock that never jumps back; only differences mean anything.
std::int64_t monotonic_micros();

}  // namespace mop
