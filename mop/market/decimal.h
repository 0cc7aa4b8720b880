#pragma once
#include <array>
#include <cstdint>
#include <string_view>

#include "mop/base/result.h"

namespace mop::market {

/// A decimal number kept as the exact text the exchange sent ("8982.51000000"), with its value as a double.
/// Prices of SHIB and PEPE have 8 decimals and volumes 14 digits before the point: no binary or 64-bit
/// fixed-point type holds both exactly, text does. Empty means "column absent". Trivially copyable, 40 bytes.
class Decimal {
 public:
  static constexpr std::size_t kMaxChars = 31;

  Decimal() = default;  // empty

  /// Accepts [digits][.digits], at most 31 characters, no sign, no exponent; "" gives the empty Decimal.
  /// Errors: kInvalidArgument with the text.
  static Result<Decimal> parse(std::string_view text);
  /// For numbers made here (synthetic markets): fixed notation, `decimals` places. REQUIRES: value >= 0,
  /// finite.
  static Decimal from_double(double value, int decimals);

  bool empty() const { return length_ == 0; }
  std::string_view text() const { return {text_.data(), length_}; }
  double value() const { return value_; }  // nearest double; NaN when empty

  /// Same text without padding zeros: "42488.00" -> "42488". Two spellings of one number become equal.
  std::string_view canonical() const;

  /// Equal numbers, however they are padded.
  friend bool operator==(const Decimal& a, const Decimal& b) { return a.canonical() == b.canonical(); }

 private:
  std::array<char, kMaxChars> text_{};
  std::uint8_t length_ = 0;
  double value_ = __builtin_nan("");
};

}  // namespace mop::market
