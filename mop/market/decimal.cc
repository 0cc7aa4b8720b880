#include "mop/market/decimal.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "mop/base/check.h"

namespace mop::market {
namespace {

bool is_plain_decimal(std::string_view text) {
  std::size_t digits = 0, points = 0;
  for (const char c : text) {
    digits += static_cast<std::size_t>(c >= '0' && c <= '9');
    points += static_cast<std::size_t>(c == '.');
  }
  return digits >= 1 && points <= 1 && digits + points == text.size() && text.front() != '.';
}

}  // namespace

Result<Decimal> Decimal::parse(std::string_view text) {
  Decimal d;
  if (text.empty()) return d;
  if (text.size() > kMaxChars || !is_plain_decimal(text)) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("'{}' is not a plain decimal number of at most {} characters",
                            text.substr(0, 2 * kMaxChars), kMaxChars));
  }
  std::copy(text.begin(), text.end(), d.text_.begin());
  d.length_ = static_cast<std::uint8_t>(text.size());
  std::from_chars(text.data(), text.data() + text.size(), d.value_);
  return d;
}

Decimal Decimal::from_double(double value, int decimals) {
  MOP_CHECK(std::isfinite(value) && value >= 0.0) << "decimal of " << value;
  auto made = parse(fmt::format("{:.{}f}", value, decimals));
  MOP_CHECK(made.has_value()) << made.error().message;
  return *made;
}

std::string_view Decimal::canonical() const {
  std::string_view t = text();
  if (t.find('.') != std::string_view::npos) {
    while (t.back() == '0')
      t.remove_suffix(1);
    if (t.back() == '.') t.remove_suffix(1);
  }
  while (t.size() > 1 && t[0] == '0' && t[1] != '.')
    t.remove_prefix(1);
  return t;
}

}  // namespace mop::market
