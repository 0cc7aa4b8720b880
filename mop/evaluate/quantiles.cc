#include "mop/evaluate/quantiles.h"

#include <algorithm>
#include <cmath>

#include "mop/base/check.h"

namespace mop::evaluate {
namespace {

// Probability beyond an outermost quantile, `distance` >= 0 away from it. The tail's density starts at
// `mass` / scale and has to equal the neighbouring segment's step / width.
double tail_mass(double mass, double distance, double step, double width) {
  const double scale = mass * width / step;
  return scale > 0.0 ? mass * std::exp(-distance / scale) : 0.0;
}

}  // namespace

double quantile_sorted(std::span<const double> sorted, double level) {
  MOP_CHECK(!sorted.empty() && level >= 0.0 && level <= 1.0) << sorted.size() << " values, level " << level;
  const double position = static_cast<double>(sorted.size() - 1) * level;
  const auto below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (position - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

std::vector<double> quantiles_of(std::vector<double>& values, std::span<const double> levels) {
  std::sort(values.begin(), values.end());
  std::vector<double> result;
  result.reserve(levels.size());
  for (const double level : levels)
    result.push_back(quantile_sorted(values, level));
  return result;
}

double pinball_loss(double level, double quantile, double z) {
  return z >= quantile ? level * (z - quantile) : (1.0 - level) * (quantile - z);
}

double mean_pinball_loss(std::span<const double> levels, std::span<const double> quantiles, double z) {
  double sum = 0.0;
  for (std::size_t l = 0; l < levels.size(); ++l)
    sum += pinball_loss(levels[l], quantiles[l], z);
  return sum / static_cast<double>(levels.size());
}

double cdf_at(std::span<const double> levels, std::span<const double> q, double x) {
  const std::size_t last = levels.size() - 1;
  MOP_CHECK(levels.size() >= 2 && q.size() == levels.size()) << levels.size() << " levels, " << q.size();
  if (x < q[0]) return tail_mass(levels[0], q[0] - x, levels[1] - levels[0], q[1] - q[0]);
  if (x > q[last]) {
    const double mass = 1.0 - levels[last];
    return 1.0 - tail_mass(mass, x - q[last], levels[last] - levels[last - 1], q[last] - q[last - 1]);
  }
  const auto first_above = static_cast<std::size_t>(std::upper_bound(q.begin(), q.end(), x) - q.begin());
  const auto first_equal = static_cast<std::size_t>(std::lower_bound(q.begin(), q.end(), x) - q.begin());
  if (first_equal < first_above) return 0.5 * (levels[first_equal] + levels[first_above - 1]);
  const double share = (x - q[first_above - 1]) / (q[first_above] - q[first_above - 1]);
  return levels[first_above - 1] + share * (levels[first_above] - levels[first_above - 1]);
}

double p_up_from_quantiles(std::span<const double> levels, std::span<const double> quantiles) {
  return 1.0 - cdf_at(levels, quantiles, 0.0);
}

std::optional<std::size_t> level_index(std::span<const double> levels, double level) {
  for (std::size_t l = 0; l < levels.size(); ++l) {
    if (std::abs(levels[l] - level) < 1e-9) return l;
  }
  return std::nullopt;
}

}  // namespace mop::evaluate
