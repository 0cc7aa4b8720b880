#include "mop/sim/volatility.h"

#include <cmath>
#include <numbers>

namespace mop::sim {
namespace {

struct Part {
  double memory;  // autocorrelation over 15 minutes
  double news;    // sqrt(1 - memory^2): keeps the variance at 1
};

constexpr double kPartSd = 0.25;         // of each part's contribution to ln sigma
constexpr double kOwnReturnShare = 0.7;  // correlation of a part's push with the return's size
constexpr double kMeanAbsNormal = 0.7978845608028654, kSdAbsNormal = 0.6028102749890869;

std::array<Part, 3> cascade() {
  std::array<Part, 3> parts{};
  const std::array<double, 3> candles{4.0, 96.0, 960.0};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const double memory = std::exp(-1.0 / candles[i]);
    parts[i] = {memory, std::sqrt(1.0 - memory * memory)};
  }
  return parts;
}

// Mean of ln sigma that makes the mean of sigma^2 one: minus the variance of ln sigma. All parts get the same
// push, so they are correlated.
double log_mean(const std::array<Part, 3>& parts) {
  double variance = 0.0;
  for (const Part& a : parts) {
    for (const Part& b : parts)
      variance += kPartSd * kPartSd * a.news * b.news / (1.0 - a.memory * b.memory);
  }
  return -variance;
}

}  // namespace

VolatilityProcess::Step VolatilityProcess::next(Rng& rng) {
  static const std::array<Part, 3> kParts = cascade();
  static const double kLogMean = log_mean(kParts);
  const double sigma = std::exp(kLogMean + kPartSd * (parts_[0] + parts_[1] + parts_[2]));
  const double shock = rng.normal(), own_news = rng.normal();
  const double size = (std::abs(shock) - kMeanAbsNormal) / kSdAbsNormal;
  const double push = kOwnReturnShare * size + std::sqrt(1.0 - kOwnReturnShare * kOwnReturnShare) * own_news;
  for (std::size_t i = 0; i < parts_.size(); ++i)
    parts_[i] = kParts[i].memory * parts_[i] + kParts[i].news * push;
  return {sigma, shock};
}

double season_factor(UnixMillis open_time) {
  const double hour = static_cast<double>(open_time % kDay) / static_cast<double>(kHour);
  const auto weekday = (open_time / kDay + 4) % 7;  // 0 = Sunday: 1970-01-01 was a Thursday
  const double weekend = weekday == 0 || weekday == 6 ? -0.2 : 0.05;
  return std::exp(0.25 * std::cos(2.0 * std::numbers::pi * (hour - 14.5) / 24.0) + weekend);
}

}  // namespace mop::sim
