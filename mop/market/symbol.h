// The coins MOP knows: the 25 of its fleet in five groups, and successors of renamed ones.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mop/base/result.h"
#include "mop/base/time.h"

namespace mop::market {

enum class Group : std::uint8_t { kMajor, kLayer1, kLayer1Other, kLayer2New, kMemeUtility, kSuccessor };

/// "major", "layer1", "layer1-other", "layer2-new", "meme-utility", "successor".
std::string_view to_string(Group group);

struct Symbol {
  std::string_view name;  // "BTCUSDT"
  Group group;
  double tick_size;                 // smallest price step, quote currency; the live one is in exchangeInfo
  std::optional<UnixMillis> ended;  // last trading instant on Binance spot
  std::optional<UnixMillis> began;  // only where it matters: a successor's first candle
  std::string_view successor;       // "" when none: the symbol that carries on at factor 1
};

/// All known symbols: the fleet's 25 in the order of their groups, then successors.
std::span<const Symbol> all_symbols();
/// The 25 coins of the fleet.
std::span<const Symbol> fleet_symbols();
/// Errors: kInvalidArgument naming the text and the nearest known symbol.
Result<Symbol> find_symbol(std::string_view name);

/// Reads `all`, `@major`, `BTCUSDT,ETHUSDT` or any comma-separated mix; keeps the order, drops repeats.
/// `all` is the fleet's 25. Errors: kInvalidArgument.
Result<std::vector<Symbol>> parse_symbols(std::string_view selector);

}  // namespace mop::market
