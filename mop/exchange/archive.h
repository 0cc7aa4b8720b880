// Binance's bulk archive: history as zip files of months and days, without request weight.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "mop/base/clock.h"
#include "mop/base/result.h"
#include "mop/exchange/transport.h"
#include "mop/market/candle.h"
#include "mop/market/interval.h"

namespace mop::exchange {

struct ArchiveOptions {
  std::string url = "https://data.binance.vision";
  std::string listing_url = "https://s3-ap-northeast-1.amazonaws.com/data.binance.vision";
  int max_attempts = 4;  // of one request that may pass
  DurationMillis timeout_ms = 60 * kSecond;
  DurationMillis backoff_ms = 500;  // doubles with every attempt
};

/// One zip: a calendar month or a day (UTC) of one series.
struct ArchiveFile {
  std::string path;              // "/data/spot/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2024-12.zip"
  UnixMillis from = 0, end = 0;  // open times [from, end)
  std::string name() const { return path.substr(path.rfind('/') + 1); }
};

/// Thread-safe. Transport and clock are kept by reference.
class Archive {
 public:
  Archive(Transport& transport, Clock& clock, ArchiveOptions options = {});

  /// Files for the open times [from, end), ascending, disjoint: whole months, then the days behind the last
  /// month. From the bucket's listing; when that cannot be had, every month and day that should be there.
  /// Errors: kInterrupted.
  Result<std::vector<ArchiveFile>> files(const std::string& symbol, market::Interval interval,
                                         UnixMillis from, UnixMillis end);

  /// Downloads one file, checks it against its CHECKSUM, unpacks it and gives its candles: valid, ascending,
  /// unique, inside the file's time. Errors: kNotFound (not published), kCorrupt (check sum, zip or rows are
  /// wrong: the file must not be used), kUnavailable, kInterrupted.
  Result<std::vector<market::Candle>> candles(const ArchiveFile& file, market::Interval interval);

  /// Days (UTC, their starts) whose monthly files are known to be wrong: take them from REST instead.
  static bool is_known_wrong(UnixMillis open_time);

 private:
  Result<std::string> get(const std::string& url, const std::string& what);
  Result<std::vector<std::string>> keys_behind(const std::string& prefix, const std::string& marker);

  Transport& transport_;
  Clock& clock_;
  const ArchiveOptions options_;
};

}  // namespace mop::exchange
