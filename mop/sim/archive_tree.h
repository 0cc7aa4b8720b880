#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mop/sim/market_source.h"

namespace mop::sim {

/// One zip of the archive: a month or a day of one series.
struct ArchiveFile {
  std::string symbol;
  market::Interval interval = market::Interval::k15m;
  bool monthly = true;
  UnixMillis begin = 0, end = 0;  // open times in [begin, end)

  std::string stem() const;      // "BTCUSDT-15m-2024-12"
  std::string folder() const;    // "data/spot/monthly/klines/BTCUSDT/15m/"
  UnixMillis published() const;  // the instant from which it is there
};

/// The file behind "data/spot/.../X.zip". Nothing when the key is no such name.
std::optional<ArchiveFile> parse_archive_key(std::string_view key);

/// Whether `file` is there at `now`: published, and with at least one candle.
bool is_published(const ArchiveFile& file, MarketSource& market, UnixMillis now);

/// One line of a listing: a key, or with a delimiter a folder that stands for all keys in it.
struct ArchiveEntry {
  std::string name;
  bool folder = false;
};

/// All entries that start with `prefix` and come after `after`, ascending by name, at most `most`.
std::vector<ArchiveEntry> list_archive(std::string_view prefix, std::string_view after, bool folders,
                                       std::size_t most, MarketSource& market, UnixMillis now);

}  // namespace mop::sim
