#include "mop/evaluate/baselines.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "mop/base/check.h"
#include "mop/evaluate/quantiles.h"
#include "mop/evaluate/statistics.h"

namespace mop::evaluate {
namespace {

std::span<const double> terms_of(const Outcomes& o, std::size_t row) {
  return std::span(o.har).subspan(row * o.har_terms, o.har_terms);
}

double scale_at(const LogLinear& fit, const Outcomes& o, std::size_t row) {
  return fit.at(o.sigma[row], terms_of(o, row));
}

// Regression of `target` on ln sigma and the HAR terms of `rows`.
LogLinear fit_log_linear(const Outcomes& o, const std::vector<std::size_t>& rows,
                         const std::vector<double>& target) {
  std::vector<double> terms;
  terms.reserve(rows.size() * (1 + o.har_terms));
  for (const std::size_t row : rows) {
    const auto t = terms_of(o, row);
    terms.push_back(std::log(o.sigma[row]));
    terms.insert(terms.end(), t.begin(), t.end());
  }
  LogLinear fit{least_squares(terms, 1 + o.har_terms, target), -HUGE_VAL, HUGE_VAL};
  double lowest = HUGE_VAL, highest = -HUGE_VAL;
  for (const std::size_t row : rows) {
    const double exponent = std::log(scale_at(fit, o, row));
    lowest = std::min(lowest, exponent);
    highest = std::max(highest, exponent);
  }
  fit.lowest = lowest;
  fit.highest = highest;
  return fit;
}

std::vector<std::size_t> known_rows(const Outcomes& o, std::size_t step) {
  std::vector<std::size_t> rows;
  for (std::size_t row = 0; row < o.size(); ++row) {
    if (std::isfinite(o.target(row, step))) rows.push_back(row);
  }
  return rows;
}

void append_quantiles(std::vector<double>& to, std::vector<double>& values, std::span<const double> levels) {
  const auto q = quantiles_of(values, levels);
  to.insert(to.end(), q.begin(), q.end());
}

void fit_step(const Outcomes& o, std::size_t step, const std::vector<std::size_t>& rows, Baselines& b) {
  std::vector<double> y, z, magnitude;
  for (const std::size_t row : rows) {
    y.push_back(o.target(row, step));
    z.push_back(scaled_target(o, row, step));
    magnitude.push_back(std::log(std::max(std::abs(z.back()), kHarFloor)));
  }
  const LogLinear scale = fit_log_linear(o, rows, magnitude);
  std::vector<double> rest(z);
  for (std::size_t i = 0; i < rows.size(); ++i)
    rest[i] /= scale_at(scale, o, rows[i]);
  b.har_scale.push_back(scale);
  append_quantiles(b.static_y, y, b.levels);
  append_quantiles(b.ewma_z, z, b.levels);
  append_quantiles(b.har_residual, rest, b.levels);
}

void fit_range(const Outcomes& o, Baselines& b) {
  std::vector<double> ranges, logs;
  std::vector<std::size_t> rows;
  for (std::size_t row = 0; row < o.next_log_range.size(); ++row) {
    const double range = o.next_log_range[row];
    if (!std::isfinite(range)) continue;
    ranges.push_back(range);
    if (range <= 0.0) continue;  // a candle without any trade at a second price has no logarithm
    rows.push_back(row);
    logs.push_back(std::log(range / o.sigma[row]));
  }
  b.spike_threshold = std::nan("");
  if (!ranges.empty()) b.spike_threshold = quantiles_of(ranges, std::array{0.9})[0];
  if (rows.size() >= kFewestFitRows) b.range = fit_log_linear(o, rows, logs);
}

Forecasts empty_like(const Baselines& b, const Outcomes& o, std::string name) {
  Forecasts f;
  f.name = std::move(name);
  f.horizon = b.horizon;
  f.levels = b.levels;
  f.z.reserve(o.size() * b.horizon * b.levels.size());
  f.p_up.reserve(o.size() * b.horizon);
  return f;
}

// Appends one candle's step: `factor` times the step's row of an (H,L) table.
void append_scaled(Forecasts& f, const std::vector<double>& table, std::size_t step, double factor) {
  const std::size_t levels = f.levels.size();
  for (std::size_t l = 0; l < levels; ++l)
    f.z.push_back(factor * table[step * levels + l]);
  f.p_up.push_back(p_up_from_quantiles(f.levels, std::span(f.z).last(levels)));
}

std::vector<double> reversal(const Outcomes& o) {
  std::vector<double> p_up;
  for (const double last : o.last_return)
    p_up.push_back(last < 0.0 ? 1.0 : last > 0.0 ? 0.0 : 0.5);
  return p_up;
}

}  // namespace

Result<Baselines> fit_baselines(const Outcomes& fit, std::span<const double> levels) {
  MOP_TRY(validate(fit));
  Baselines b;
  b.horizon = fit.horizon;
  b.levels.assign(levels.begin(), levels.end());
  const std::size_t fewest = std::max(kFewestFitRows, 10 * (fit.har_terms + 2));
  for (std::size_t step = 0; step < fit.horizon; ++step) {
    const auto rows = known_rows(fit, step);
    if (rows.size() < fewest) {
      return fail(
          ErrorCode::kInvalidArgument,
          fmt::format("baselines of {} {} need at least {} fitted candles with a known close {} ahead, "
                      "got {}; fetch more history or move the split later",
                      fit.symbol, market::to_string(fit.interval), fewest, step + 1, rows.size()));
    }
    if (step == 0) b.fitted_rows = rows.size();
    fit_step(fit, step, rows, b);
  }
  fit_range(fit, b);
  return b;
}

Result<BaselineForecasts> forecast_baselines(const Baselines& b, const Outcomes& o) {
  MOP_TRY(validate(o));
  if (o.horizon != b.horizon || o.har_terms != b.terms()) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("baselines of {} were fitted for {} steps and {} HAR terms, were given {} and {}",
                            o.symbol, b.horizon, b.terms(), o.horizon, o.har_terms));
  }
  BaselineForecasts result{empty_like(b, o, "static"), empty_like(b, o, "ewma"), empty_like(b, o, "har"),
                           reversal(o), b.spike_threshold};
  for (std::size_t row = 0; row < o.size(); ++row) {
    for (std::size_t step = 0; step < b.horizon; ++step) {
      const double scale = o.sigma[row] * std::sqrt(static_cast<double>(step + 1));
      append_scaled(result.fixed, b.static_y, step, 1.0 / scale);
      append_scaled(result.ewma, b.ewma_z, step, 1.0);
      append_scaled(result.har, b.har_residual, step, scale_at(b.har_scale[step], o, row));
    }
    if (!b.range.coefficients.empty())
      result.har.log_range.push_back(o.sigma[row] * scale_at(b.range, o, row));
  }
  return result;
}

}  // namespace mop::evaluate
