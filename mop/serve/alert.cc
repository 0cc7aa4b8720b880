#include "mop/serve/alert.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "mop/market/symbol.h"

namespace mop::serve {
namespace {

constexpr std::array<std::string_view, 8> kKinds{"price", "move",         "forecast", "p_up",
                                                 "spike", "outside_band", "stale",    "model"};
constexpr UnixMillis kEndOfTime = 253'402'300'799'999;  // of the year 9999
constexpr std::array<std::string_view, 3> kSides{"above", "below", "either"};
constexpr std::array<std::string_view, 5> kOutcomes{"sent", "quiet", "cooldown", "budget", "missed"};

constexpr std::array<AlertRules, 8> kRules{{
    {true, true, true, false, 1e-12, 1e12, false, false, "quote currency"},
    {false, true, true, true, 0.01, 1000.0, true, false, "percent"},
    {false, true, true, true, 0.01, 1000.0, false, true, "percent"},
    {false, true, true, false, 0.01, 0.99, false, true, "a probability"},
    {false, false, false, false, 0.5, 0.999, false, false, "a share of the last forecasts"},
    {},
    {false, false, false, false, 1.5, 1000.0, false, false, "candles"},
    {},
}};

template <typename Enum, std::size_t N>
std::optional<Enum> find_in(const std::array<std::string_view, N>& names, std::string_view text) {
  const auto at = std::ranges::find(names, text);
  if (at == names.end()) return std::nullopt;
  return static_cast<Enum>(at - names.begin());
}

// Value and threshold turned so that the alert is hit at x >= level.
struct Turned {
  double x, level;
};
Turned turned(const AlertSpec& spec, double value) {
  if (rules_of(spec.kind).most == 0.0) return {value, 0.5};
  const bool level_has_sign = spec.kind == AlertKind::kPrice || spec.kind == AlertKind::kPUp;
  if (spec.side == AlertSide::kEither) return {std::abs(value), spec.threshold};
  if (spec.side == AlertSide::kBelow) return {-value, level_has_sign ? -spec.threshold : spec.threshold};
  return {value, spec.threshold};
}

bool is_quiet(const std::optional<QuietHours>& quiet, UnixMillis now) {
  if (!quiet) return false;
  const auto minute = static_cast<int>(now % kDay / kMinute);
  if (quiet->from < quiet->to) return minute >= quiet->from && minute < quiet->to;
  return minute >= quiet->from || minute < quiet->to;
}

Result<void> broken(std::string_view field, std::string_view rule, std::string_view value) {
  return fail(ErrorCode::kInvalidArgument, fmt::format("{} {}, was {}", field, rule, value));
}

Result<void> validate_scope(const AlertSpec& spec) {
  if (!spec.symbol.empty() && !market::find_symbol(spec.symbol))
    return broken("symbol", "must be one of the 25 coins, e.g. BTCUSDT, or null for all",
                  fmt::format("'{}'", spec.symbol));
  if (rules_of(spec.kind).one_series && (spec.symbol.empty() || !spec.interval))
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("an alert of kind {} needs a symbol and a timeframe", to_string(spec.kind)));
  if (spec.owner.size() > kMostOwner)
    return broken("owner", fmt::format("may have {} bytes", kMostOwner),
                  fmt::format("{} bytes", spec.owner.size()));
  if (spec.note.size() > kMostNote)
    return broken("note", fmt::format("may have {} bytes", kMostNote),
                  fmt::format("{} bytes", spec.note.size()));
  return {};
}

Result<void> validate_level(const AlertSpec& spec) {
  const AlertRules& rules = rules_of(spec.kind);
  const bool sided = rules.above || rules.below || rules.either;
  const bool may = spec.side == AlertSide::kAbove   ? rules.above || !sided
                   : spec.side == AlertSide::kBelow ? rules.below
                                                    : rules.either;
  if (!may)
    return broken("side",
                  fmt::format("of kind {} must be {}", to_string(spec.kind),
                              rules.either ? "above, below or either" : "above or below"),
                  to_string(spec.side));
  if (rules.most == 0.0) return {};
  if (!(spec.threshold >= rules.least && spec.threshold <= rules.most))
    return broken("threshold",
                  fmt::format("of kind {} is {}, {:g}..{:g}", to_string(spec.kind), rules.unit, rules.least,
                              rules.most),
                  fmt::format("{:g}", spec.threshold));
  if (!(spec.hysteresis >= 0.0 && spec.hysteresis <= spec.threshold))
    return broken("hysteresis", "must be between 0 and the threshold", fmt::format("{:g}", spec.hysteresis));
  return {};
}

std::optional<double> move_over(const AlertSpec& spec, const AlertView& view) {
  const auto window = static_cast<std::size_t>(spec.window);
  if (view.candles.size() <= window) return std::nullopt;
  const BoardCandle &last = view.candles.back(), &first = view.candles[view.candles.size() - 1 - window];
  if (last.open_time - first.open_time != spec.window * market::length_of(view.series.interval))
    return std::nullopt;  // a hole
  return 100.0 * (last.close / first.close - 1.0);
}

std::optional<double> quantile_at(const ForecastRow& row, std::int64_t step, double level) {
  if (step < 1 || step > static_cast<std::int64_t>(row.horizon)) return std::nullopt;
  const auto at = std::ranges::find(row.levels, level);
  if (at == row.levels.end()) return std::nullopt;
  const auto h = static_cast<std::size_t>(step - 1);
  const double z = row.z[h * row.levels.size() + static_cast<std::size_t>(at - row.levels.begin())];
  return row.close * std::exp(z * row.sigma * std::sqrt(static_cast<double>(step)));
}

std::string ahead(std::int64_t step) {
  return step == 1 ? "one candle ahead" : fmt::format("{} candles ahead", step);
}

}  // namespace

std::string_view to_string(AlertKind kind) {
  return kKinds[static_cast<std::size_t>(kind)];
}
std::string_view to_string(AlertSide side) {
  return kSides[static_cast<std::size_t>(side)];
}
std::string_view to_string(AlertOutcome outcome) {
  return kOutcomes[static_cast<std::size_t>(outcome)];
}
std::optional<AlertKind> parse_alert_kind(std::string_view text) {
  return find_in<AlertKind>(kKinds, text);
}
std::optional<AlertSide> parse_alert_side(std::string_view text) {
  return find_in<AlertSide>(kSides, text);
}
std::optional<AlertOutcome> parse_alert_outcome(std::string_view text) {
  return find_in<AlertOutcome>(kOutcomes, text);
}
const AlertRules& rules_of(AlertKind kind) {
  return kRules[static_cast<std::size_t>(kind)];
}

double default_hysteresis(AlertKind kind, double threshold) {
  switch (kind) {
    case AlertKind::kPrice:
      return 0.002 * threshold;
    case AlertKind::kMove:
    case AlertKind::kForecast:
      return 0.25 * threshold;
    case AlertKind::kPUp:
      return 0.01;
    case AlertKind::kSpike:
      return 0.05;
    default:
      return 0.0;
  }
}

Result<void> validate(const AlertSpec& spec) {
  MOP_TRY(validate_scope(spec));
  MOP_TRY(validate_level(spec));
  const auto within = [](std::int64_t x, std::int64_t most) { return x >= 1 && x <= most; };
  if (!within(spec.window, kMostWindow))
    return broken("window", fmt::format("must be 1..{} candles", kMostWindow),
                  fmt::format("{}", spec.window));
  if (!within(spec.step, kMostStep))
    return broken("step", fmt::format("must be 1..{} candles ahead", kMostStep),
                  fmt::format("{}", spec.step));
  if (!within(spec.daily_budget, kMostBudget))
    return broken("daily_budget", fmt::format("must be 1..{}", kMostBudget),
                  fmt::format("{}", spec.daily_budget));
  if (spec.cooldown < 0 || spec.cooldown > 30 * kDay)
    return broken("cooldown_s", "must be 0..2592000 (30 days)", fmt::format("{}", spec.cooldown / kSecond));
  if (spec.expires_at && (*spec.expires_at < 0 || *spec.expires_at > kEndOfTime))
    return broken("expires_at", "must be epoch milliseconds up to the year 9999",
                  fmt::format("{}", *spec.expires_at));
  if (spec.quiet && spec.quiet->from == spec.quiet->to)
    return fail(ErrorCode::kInvalidArgument, "quiet_hours must not begin and end at the same minute");
  return {};
}

bool covers(const AlertSpec& spec, const store::SeriesKey& series) {
  return (spec.symbol.empty() || spec.symbol == series.symbol) &&
         (!spec.interval || *spec.interval == series.interval);
}

void RangeRank::add(double log_range) {
  ranges_.push_back(log_range);
  if (ranges_.size() > kLast) ranges_.pop_front();
}

std::optional<double> RangeRank::rank(double log_range) const {
  if (ranges_.size() < kLeast) return std::nullopt;
  const auto below = std::ranges::count_if(ranges_, [&](double other) { return other < log_range; });
  return static_cast<double>(below) / static_cast<double>(ranges_.size());
}

std::optional<AlertView::Band> band_of(const ForecastRow& row) {
  const auto low = quantile_at(row, 1, 0.05), high = quantile_at(row, 1, 0.95);
  if (!low || !high) return std::nullopt;
  return AlertView::Band{*low, *high};
}

std::optional<double> alert_value(const AlertSpec& spec, const AlertView& view) {
  switch (spec.kind) {
    case AlertKind::kPrice:
      if (view.candles.empty()) return std::nullopt;
      return view.candles.back().close;
    case AlertKind::kMove:
      return move_over(spec, view);
    case AlertKind::kForecast: {
      const auto median = view.forecast ? quantile_at(*view.forecast, spec.step, 0.5) : std::nullopt;
      if (!median) return std::nullopt;
      return 100.0 * (*median / view.forecast->close - 1.0);
    }
    case AlertKind::kPUp:
      if (view.forecast == nullptr || spec.step > static_cast<std::int64_t>(view.forecast->horizon))
        return std::nullopt;
      return view.forecast->p_up[static_cast<std::size_t>(spec.step - 1)];
    case AlertKind::kSpike:
      return view.range_rank;
    case AlertKind::kOutsideBand: {
      if (!view.band || view.candles.empty()) return std::nullopt;
      const double close = view.candles.back().close;
      return close < view.band->low || close > view.band->high ? 1.0 : 0.0;
    }
    case AlertKind::kStale:
      return view.silent_candles;
    case AlertKind::kModel:
      if (!view.gave_way) return std::nullopt;
      return view.gave_way->empty() ? 0.0 : 1.0;
  }
  return std::nullopt;
}

std::string alert_text(const AlertSpec& spec, const AlertView& view, double value) {
  const std::string series =
      fmt::format("{} {}", view.series.symbol, market::to_string(view.series.interval));
  const double close = view.candles.empty() ? 0.0 : view.candles.back().close;
  switch (spec.kind) {
    case AlertKind::kPrice:
      return fmt::format("{} closed at {:.10g}, {} {:.10g}", series, close, to_string(spec.side),
                         spec.threshold);
    case AlertKind::kMove:
      return fmt::format("{} {} {:.2f} % over {} candle{}, to {:.10g}", series, value < 0.0 ? "fell" : "rose",
                         std::abs(value), spec.window, spec.window == 1 ? "" : "s", close);
    case AlertKind::kForecast:
      return fmt::format("{}: the forecast's median {} is {:.2f} % {} the close of {:.10g}", series,
                         ahead(spec.step), std::abs(value), value < 0.0 ? "below" : "above",
                         view.forecast->close);
    case AlertKind::kPUp:
      return fmt::format("{}: the probability of a higher close {} is {:.1f} %", series, ahead(spec.step),
                         100.0 * value);
    case AlertKind::kSpike:
      return fmt::format(
          "{}: the next candle's expected range of {:.2f} % is wider than {:.0f} % of the last "
          "forecasts'",
          series, 100.0 * std::expm1(view.forecast->log_range.value_or(0.0)), 100.0 * value);
    case AlertKind::kOutsideBand:
      return fmt::format(
          "{} closed at {:.10g}, outside the 90 % interval {:.6g} to {:.6g} forecast one candle "
          "before",
          series, close, view.band->low, view.band->high);
    case AlertKind::kStale:
      return fmt::format("{}: no closed candle for {:.0f} minutes", series,
                         value * static_cast<double>(market::length_of(view.series.interval)) /
                             static_cast<double>(kMinute));
    case AlertKind::kModel:
      return fmt::format("{}: a baseline forecasts now: {}", series, *view.gave_way);
  }
  return series;
}

std::optional<AlertOutcome> observe(const AlertSpec& spec, double value, UnixMillis as_of, bool late,
                                    UnixMillis now, AlertState& state, AlertDay& day) {
  const Turned t = turned(spec, value);
  const bool hit = t.x >= t.level, left = t.x < t.level - spec.hysteresis;
  if (!state.armed || (!*state.armed && left)) {
    const bool armed = !hit;
    if (state.armed != armed) state = {armed, as_of, state.last_sent};
    return std::nullopt;
  }
  if (!*state.armed || !hit) return std::nullopt;
  const UnixMillis last_sent = state.last_sent;
  state = {false, as_of, last_sent};
  if (day.day != now / kDay) day = {now / kDay, 0};
  if (late) return AlertOutcome::kMissed;
  if (is_quiet(spec.quiet, now)) return AlertOutcome::kQuiet;
  if (last_sent != 0 && now - last_sent < spec.cooldown) return AlertOutcome::kCooldown;
  if (day.sent >= spec.daily_budget) return AlertOutcome::kBudget;
  ++day.sent;
  state.last_sent = now;
  return AlertOutcome::kSent;
}

}  // namespace mop::serve
