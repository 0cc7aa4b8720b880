#include "mop/base/time.h"

#include <charconv>
#include <chrono>
#include <optional>

#include <fmt/format.h>

namespace mop {
namespace {

struct Civil {
  int year;
  unsigned month, day;
  DurationMillis in_day;
};

DurationMillis floor_mod(UnixMillis t, DurationMillis m) {
  return ((t % m) + m) % m;
}

Civil civil_of(UnixMillis t) {
  const DurationMillis in_day = floor_mod(t, kDay);
  const std::chrono::sys_days days{std::chrono::days{(t - in_day) / kDay}};
  const std::chrono::year_month_day ymd{days};
  return {static_cast<int>(ymd.year()), static_cast<unsigned>(ymd.month()), static_cast<unsigned>(ymd.day()),
          in_day};
}

// Takes exactly `digits` digits off the front of `text`.
std::optional<int> take_digits(std::string_view& text, std::size_t digits) {
  int value = 0;
  if (text.size() < digits) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + digits, value);
  if (error != std::errc{} || end != text.data() + digits || text[0] == '-') return std::nullopt;
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text[0] != c) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<DurationMillis> take_fraction(std::string_view& text) {  // ".123" up to microseconds
  DurationMillis millis = 0, unit = 100;
  bool any = false;
  while (!text.empty() && text[0] >= '0' && text[0] <= '9') {
    millis += (text[0] - '0') * unit;
    unit /= 10;
    text.remove_prefix(1);
    any = true;
  }
  return any ? std::optional(millis) : std::nullopt;
}

std::optional<DurationMillis> take_time_of_day(std::string_view& text) {
  const auto hour = take_digits(text, 2);
  if (!hour || *hour > 23 || !take(text, ':')) return std::nullopt;
  const auto minute = take_digits(text, 2);
  if (!minute || *minute > 59) return std::nullopt;
  DurationMillis t = *hour * kHour + *minute * kMinute;
  if (!take(text, ':')) return t;
  const auto second = take_digits(text, 2);
  if (!second || *second > 59) return std::nullopt;
  t += *second * kSecond;
  if (!take(text, '.')) return t;
  const auto fraction = take_fraction(text);
  if (!fraction) return std::nullopt;
  return t + *fraction;
}

std::optional<UnixMillis> parse_instant(std::string_view text) {
  const auto year = take_digits(text, 4);
  if (!year || !take(text, '-')) return std::nullopt;
  const auto month = take_digits(text, 2);
  if (!month || !take(text, '-')) return std::nullopt;
  const auto day = take_digits(text, 2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day ymd{std::chrono::year{*year},
                                        std::chrono::month{static_cast<unsigned>(*month)},
                                        std::chrono::day{static_cast<unsigned>(*day)}};
  if (!ymd.ok()) return std::nullopt;
  UnixMillis t = std::chrono::sys_days{ymd}.time_since_epoch().count() * kDay;
  if (text.empty()) return t;
  if (!take(text, ' ') && !take(text, 'T')) return std::nullopt;
  const auto in_day = take_time_of_day(text);
  if (!in_day) return std::nullopt;
  if (!text.empty() && text != "Z" && text != "+00:00" && text != " UTC") return std::nullopt;
  return t + *in_day;
}

}  // namespace

std::string format_utc(UnixMillis t) {
  const Civil c = civil_of(t);
  const auto h = c.in_day / kHour, m = c.in_day / kMinute % 60, s = c.in_day / kSecond % 60;
  std::string text = fmt::format("{:04}-{:02}-{:02} {:02}:{:02}", c.year, c.month, c.day, h, m);
  if (s != 0) text += fmt::format(":{:02}", s);
  return text;
}

std::string format_utc_date(UnixMillis t) {
  const Civil c = civil_of(t);
  return fmt::format("{:04}-{:02}-{:02}", c.year, c.month, c.day);
}

Result<UnixMillis> parse_utc(std::string_view text) {
  if (const auto t = parse_instant(text)) return *t;
  return fail(
      ErrorCode::kInvalidArgument,
      fmt::format("date '{}' is not understood; write it in UTC like 2025-07-01 or 2025-07-01T13:45", text));
}

std::string format_duration(DurationMillis d) {
  if (d < 0) return fmt::format("-{}", format_duration(-d));
  if (d < kSecond) return fmt::format("{} ms", d);
  if (d < 10 * kSecond) return fmt::format("{:.1f}s", static_cast<double>(d) / kSecond);
  if (d < kMinute) return fmt::format("{}s", d / kSecond);
  if (d < kHour) return fmt::format("{}m {:02}s", d / kMinute, d / kSecond % 60);
  if (d < kDay) return fmt::format("{}h {:02}m", d / kHour, d / kMinute % 60);
  return fmt::format("{}d {:02}h", d / kDay, d / kHour % 24);
}

}  // namespace mop
