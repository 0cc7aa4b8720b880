#include "mop/evaluate/forecasts.h"

#include <cmath>

#include <fmt/format.h>

#include "mop/evaluate/quantiles.h"

namespace mop::evaluate {
namespace {

std::string series_name(const Outcomes& o) {
  return fmt::format("{} {}", o.symbol, market::to_string(o.interval));
}

Result<void> check_rows(const Outcomes& o, std::string_view column, std::size_t actual,
                        std::size_t expected) {
  if (actual == expected) return {};
  return fail(ErrorCode::kInvalidArgument, fmt::format("{}: column {} must have {} values, has {}",
                                                       series_name(o), column, expected, actual));
}

Result<void> check_optional(const Outcomes& o, std::string_view column, std::size_t actual) {
  return actual == 0 ? Result<void>{} : check_rows(o, column, actual, o.size());
}

Result<void> check_known_at_t(const Outcomes& o, std::size_t row) {
  if (!(o.close[row] > 0.0) || !std::isfinite(o.close[row])) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{}: close must be finite and above 0, was {} in row {}", series_name(o),
                            o.close[row], row));
  }
  if (!(o.sigma[row] > 0.0) || !std::isfinite(o.sigma[row])) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{}: sigma must be finite and above 0, was {} in row {}; leave such rows out",
                            series_name(o), o.sigma[row], row));
  }
  for (std::size_t k = 0; k < o.har_terms; ++k) {
    if (!std::isfinite(o.har[row * o.har_terms + k])) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("{}: HAR term {} must be finite, was {} in row {}; leave such rows out",
                              series_name(o), k, o.har[row * o.har_terms + k], row));
    }
  }
  return {};
}

Result<void> check_levels(const Forecasts& f, const Outcomes& o) {
  bool ascending = f.levels.size() >= 2;
  for (std::size_t l = 0; l < f.levels.size(); ++l) {
    const double below = l == 0 ? 0.0 : f.levels[l - 1];
    if (!(f.levels[l] > below) || !(f.levels[l] < 1.0)) ascending = false;
  }
  if (ascending && level_index(f.levels, 0.5)) return {};
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("{}: quantile levels of '{}' must ascend inside 0..1 and hold 0.5, were {} levels",
                          series_name(o), f.name, f.levels.size()));
}

Result<void> check_cell(const Forecasts& f, const Outcomes& o, std::size_t row, std::size_t step) {
  const auto q = f.quantiles(row, step);
  for (std::size_t l = 0; l < q.size(); ++l) {
    if (!std::isfinite(q[l]) || (l > 0 && q[l] < q[l - 1])) {
      return fail(
          ErrorCode::kInvalidArgument,
          fmt::format("{}: quantiles of '{}' must be finite and ascend, level {} was {} in row {} step {}",
                      series_name(o), f.name, f.levels[l], q[l], row, step + 1));
    }
  }
  const double p = f.p_up[row * f.horizon + step];
  if (p >= 0.0 && p <= 1.0) return {};
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("{}: P(up) of '{}' must be in 0..1, was {} in row {} step {}", series_name(o),
                          f.name, p, row, step + 1));
}

}  // namespace

double scaled_target(const Outcomes& outcomes, std::size_t row, std::size_t step) {
  return outcomes.target(row, step) / (outcomes.sigma[row] * std::sqrt(static_cast<double>(step + 1)));
}

Result<void> validate(const Outcomes& o) {
  const std::size_t n = o.size();
  if (o.horizon == 0 || !(o.tick_size > 0.0)) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{}: horizon must be at least 1 and tick size above 0, were {} and {}",
                            series_name(o), o.horizon, o.tick_size));
  }
  MOP_TRY(check_rows(o, "close", o.close.size(), n));
  MOP_TRY(check_rows(o, "sigma", o.sigma.size(), n));
  MOP_TRY(check_rows(o, "y", o.y.size(), n * o.horizon));
  MOP_TRY(check_rows(o, "har", o.har.size(), n * o.har_terms));
  MOP_TRY(check_optional(o, "next_log_range", o.next_log_range.size()));
  MOP_TRY(check_optional(o, "last_return", o.last_return.size()));
  for (std::size_t row = 0; row < n; ++row)
    MOP_TRY(check_known_at_t(o, row));
  return {};
}

Result<void> validate(const Forecasts& f, const Outcomes& o) {
  if (f.horizon != o.horizon) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{}: forecasts '{}' must reach {} steps ahead, reach {}", series_name(o), f.name,
                            o.horizon, f.horizon));
  }
  MOP_TRY(check_levels(f, o));
  MOP_TRY(check_rows(o, f.name + ".z", f.z.size(), o.size() * o.horizon * f.levels.size()));
  MOP_TRY(check_rows(o, f.name + ".p_up", f.p_up.size(), o.size() * o.horizon));
  MOP_TRY(check_optional(o, f.name + ".log_range", f.log_range.size()));
  for (std::size_t row = 0; row < o.size(); ++row) {
    for (std::size_t step = 0; step < o.horizon; ++step)
      MOP_TRY(check_cell(f, o, row, step));
    if (!f.log_range.empty() && !(f.log_range[row] > 0.0 && std::isfinite(f.log_range[row]))) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("{}: log-range of '{}' must be finite and above 0, was {} in row {}",
                              series_name(o), f.name, f.log_range[row], row));
    }
  }
  return {};
}

}  // namespace mop::evaluate
