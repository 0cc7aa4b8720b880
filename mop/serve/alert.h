// What a user wants to be told of, and the rule that decides when (docs/decisions/0006-alerts.md). Values in,
// decisions out: no store, no clock.
#pragma once
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "mop/base/result.h"
#include "mop/serve/board.h"

namespace mop::serve {

enum class AlertKind : std::uint8_t {
  kPrice,        // the close crosses a price
  kMove,         // the close moved by some percent over a window of candles
  kForecast,     // the forecast's median is some percent away from the close
  kPUp,          // the probability of a higher close
  kSpike,        // the expected range is wider than a share of the series' last forecasts
  kOutsideBand,  // the close fell outside the 90 % interval forecast one candle before
  kStale,        // no closed candle for so many candles
  kModel,        // a baseline forecasts because the model was demoted or expired
};
enum class AlertSide : std::uint8_t { kAbove, kBelow, kEither };

std::string_view to_string(AlertKind kind);
std::string_view to_string(AlertSide side);
std::optional<AlertKind> parse_alert_kind(std::string_view text);
std::optional<AlertSide> parse_alert_side(std::string_view text);

/// Which fields a kind has, and their ranges.
struct AlertRules {
  bool one_series = false;                            // symbol and timeframe must be named
  bool above = false, below = false, either = false;  // sides it may have; none: it has no side
  double least = 0.0, most = 0.0;                     // of the threshold; 0, 0: it has none
  bool window = false, step = false;
  std::string_view unit;  // of the threshold, for messages
};
const AlertRules& rules_of(AlertKind kind);

/// Minutes of the UTC day, 0..1439; from > to goes over midnight. REQUIRES: from != to.
struct QuietHours {
  int from = 0, to = 0;

  bool operator==(const QuietHours&) const = default;
};

struct AlertSpec {
  std::string owner;  // whose it is, for whoever asks; may be empty
  std::string note;   // for people
  AlertKind kind = AlertKind::kPrice;
  std::string symbol;                        // empty: every coin
  std::optional<market::Interval> interval;  // none: every timeframe
  AlertSide side = AlertSide::kAbove;
  double threshold = 0.0;
  double hysteresis = 0.0;  // by which the value must leave the threshold before it can cross it again
  std::int64_t window = 1;  // candles a move is measured over
  std::int64_t step = 1;    // candles ahead
  DurationMillis cooldown = kHour;  // between two that are sent, per series
  std::optional<UnixMillis> expires_at;
  std::optional<QuietHours> quiet;
  std::int64_t daily_budget = 3;  // most that are sent in a UTC day
  bool once = false;              // it is switched off by the first that is sent
  bool enabled = true;

  bool operator==(const AlertSpec&) const = default;
};

inline constexpr std::size_t kMostOwner = 64, kMostNote = 200;
inline constexpr std::int64_t kMostWindow = 96, kMostStep = 48, kMostBudget = 100;

/// What goes without saying for a kind and a threshold: 0.2 % of a price, a quarter of a move or a distance.
double default_hysteresis(AlertKind kind, double threshold);

/// Errors: kInvalidArgument naming the field, the rule and the value.
Result<void> validate(const AlertSpec& spec);

/// Whether the alert looks at this series.
bool covers(const AlertSpec& spec, const store::SeriesKey& series);

/// Where the expected ranges of a series' last forecasts lie, so that a new one can be ranked among them.
class RangeRank {
 public:
  static constexpr std::size_t kLast = 500, kLeast = 100;

  void add(double log_range);
  /// Share of them below this one; none before kLeast are known.
  std::optional<double> rank(double log_range) const;

 private:
  std::deque<double> ranges_;
};

/// What is known of one series at one close.
struct AlertView {
  struct Band {
    double low = 0.0, high = 0.0;
  };
  store::SeriesKey series;
  UnixMillis as_of = 0;                       // the close
  std::span<const BoardCandle> candles = {};  // ascending, the last one closed at as_of
  const ForecastRow* forecast = nullptr;      // made at as_of
  std::optional<double> range_rank;           // of its log_range
  std::optional<Band> band;                   // 90 % interval of this close, forecast one candle before
  double silent_candles = 0.0;                // since the newest close, in candles
  std::optional<std::string> gave_way;  // why a baseline forecasts; empty: the model does; none: unknown
};

/// The 90 % interval one candle ahead; none when the forecast has not these levels.
std::optional<AlertView::Band> band_of(const ForecastRow& row);

/// The number the alert compares, in the threshold's unit; none when it is not known.
std::optional<double> alert_value(const AlertSpec& spec, const AlertView& view);
/// One sentence with the figures. REQUIRES: alert_value() is `value`.
std::string alert_text(const AlertSpec& spec, const AlertView& view, double value);

/// Of one alert and one series; kept between runs.
struct AlertState {
  std::optional<bool> armed;  // none: nothing was seen yet
  UnixMillis as_of = 0;       // the close at which this changed last
  UnixMillis last_sent = 0;   // exchange's clock; 0: never

  bool operator==(const AlertState&) const = default;
};

/// How many of one alert were sent in one UTC day.
struct AlertDay {
  std::int64_t day = 0, sent = 0;
};

enum class AlertOutcome : std::uint8_t { kSent, kQuiet, kCooldown, kBudget, kMissed };
std::string_view to_string(AlertOutcome outcome);
std::optional<AlertOutcome> parse_alert_outcome(std::string_view text);

/// Takes a value into the state; tells when it crossed the threshold, and whether that is to be sent. `late`:
/// the close has been followed by another already. `now`: the exchange's clock. The first value is never a
/// crossing.
std::optional<AlertOutcome> observe(const AlertSpec& spec, double value, UnixMillis as_of, bool late,
                                    UnixMillis now, AlertState& state, AlertDay& day);

}  // namespace mop::serve
