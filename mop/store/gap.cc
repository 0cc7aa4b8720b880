#include "mop/store/gap.h"

#include <algorithm>
#include <array>
#include <chrono>

#include <fmt/format.h>

namespace mop::store {
namespace {

constexpr UnixMillis utc(int year, unsigned month, unsigned day, int hour, int minute, int second = 0) {
  const std::chrono::sys_days days{std::chrono::year{year} / static_cast<int>(month) / static_cast<int>(day)};
  return days.time_since_epoch().count() * kDay + hour * kHour + minute * kMinute + second * kSecond;
}

// Absent seconds of Binance's BTCUSDT 1s archive (binance-public-data issue 368), two older windows found in
// 1h archives, and 2023-03-24, where 15m and 1h candles of every coin are absent.
constexpr std::array kOutages{
    Outage{utc(2019, 3, 12, 2, 0), utc(2019, 3, 12, 8, 0)},
    Outage{utc(2020, 2, 9, 2, 0), utc(2020, 2, 9, 3, 0)},
    Outage{utc(2020, 2, 19, 11, 35, 33), utc(2020, 2, 19, 17, 30)},
    Outage{utc(2020, 3, 4, 9, 21, 47), utc(2020, 3, 4, 11, 30)},
    Outage{utc(2020, 4, 25, 2, 0), utc(2020, 4, 25, 4, 30)},
    Outage{utc(2020, 6, 28, 2, 0), utc(2020, 6, 28, 5, 30)},
    Outage{utc(2020, 11, 30, 6, 0), utc(2020, 11, 30, 7, 0)},
    Outage{utc(2020, 12, 21, 13, 47, 21), utc(2020, 12, 21, 18, 0)},
    Outage{utc(2020, 12, 25, 2, 0), utc(2020, 12, 25, 3, 0)},
    Outage{utc(2021, 2, 11, 3, 40, 55), utc(2021, 2, 11, 5, 0)},
    Outage{utc(2021, 3, 6, 2, 0), utc(2021, 3, 6, 3, 30)},
    Outage{utc(2021, 4, 20, 2, 0), utc(2021, 4, 20, 4, 30)},
    Outage{utc(2021, 4, 25, 4, 0, 59), utc(2021, 4, 25, 8, 45)},
    Outage{utc(2023, 3, 24, 12, 45), utc(2023, 3, 24, 14, 0)},
};

// Open times [first, end) that have one reason; `kind` is it.
struct Stretch {
  UnixMillis first, end;
  GapKind kind;
};

UnixMillis round_up(UnixMillis t, DurationMillis step) {
  return (t + step - 1) / step * step;
}

// What is known of the stretch that begins at `t` and ends before `end`: its kind and where that kind stops.
Stretch stretch_at(UnixMillis t, UnixMillis end, DurationMillis step, std::span<const Gap> before) {
  Stretch found{t, end, GapKind::kNotFetched};
  const auto consider = [&](UnixMillis first, UnixMillis last_end,
                            GapKind kind) {  // whole candles [first, end)
    if (first >= last_end || last_end <= t) return;
    if (first > t) {
      if (found.kind == GapKind::kNotFetched) found.end = std::min(found.end, first);
    } else if (found.kind == GapKind::kNotFetched) {
      found = {t, std::min(found.end, last_end), kind};  // a later outage keeps its own candles
    }
  };
  for (const Outage& o : known_outages()) {
    consider(round_up(o.from, step), o.to / step * step, GapKind::kOutage);
  }
  for (const Gap& gap : before) {
    if (gap.kind == GapKind::kNoTrades) consider(gap.from, gap.to + step, GapKind::kNoTrades);
  }
  return found;
}

}  // namespace

std::string_view to_string(GapKind kind) {
  switch (kind) {
    case GapKind::kOutage:
      return "outage";
    case GapKind::kNoTrades:
      return "no_trades";
    case GapKind::kNotFetched:
      return "not_fetched";
  }
  return "unknown";
}

Result<GapKind> parse_gap_kind(std::string_view text) {
  for (const GapKind kind : {GapKind::kOutage, GapKind::kNoTrades, GapKind::kNotFetched}) {
    if (text == to_string(kind)) return kind;
  }
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("gap kind must be outage, no_trades or not_fetched, was '{}'", text));
}

std::span<const Outage> known_outages() {
  return kOutages;
}

std::vector<Gap> classify(std::span<const market::Hole> holes, market::Interval interval,
                          std::span<const Gap> before) {
  const DurationMillis step = market::length_of(interval);
  std::vector<Gap> gaps;
  for (const market::Hole& hole : holes) {
    const UnixMillis end = hole.to + step;
    for (UnixMillis t = hole.from; t < end;) {
      const Stretch s = stretch_at(t, end, step, before);
      const auto missing = static_cast<std::size_t>((s.end - s.first) / step);
      if (!gaps.empty() && gaps.back().kind == s.kind && gaps.back().to + step == s.first) {
        gaps.back().to = s.end - step;
        gaps.back().missing += missing;
      } else {
        gaps.push_back({s.first, s.end - step, missing, s.kind});
      }
      t = s.end;
    }
  }
  return gaps;
}

}  // namespace mop::store
