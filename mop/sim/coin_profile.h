#pragma once
#include <string_view>

namespace mop::sim {

/// How a coin of the synthetic market starts and moves. Round figures of the right order, not measurements.
struct CoinProfile {
  std::string_view symbol;
  double price;               // at the start, quote currency
  double daily_volatility;    // standard deviation of a day's log return
  double daily_quote_volume;  // quote currency
  int quantity_decimals;      // places of a quantity: 5 means steps of 0.00001
};

/// A middling profile for symbols that are not in the table.
CoinProfile coin_profile(std::string_view symbol);

}  // namespace mop::sim
