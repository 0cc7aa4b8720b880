// data/raw/metadata.json: what the store knows of its files without reading them. See
// docs/formats/metadata.md. The candle files are the truth: metadata that disagrees is rebuilt from them.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mop/base/fs.h"
#include "mop/base/result.h"
#include "mop/base/time.h"
#include "mop/market/interval.h"
#include "mop/store/content_hash.h"
#include "mop/store/gap.h"
#include "mop/store/sources.h"

namespace mop::store {

/// One stored file.
struct FileMetadata {
  std::string symbol;
  market::Interval interval = market::Interval::k1h;
  std::size_t rows = 0;
  std::uint64_t bytes = 0;         // size of the file this entry describes; 0: the file is being rewritten
  UnixMillis first_open_time = 0;  // 0 when there are no rows
  UnixMillis last_open_time = 0;
  UnixMillis last_updated = 0;       // when rows last changed
  std::vector<std::string> sources;  // who delivered rows, in order of first delivery: "binance", "import"
  std::vector<SourceRange> ranges;   // which of the rows each source delivered; ascending, disjoint
  ContentHash content_hash;          // over all `bytes` bytes
  std::vector<Gap> gaps;             // ascending

  std::size_t missing() const;  // candles in all gaps
  /// Who delivered the row of that open time; "unknown" when nobody knows.
  std::string_view source_at(UnixMillis open_time) const;
};

struct Metadata {
  std::vector<FileMetadata> files;  // sorted by symbol, then interval

  /// nullptr when there is no such entry.
  const FileMetadata* find(std::string_view symbol, market::Interval interval) const;
  /// Replaces the entry of the same symbol and interval, or adds it.
  void put(FileMetadata file);
  void remove(std::string_view symbol, market::Interval interval);
};

/// "<SYMBOL>_<15m|1h>.csv".
std::string candle_file_name(std::string_view symbol, market::Interval interval);

/// JSON text of metadata.json.
std::string to_text(const Metadata& metadata);
/// Entries that do not make sense are left out, so that they are rebuilt. Errors: kCorrupt when it is no such
/// document at all, kUnsupported when a newer MOP wrote it.
Result<Metadata> parse_metadata(std::string_view text);

/// The saved document, however stale. A missing file gives no entries. Errors: kIo, and as parse_metadata.
Result<Metadata> read_metadata(Fs& fs, const std::string& directory);

}  // namespace mop::store
