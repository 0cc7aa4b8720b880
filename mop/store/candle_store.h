// data/raw: one append-only CSV file per symbol and interval, and metadata.json. See docs/formats.
#pragma once
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mop/base/clock.h"
#include "mop/base/fs.h"
#include "mop/market/candle.h"
#include "mop/market/candle_series.h"
#include "mop/store/combine.h"
#include "mop/store/gap.h"
#include "mop/store/metadata.h"

namespace mop::store {

struct SeriesKey {
  std::string symbol;
  market::Interval interval;
  friend bool operator==(const SeriesKey&, const SeriesKey&) = default;
};

/// What one merge did. Times are 0 when the file has no rows.
struct StoreReport {
  std::size_t rows_before = 0;
  std::size_t rows_added = 0;    // appended or inserted
  std::size_t rows_changed = 0;  // stored rows replaced by a later version
  std::size_t rows = 0;
  UnixMillis first_open_time = 0, last_open_time = 0;
  std::vector<Gap> gaps;
};

/// What one repair did.
struct RepairReport {
  std::size_t rows_before = 0;  // complete lines after the header
  std::size_t rows = 0;
  std::size_t dropped = 0;  // lines that broke a rule; the holes they leave are for `mop fetch`
  bool torn_tail_cut = false;
  std::string kept_aside;  // where the old bytes went; "" when the rows did not change
};

/// The candles of one data directory. Threads may share one object; other processes are kept out of a merge
/// by a lock file. What a crash leaves behind is always readable: a torn last line is ignored, stale metadata
/// rebuilt.
class CandleStore {
 public:
  /// `directory` need not exist yet. `fs` and `clock` must outlive the store.
  CandleStore(std::string directory, Fs& fs, Clock& clock);

  const std::string& directory() const { return directory_; }
  /// "<directory>/BTCUSDT_1h.csv".
  std::string path(std::string_view symbol, market::Interval interval) const;

  /// Columns of doubles, ascending and unique. Errors: kNotFound (no file, or no rows), kCorrupt naming file,
  /// line and remedy, kIo.
  Result<market::CandleSeries> load(std::string_view symbol, market::Interval interval);
  /// The same rows with their exact text. Errors: as load.
  Result<std::vector<market::Candle>> load_candles(std::string_view symbol, market::Interval interval);

  /// Stores closed candles: new ones are appended, stored ones that differ are replaced (the last closed
  /// version wins; columns the new version lacks are kept while prices and volume are the same), older ones
  /// are inserted. Appending writes the new rows only; a change or an insertion rewrites the file atomically.
  /// `source` says who delivered them ("binance", "import", ...); rows of another exchange ("ccxt:...") never
  /// replace a stored row of somebody else. Every replaced row is noted in revisions.ndjson. `candles` must
  /// be valid, ascending and unique. Errors: kInvalidArgument (they are not), kCorrupt (the stored file needs
  /// `mop verify --repair`), kUnavailable (another process holds the directory), kIo (the old rows stay).
  Result<StoreReport> merge(std::string_view symbol, market::Interval interval,
                            std::span<const market::Candle> candles, std::string_view source);

  /// Notes that the exchange was asked for every candle from open time `from` to `to` (inclusive) and has no
  /// more than what is stored: what is missing there becomes no_trades. Errors: kNotFound, and as merge.
  Result<void> mark_no_trades(std::string_view symbol, market::Interval interval, UnixMillis from,
                              UnixMillis to);

  /// The series with the one that carries it on behind it (market::splice), when both are stored: MATICUSDT
  /// with POLUSDT. Any other symbol as load. The files stay as they are. Errors: as load.
  Result<market::CandleSeries> load_spliced(std::string_view symbol, market::Interval interval);

  /// Ends what a killed process left half done: cuts the torn row of an interrupted append, rebuilds entries
  /// that were voided or never written. Files that differ from their entry in another way are left for verify
  /// to tell. Does nothing when the directory cannot be locked. Errors: kIo.
  Result<void> settle();

  /// Files present, sorted by name.
  std::vector<SeriesKey> series() const;

  /// An entry for each file present. Entries that disagree with their file (crash, copied files) are rebuilt
  /// and, when the directory can be locked and written, saved. Errors: kCorrupt naming the file, kIo.
  Result<Metadata> metadata();

  /// Cuts a torn tail, drops rows that break a rule, sorts, keeps the last of several versions and rebuilds
  /// the metadata. The old bytes are kept as "<file>.before-repair". Errors: kNotFound, kUnavailable, kIo.
  Result<RepairReport> repair(std::string_view symbol, market::Interval interval);

 private:
  Result<std::string> read_rows(std::string_view symbol, market::Interval interval);
  Result<FileLock> lock_directory();
  Result<void> save(const Metadata& metadata);
  Result<Metadata> saved_metadata_or_none();
  Result<std::optional<FileMetadata>> current_entry(const Metadata& saved, std::string_view symbol,
                                                    market::Interval interval);
  Result<bool> refresh(Metadata& metadata);
  Result<FileMetadata> append(Metadata& saved, FileMetadata entry, std::span<const market::Candle> fresh,
                              std::string_view source, StoreReport& report);
  Result<FileMetadata> insert(Metadata& saved, FileMetadata entry, std::span<const market::Candle> overlap,
                              std::span<const market::Candle> fresh, std::string_view source,
                              StoreReport& report);
  Result<void> note_revisions(const FileMetadata& entry, std::span<const Revision> revisions,
                              std::string_view source);
  Result<bool> settle_file(Metadata& saved, const SeriesKey& key);
  Result<FileMetadata> rewrite(Metadata& saved, FileMetadata entry, std::string_view text);
  Result<StoreReport> finish_merge(Metadata& saved, FileMetadata entry, const StoreReport& counts,
                                   std::string_view source);

  std::string directory_;
  Fs& fs_;
  Clock& clock_;
  std::mutex mutex_;  // one merge at a time in this process; the lock file keeps other processes out
};

}  // namespace mop::store
