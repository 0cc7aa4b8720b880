// Stochastic volatility of the realistic market.
#pragma once
#include <array>

#include "mop/base/rng.h"
#include "mop/base/time.h"

namespace mop::sim {

/// Volatility that clusters like that of traded coins: its logarithm is the sum of three mean-reverting parts
/// with memories of one hour, one day and ten days (Corsi's HAR cascade), pushed by the size of the returns
/// themselves and by news of its own; the sign of a return pushes nothing, so the market has no drift to
/// find.
class VolatilityProcess {
 public:
  struct Step {
    double sigma;  // relative to the long-run root mean square, known before the shock
    double shock;  // standard normal; the return is sigma * shock * scale
  };
  /// The next 15 minutes.
  Step next(Rng& rng);

 private:
  std::array<double, 3> parts_{};
};

/// Factor on volatility for the hour and day (UTC): busiest around 14:30, quiet at weekends; mean square
/// near 1.
double season_factor(UnixMillis open_time);

}  // namespace mop::sim
