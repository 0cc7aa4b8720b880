#include "mop/market/symbol.h"

#include <algorithm>
#include <array>
#include <numeric>

#include <fmt/format.h>

namespace mop::market {
namespace {

constexpr UnixMillis kMaticEnded = 1725937200000;  // 2024-09-10 03:00 UTC: every MATIC spot pair stopped
constexpr UnixMillis kPolBegan = 1726221600000;    // 2024-09-13 10:00 UTC: POL pairs opened, swap 1:1
constexpr UnixMillis kXmrEnded = 1708398000000;    // 2024-02-20 03:00 UTC: XMR spot pairs delisted

constexpr Symbol trading(std::string_view name, Group group, double tick_size) {
  return {name, group, tick_size, std::nullopt, std::nullopt, ""};
}

// Tick sizes are for display, synthetic markets and error floors; the live ones are in exchangeInfo.
// BTCUSDT and ETHUSDT: PRICE_FILTER.tickSize of an exchangeInfo reply recorded on 2025-08-07. All others:
// greatest common divisor of the prices in the coin's newest month of 15m candles before 2025-11 (the last
// month it traded for MATICUSDT and XMRUSDT).
// Ends and beginnings: Binance's delisting notices as quoted in the press; MATIC became POL at factor 1.
constexpr std::array kSymbols{
    trading("BTCUSDT", Group::kMajor, 0.01),
    trading("ETHUSDT", Group::kMajor, 0.01),
    trading("BNBUSDT", Group::kMajor, 0.01),
    trading("SOLUSDT", Group::kMajor, 0.01),
    trading("XRPUSDT", Group::kMajor, 0.0001),
    trading("ADAUSDT", Group::kLayer1, 0.0001),
    trading("AVAXUSDT", Group::kLayer1, 0.01),
    trading("DOGEUSDT", Group::kLayer1, 0.00001),
    trading("LINKUSDT", Group::kLayer1, 0.01),
    Symbol{"MATICUSDT", Group::kLayer1, 0.0001, kMaticEnded, std::nullopt, "POLUSDT"},
    trading("LTCUSDT", Group::kLayer1Other, 0.01),
    trading("UNIUSDT", Group::kLayer1Other, 0.001),
    trading("ATOMUSDT", Group::kLayer1Other, 0.001),
    Symbol{"XMRUSDT", Group::kLayer1Other, 0.1, kXmrEnded, std::nullopt, ""},
    trading("NEARUSDT", Group::kLayer1Other, 0.001),
    trading("ARBUSDT", Group::kLayer2New, 0.0001),
    trading("OPUSDT", Group::kLayer2New, 0.0001),
    trading("APTUSDT", Group::kLayer2New, 0.001),
    trading("SUIUSDT", Group::kLayer2New, 0.0001),
    trading("PEPEUSDT", Group::kLayer2New, 0.00000001),
    trading("SHIBUSDT", Group::kMemeUtility, 0.00000001),
    trading("ICPUSDT", Group::kMemeUtility, 0.001),
    trading("ETCUSDT", Group::kMemeUtility, 0.01),
    trading("FILUSDT", Group::kMemeUtility, 0.001),
    trading("AAVEUSDT", Group::kMemeUtility, 0.01),
    Symbol{"POLUSDT", Group::kSuccessor, 0.0001, std::nullopt, kPolBegan, ""},
};

constexpr std::size_t kFleetSize = 25;
static_assert(kSymbols.size() == kFleetSize + 1);

constexpr std::array kFleetGroups{Group::kMajor, Group::kLayer1, Group::kLayer1Other, Group::kLayer2New,
                                  Group::kMemeUtility};

// Levenshtein distance, row by row.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t swapped = diagonal + static_cast<std::size_t>(a[i] != b[j]);
      diagonal = row[j + 1];
      row[j + 1] = std::min({swapped, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

std::string upper(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return result;
}

// The known name a user most likely meant: "btc", "BTCUSD" and "BTC/USDT" are all near BTCUSDT.
std::string_view nearest_name(std::string_view text) {
  std::string wanted = upper(text.substr(0, 32));
  wanted.erase(std::remove_if(wanted.begin(), wanted.end(),
                              [](char c) { return c == '/' || c == '-' || c == '_' || c == ' '; }),
               wanted.end());
  const auto distance = [&](const Symbol& s) {
    return std::min(edit_distance(wanted, s.name), 1 + edit_distance(wanted + "USDT", s.name));
  };
  return std::min_element(kSymbols.begin(), kSymbols.end(),
                          [&](const Symbol& a, const Symbol& b) { return distance(a) < distance(b); })
      ->name;
}

Result<std::vector<Symbol>> members_of(std::string_view group_name) {
  std::vector<Symbol> members;
  for (const Symbol& s : fleet_symbols()) {
    if (to_string(s.group) == group_name) members.push_back(s);
  }
  if (!members.empty()) return members;
  std::string known;
  for (const Group group : kFleetGroups)
    known += fmt::format("{}@{}", known.empty() ? "" : ", ", to_string(group));
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("symbol group must be one of {}, was '@{}'", known, group_name.substr(0, 32)));
}

Result<std::vector<Symbol>> expand(std::string_view item) {
  if (item == "all") return std::vector<Symbol>(fleet_symbols().begin(), fleet_symbols().end());
  if (item.starts_with('@')) return members_of(item.substr(1));
  MOP_TRY_ASSIGN(const Symbol symbol, find_symbol(item));
  return std::vector<Symbol>{symbol};
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ')
    text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ')
    text.remove_suffix(1);
  return text;
}

}  // namespace

std::string_view to_string(Group group) {
  switch (group) {
    case Group::kMajor:
      return "major";
    case Group::kLayer1:
      return "layer1";
    case Group::kLayer1Other:
      return "layer1-other";
    case Group::kLayer2New:
      return "layer2-new";
    case Group::kMemeUtility:
      return "meme-utility";
    case Group::kSuccessor:
      return "successor";
  }
  return "unknown";
}

std::span<const Symbol> all_symbols() {
  return kSymbols;
}

std::span<const Symbol> fleet_symbols() {
  return std::span(kSymbols).first(kFleetSize);
}

Result<Symbol> find_symbol(std::string_view name) {
  for (const Symbol& s : kSymbols) {
    if (s.name == name) return s;
  }
  if (name.empty()) {
    return fail(ErrorCode::kInvalidArgument, "a symbol must not be empty; write one like BTCUSDT, or `all`");
  }
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("{} is not a known symbol; did you mean {}? `all` stands for the fleet's {}, and "
                          "`mop stats` lists what is stored",
                          name.substr(0, 32), nearest_name(name), kFleetSize));
}

Result<std::vector<Symbol>> parse_symbols(std::string_view selector) {
  std::vector<Symbol> chosen;
  for (std::string_view rest = selector;;) {
    const std::size_t comma = rest.find(',');
    MOP_TRY_ASSIGN(const auto symbols, expand(trimmed(rest.substr(0, comma))));
    for (const Symbol& s : symbols) {
      const auto same = [&](const Symbol& c) { return c.name == s.name; };
      if (std::none_of(chosen.begin(), chosen.end(), same)) chosen.push_back(s);
    }
    if (comma == std::string_view::npos) return chosen;
    rest.remove_prefix(comma + 1);
  }
}

}  // namespace mop::market
