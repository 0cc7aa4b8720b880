#include "mop/serve/ledger_rows.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "mop/market/symbol.h"

namespace mop::serve {
namespace {

constexpr std::size_t kLongestText = 1000;  // bytes of a reason or an id

// Collects rules about one row; the first broken one stays.
class Rules {
 public:
  explicit Rules(std::string subject) : subject_(std::move(subject)) {}

  template <typename Actual>
  void require(bool holds, std::string_view rule, const Actual& actual) {
    if (!holds && broken_.empty()) broken_ = fmt::format("{}: {}, was {}", subject_, rule, actual);
  }
  void above_zero(double x, std::string_view name) {
    require(std::isfinite(x) && x > 0.0, fmt::format("{} must be a number above 0", name), x);
  }
  void size(std::span<const double> values, std::size_t wanted, std::string_view name) {
    require(values.size() == wanted, fmt::format("{} must have {} numbers", name, wanted), values.size());
  }
  void all(std::span<const double> values, std::string_view name, std::string_view rule,
           bool (*holds)(double)) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!std::isfinite(values[i]) || !holds(values[i]))
        require(false, fmt::format("{}[{}] {}", name, i, rule), values[i]);
    }
  }
  // Quantiles of each step ascend; equal neighbours are allowed.
  void ascending(std::span<const double> table, std::size_t levels, std::string_view name) {
    all(table, name, "must be finite", [](double) { return true; });
    for (std::size_t i = 1; i < table.size() && levels > 0; ++i) {
      if (i % levels != 0 && table[i] < table[i - 1])
        require(false, fmt::format("{}[{}] must not be below the one before ({})", name, i, table[i - 1]),
                table[i]);
    }
  }
  void hex64(std::string_view text, std::string_view name) {
    const bool hex = text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
    require(text.size() == 64 && hex, fmt::format("{} must be 64 lower-case hex digits", name), text);
  }
  void text(std::string_view value, bool may_be_empty, std::string_view name) {
    require(may_be_empty || !value.empty(), fmt::format("{} must say something", name), "empty");
    require(value.size() <= kLongestText, fmt::format("{} must have at most {} bytes", name, kLongestText),
            value.size());
    require(value.find('\0') == std::string_view::npos, fmt::format("{} must have no NUL byte", name),
            "with one");
  }
  void series(std::string_view symbol, market::Interval interval, UnixMillis as_of) {
    require(market::find_symbol(symbol).has_value(), "symbol must be a coin that MOP knows", symbol);
    require((as_of + 1) % market::length_of(interval) == 0 && as_of > 0,
            "as_of must be the close time of a candle, in ms", as_of);
  }
  Result<void> result() const {
    if (broken_.empty()) return {};
    return fail(ErrorCode::kInvalidArgument, broken_);
  }

 private:
  std::string subject_, broken_;
};

}  // namespace

std::string close_text(std::string_view symbol, market::Interval interval, UnixMillis as_of) {
  return fmt::format("{} {} at {}", symbol, market::to_string(interval), format_utc(as_of + 1));
}

Result<void> validate(const ModelRow& row) {
  Rules r(fmt::format("ledger, model {}", row.id));
  r.hex64(row.sha256, "sha256");
  r.text(row.id, false, "id");
  r.require(row.horizon >= 1 && row.horizon <= 1000, "horizon must be 1..1000 steps", row.horizon);
  r.require(row.levels.size() >= 2, "levels must be at least 2", row.levels.size());
  r.all(row.levels, "levels", "must lie inside 0..1", [](double x) { return x > 0.0 && x < 1.0; });
  for (std::size_t l = 1; l < row.levels.size(); ++l)
    r.require(row.levels[l] > row.levels[l - 1], fmt::format("levels[{}] must be above the one before", l),
              row.levels[l]);
  for (const auto& [table, name] : {std::pair{&row.static_y, "static_y"}, std::pair{&row.ewma_z, "ewma_z"},
                                    std::pair{&row.har_residual, "har_residual"}}) {
    r.size(*table, row.horizon * row.levels.size(), name);
    r.ascending(*table, row.levels.size(), name);
  }
  if (row.spike_threshold) r.above_zero(*row.spike_threshold, "spike_threshold");
  return r.result();
}

Result<void> validate(const ForecastRow& row) {
  Rules r(fmt::format("ledger, {}", close_text(row.symbol, row.interval, row.as_of)));
  r.series(row.symbol, row.interval, row.as_of);
  r.require(row.made_at >= row.as_of, "made_at must not lie before the close it was made at", row.made_at);
  r.above_zero(row.close, "close");
  r.above_zero(row.tick_size, "tick_size");
  r.above_zero(row.sigma, "sigma");
  r.require(std::find(std::begin(kChampions), std::end(kChampions), row.champion) != std::end(kChampions),
            fmt::format("champion must be one of {}", fmt::join(kChampions, ", ")), row.champion);
  r.text(row.reason, true, "reason");
  r.hex64(row.model_sha256, "model_sha256");
  r.hex64(row.input_hash, "input_hash");
  r.size(row.z, row.horizon * row.levels.size(), "z");
  r.ascending(row.z, row.levels.size(), "z");
  r.size(row.p_up, row.horizon, "p_up");
  r.all(row.p_up, "p_up", "must lie in 0..1", [](double p) { return p >= 0.0 && p <= 1.0; });
  if (row.log_range) r.above_zero(*row.log_range, "log_range");
  if (!row.har_scale.empty()) r.size(row.har_scale, row.horizon, "har_scale");
  r.all(row.har_scale, "har_scale", "must be above 0", [](double s) { return s > 0.0; });
  MOP_TRY(r.result());
  if (const UnixMillis next_close = row.as_of + market::length_of(row.interval); row.made_at >= next_close) {
    return fail(
        ErrorCode::kRefused,
        fmt::format("ledger, {}: a forecast must be made before the candle it speaks of closes at {}, was "
                    "made at {}; write the close down as missed",
                    close_text(row.symbol, row.interval, row.as_of), format_utc(next_close + 1),
                    format_utc(row.made_at)));
  }
  return {};
}

Result<void> validate(const MissedRow& row) {
  Rules r(fmt::format("ledger, {}", close_text(row.symbol, row.interval, row.as_of)));
  r.series(row.symbol, row.interval, row.as_of);
  r.require(row.noted_at >= row.as_of, "noted_at must not lie before the close", row.noted_at);
  r.text(row.reason, false, "reason");
  return r.result();
}

}  // namespace mop::serve
