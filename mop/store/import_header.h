// Which column of a foreign candle file means what.
#pragma once
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "mop/base/result.h"

namespace mop::store {

enum class Column : std::size_t {
  kOpenTime,
  kOpen,
  kHigh,
  kLow,
  kClose,
  kVolume,
  kCloseTime,
  kQuoteVolume,
  kTrades,
  kTakerBuyBase,
  kTakerBuyQuote,
};
inline constexpr std::size_t kColumnKinds = 11;

struct Layout {
  bool has_header = false;
  std::size_t columns = 0;  // of every row
  std::array<std::optional<std::size_t>, kColumnKinds> at{};

  std::optional<std::size_t> operator[](Column c) const { return at[static_cast<std::size_t>(c)]; }
};

/// Reads the first line of a file, split into fields. Names count in any case and with spaces, dots or
/// hyphens for '_'; columns of unknown name are ignored. A line of numbers is no header: then 6 columns are
/// open time to volume and 11 or 12 are Binance's. Errors: kCorrupt with rule and what was found.
Result<Layout> layout_of(std::span<const std::string_view> first_line);

}  // namespace mop::store
