// The bulk archive (data.binance.vision) over a market: zips of months and days, checksums, S3 listings.
#pragma once
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "mop/base/request_target.h"
#include "mop/sim/api_reply.h"
#include "mop/sim/archive_tree.h"
#include "mop/sim/market_source.h"

namespace mop::sim {

/// GET /data/spot/{monthly,daily}/klines/<SYM>/<INT>/<SYM>-<INT>-<YYYY>-<MM>[-<DD>].zip, the same with
/// .CHECKSUM, and the bucket's listing at / and /data.binance.vision (ListObjects V1, V2 with list-type=2;
/// prefix, delimiter=/, marker, start-after, continuation-token, max-keys up to 1000). Times are milliseconds
/// in files up to 2024-12, microseconds from 2025-01 on. A day's file is out at 03:00 UTC of the next day, a
/// month's at 03:00 of the next month's first Monday; before that and where nothing traded: 404. Equal
/// requests get equal bytes. Thread-safe.
class Archive {
 public:
  /// `truth` must outlive this.
  explicit Archive(MarketSource& truth) : truth_(truth) {}
  /// Whether the path belongs here.
  static bool serves(std::string_view path);
  /// `market` is `truth`, or what a request hit by faults sees of it.
  ApiReply handle(const Target& target, MarketSource& market, UnixMillis now);

 private:
  struct Facts {  // of a zip
    std::size_t size;
    std::string sha256;
  };
  ApiReply listing(const Target& target, MarketSource& market, UnixMillis now);
  std::optional<std::string> object(std::string_view key, MarketSource& market, UnixMillis now);
  std::string zip(const ArchiveFile& file, MarketSource& market, UnixMillis now);
  Facts facts(const ArchiveFile& file, MarketSource& market, UnixMillis now);
  std::string checksum(const ArchiveFile& file, MarketSource& market, UnixMillis now);

  MarketSource& truth_;
  std::mutex mutex_;  // guards what is known of zips of the truth: listings and checksums ask for it often
  std::map<std::string, Facts, std::less<>> facts_;
};

}  // namespace mop::sim
