#include "mop/evaluate/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <boost/math/distributions/students_t.hpp>

#include "mop/base/check.h"

namespace mop::evaluate {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kNormal975 = 1.959963984540054;  // 97.5 % point of the standard normal

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

void subtract(std::vector<double>& from, double factor, const std::vector<double>& direction) {
  for (std::size_t i = 0; i < from.size(); ++i)
    from[i] -= factor * direction[i];
}

// 1-based ranks, ties share their mean.
std::vector<double> ranks_of(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (std::size_t first = 0; first < order.size();) {
    std::size_t last = first + 1;
    while (last < order.size() && values[order[last]] == values[order[first]])
      ++last;
    const double rank = 0.5 * static_cast<double>(first + 1 + last);
    for (; first < last; ++first)
      ranks[order[first]] = rank;
  }
  return ranks;
}

// Columns of the design matrix: the constant, then the terms.
std::vector<std::vector<double>> design_columns(std::span<const double> rows, std::size_t terms,
                                                std::size_t n) {
  std::vector<std::vector<double>> columns(1 + terms, std::vector<double>(n, 1.0));
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < terms; ++k)
      columns[1 + k][i] = rows[i * terms + k];
  }
  return columns;
}

}  // namespace

double mean_of(std::span<const double> values) {
  if (values.empty()) return kNaN;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

Bounds wilson_interval95(double hits, double n) {
  if (!(n > 0.0)) return {kNaN, kNaN};
  const double z2 = kNormal975 * kNormal975;
  const double share = hits / n;
  const double centre = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
  const double half = kNormal975 / (1.0 + z2 / n) * std::sqrt(share * (1.0 - share) / n + z2 / (4.0 * n * n));
  return {std::max(0.0, centre - half), std::min(1.0, centre + half)};
}

double newey_west_variance(std::span<const double> series, std::size_t lag) {
  const std::size_t n = series.size();
  if (n == 0) return kNaN;
  const double mean = mean_of(series);
  double variance = 0.0;
  for (std::size_t k = 0; k <= std::min(lag, n - 1); ++k) {
    double moment = 0.0;
    for (std::size_t t = k; t < n; ++t)
      moment += (series[t] - mean) * (series[t - k] - mean);
    const double weight = 1.0 - static_cast<double>(k) / static_cast<double>(lag + 1);
    variance += (k == 0 ? 1.0 : 2.0 * weight) * moment / static_cast<double>(n);
  }
  return variance;
}

double diebold_mariano_p(std::span<const double> differences, std::size_t lag) {
  if (differences.size() < 2 * (lag + 1)) return kNaN;
  const double variance = newey_west_variance(differences, lag);
  if (!(variance > 0.0)) return kNaN;
  const double statistic =
      mean_of(differences) / std::sqrt(variance / static_cast<double>(differences.size()));
  return std::erfc(std::abs(statistic) / std::sqrt(2.0));
}

double area_under_roc(std::span<const double> scores, const std::vector<bool>& positive) {
  MOP_CHECK(scores.size() == positive.size())
      << scores.size() << " scores, " << positive.size() << " classes";
  const std::vector<double> ranks = ranks_of(scores);
  double rank_sum = 0.0, positives = 0.0;
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    if (!positive[i]) continue;
    rank_sum += ranks[i];
    positives += 1.0;
  }
  const double negatives = static_cast<double>(ranks.size()) - positives;
  if (positives == 0.0 || negatives == 0.0) return kNaN;
  return (rank_sum - positives * (positives + 1.0) / 2.0) / (positives * negatives);
}

std::vector<double> least_squares(std::span<const double> rows, std::size_t terms,
                                  std::span<const double> target) {
  const std::size_t n = target.size(), columns = 1 + terms;
  MOP_CHECK(rows.size() == n * terms && n >= columns) << rows.size() << " values, " << n << " rows";
  auto q = design_columns(rows, terms, n);
  std::vector<double> rest(target.begin(), target.end());
  std::vector<double> r(columns * columns, 0.0), along(columns, 0.0);
  std::vector<bool> used(columns, true);
  std::vector<double> norms(columns);
  for (std::size_t k = 0; k < columns; ++k)
    norms[k] = std::sqrt(dot(q[k], q[k]));
  for (std::size_t k = 0; k < columns; ++k) {
    const double norm = std::sqrt(dot(q[k], q[k]));
    used[k] = norm > 1e-10 * norms[k];
    if (!used[k]) continue;
    r[k * columns + k] = norm;
    for (double& x : q[k])
      x /= norm;
    for (std::size_t j = k + 1; j < columns; ++j) {
      r[k * columns + j] = dot(q[k], q[j]);
      subtract(q[j], r[k * columns + j], q[k]);
    }
    along[k] = dot(q[k], rest);
    subtract(rest, along[k], q[k]);
  }
  std::vector<double> coefficients(columns, 0.0);
  for (std::size_t k = columns; k-- > 0;) {
    if (!used[k]) continue;
    double sum = along[k];
    for (std::size_t j = k + 1; j < columns; ++j)
      sum -= r[k * columns + j] * coefficients[j];
    coefficients[k] = sum / r[k * columns + k];
  }
  return coefficients;
}

double rank_correlation(std::span<const double> a, std::span<const double> b) {
  MOP_CHECK(a.size() == b.size()) << a.size() << " and " << b.size();
  if (a.size() < 2) return kNaN;
  const auto ranks_a = ranks_of(a), ranks_b = ranks_of(b);
  const double mean = 0.5 * static_cast<double>(a.size() + 1);
  double ab = 0.0, aa = 0.0, bb = 0.0;
  for (std::size_t i = 0; i < ranks_a.size(); ++i) {
    ab += (ranks_a[i] - mean) * (ranks_b[i] - mean);
    aa += (ranks_a[i] - mean) * (ranks_a[i] - mean);
    bb += (ranks_b[i] - mean) * (ranks_b[i] - mean);
  }
  return aa > 0.0 && bb > 0.0 ? ab / std::sqrt(aa * bb) : kNaN;
}

Slope weighted_slope(std::span<const double> x, std::span<const double> y, std::span<const double> weights) {
  const Slope unknown{std::nan(""), {std::nan(""), std::nan("")}};
  double total = 0, mean_x = 0, mean_y = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    total += weights[i];
    mean_x += weights[i] * x[i];
    mean_y += weights[i] * y[i];
  }
  mean_x /= total;
  mean_y /= total;
  double xx = 0, xy = 0, residual = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xx += weights[i] * (x[i] - mean_x) * (x[i] - mean_x);
    xy += weights[i] * (x[i] - mean_x) * (y[i] - mean_y);
  }
  if (x.size() < 3 || !(xx > 0.0)) return unknown;
  const double slope = xy / xx;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double e = y[i] - mean_y - slope * (x[i] - mean_x);
    residual += weights[i] * e * e;
  }
  const double freedom = static_cast<double>(x.size() - 2);
  const double t = boost::math::quantile(boost::math::students_t(freedom), 0.975);
  const double half = t * std::sqrt(residual / freedom / xx);
  return {slope, {slope - half, slope + half}};
}

}  // namespace mop::evaluate
