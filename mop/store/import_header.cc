#include "mop/store/import_header.h"

#include <algorithm>

#include <fmt/format.h>

#include "mop/store/candle_csv.h"

namespace mop::store {
namespace {

struct KnownName {
  std::string_view name;
  Column column;
};

// Binance's documentation and archives, pandas and CCXT scripts, freqtrade, python-binance. Of two names of
// one column the earlier one here counts, so a file with `open_time` and `date` is read by its `open_time`.
constexpr std::array kNames{
    KnownName{"open_time", Column::kOpenTime},
    KnownName{"opentime", Column::kOpenTime},
    KnownName{"timestamp", Column::kOpenTime},
    KnownName{"datetime", Column::kOpenTime},
    KnownName{"date", Column::kOpenTime},
    KnownName{"time", Column::kOpenTime},
    KnownName{"open", Column::kOpen},
    KnownName{"high", Column::kHigh},
    KnownName{"low", Column::kLow},
    KnownName{"close", Column::kClose},
    KnownName{"volume", Column::kVolume},
    KnownName{"vol", Column::kVolume},
    KnownName{"close_time", Column::kCloseTime},
    KnownName{"closetime", Column::kCloseTime},
    KnownName{"quote_volume", Column::kQuoteVolume},
    KnownName{"quote_asset_volume", Column::kQuoteVolume},
    KnownName{"trades", Column::kTrades},
    KnownName{"number_of_trades", Column::kTrades},
    KnownName{"num_trades", Column::kTrades},
    KnownName{"trade_count", Column::kTrades},
    KnownName{"count", Column::kTrades},
    KnownName{"taker_buy_base", Column::kTakerBuyBase},
    KnownName{"taker_base", Column::kTakerBuyBase},
    KnownName{"taker_buy_base_asset_volume", Column::kTakerBuyBase},
    KnownName{"taker_buy_base_volume", Column::kTakerBuyBase},
    KnownName{"taker_buy_volume", Column::kTakerBuyBase},
    KnownName{"taker_buy_quote", Column::kTakerBuyQuote},
    KnownName{"taker_quote", Column::kTakerBuyQuote},
    KnownName{"taker_buy_quote_asset_volume", Column::kTakerBuyQuote},
    KnownName{"taker_buy_quote_volume", Column::kTakerBuyQuote},
};

struct NeededColumn {
  Column column;
  std::string_view spellings;
};

constexpr std::array kNeeded{
    NeededColumn{Column::kOpenTime, "open_time, timestamp, datetime, date or time"},
    NeededColumn{Column::kOpen, "open"},
    NeededColumn{Column::kHigh, "high"},
    NeededColumn{Column::kLow, "low"},
    NeededColumn{Column::kClose, "close"},
    NeededColumn{Column::kVolume, "volume"},
};

std::string plain_name(std::string_view field) {
  std::string name;
  for (const char c : field) {
    if (c >= 'A' && c <= 'Z') {
      name += static_cast<char>(c - 'A' + 'a');
    } else {
      name += c == ' ' || c == '-' || c == '.' ? '_' : c;
    }
  }
  return name;
}

bool is_number(std::string_view field) {
  return !field.empty() &&
         std::all_of(field.begin(), field.end(), [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
}

std::string joined(std::span<const std::string_view> fields) {
  std::string text;
  for (const std::string_view field : fields) {
    text += fmt::format("{}{}", text.empty() ? "" : ",", field);
    if (text.size() > 200) break;
  }
  return shown(text);
}

Result<Layout> layout_without_header(std::span<const std::string_view> fields) {
  constexpr std::size_t kBinanceIgnored = 12;  // Binance's archive rows end with an unused column
  Layout layout;
  layout.columns = fields.size();
  if (fields.size() != 6 && fields.size() != kColumnKinds && fields.size() != kBinanceIgnored) {
    return fail(
        ErrorCode::kCorrupt,
        fmt::format("a file without a header must have 6, 11 or 12 columns, had {}; add a header that "
                    "names open_time,open,high,low,close,volume",
                    fields.size()));
  }
  for (std::size_t i = 0; i < std::min(fields.size(), kColumnKinds); ++i)
    layout.at[i] = i;
  return layout;
}

}  // namespace

Result<Layout> layout_of(std::span<const std::string_view> first_line) {
  if (!first_line.empty() && is_number(first_line[0])) return layout_without_header(first_line);
  Layout layout;
  layout.has_header = true;
  layout.columns = first_line.size();
  for (const KnownName& known : kNames) {
    auto& at = layout.at[static_cast<std::size_t>(known.column)];
    for (std::size_t i = 0; i < first_line.size() && !at; ++i) {
      if (plain_name(first_line[i]) == known.name) at = i;
    }
  }
  for (const NeededColumn& needed : kNeeded) {
    if (layout[needed.column]) continue;
    return fail(ErrorCode::kCorrupt, fmt::format("the header must name a column {}, was '{}'",
                                                 needed.spellings, joined(first_line)));
  }
  return layout;
}

}  // namespace mop::store
