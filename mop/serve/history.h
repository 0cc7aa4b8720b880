// Past forecasts and what came of them, page by page, for the API.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mop/base/result.h"
#include "mop/serve/ledger_rows.h"
#include "mop/serve/ledger_scores.h"

namespace mop::serve {

struct PastForecast {
  std::int64_t seq = 0;
  ForecastRow row;
  std::string hash;               // of its row in the chain
  std::vector<StepScore> scores;  // of the steps whose candle has closed, ascending
};

struct HistoryPage {
  LiveScores scores;                      // over the newest kBoardScored that are scored
  std::vector<PastForecast> forecasts;    // newest first
  std::vector<MissedRow> missed;          // of the page's span, newest first, at most kMostMissed
  std::optional<UnixMillis> next_before;  // where the next page begins; none on the last
};
inline constexpr std::size_t kMostMissed = 1000;

class HistorySource {
 public:
  virtual ~HistorySource() = default;
  /// The newest `limit` >= 1 forecasts of a series with as_of < before. A series without any has an empty
  /// page. Errors: kUnavailable or kNotFound when the ledger cannot be opened (now), kCorrupt, kIo.
  virtual Result<HistoryPage> page(std::string_view symbol, market::Interval interval, UnixMillis before,
                                   std::size_t limit) = 0;
};

/// Reads mop.db over a connection of its own, opened at the first question. One thread at a time.
class LedgerHistory final : public HistorySource {
 public:
  explicit LedgerHistory(std::string path);
  ~LedgerHistory() override;
  Result<HistoryPage> page(std::string_view symbol, market::Interval interval, UnixMillis before,
                           std::size_t limit) override;

 private:
  struct Open;
  Result<Open*> opened();

  std::string path_;
  std::unique_ptr<Open> open_;
};

}  // namespace mop::serve
