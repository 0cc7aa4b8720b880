// Looks at every close with the eyes of every alert.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mop/serve/alert_book.h"
#include "mop/serve/board.h"
#include "mop/serve/ledger.h"

namespace mop::serve {

/// On the serving thread, with its connection. Cost: a close of n series looks n times at each alert that
/// covers them, well under a microsecond each; nothing is written when nothing changed.
class AlertDesk {
 public:
  /// Both must outlive it.
  AlertDesk(AlertBook& book, Ledger& ledger) : book_(&book), ledger_(&ledger) {}

  /// Looks through what closed since each alert saw something last; what crossed meanwhile is missed. Once,
  /// when models and history are there. Errors: as AlertBook::note.
  Result<void> start(const Board& board);

  /// After a close was handled and the board tells of it. Returns what is to be told, stored already.
  /// Errors: as AlertBook::note; what crossed is then found at the next close.
  Result<std::vector<AlertFiring>> on_close(const Board& board, UnixMillis close_time);

  /// Now and then: reads alerts that were changed, and looks for series that went silent. As on_close().
  Result<std::vector<AlertFiring>> on_time(const Board& board);

  std::size_t alerts() const { return alerts_.size(); }
  std::int64_t sent() const { return sent_; }

 private:
  using StateKey = std::pair<std::int64_t, std::pair<market::Interval, std::string>>;
  struct Seen {                           // of one series
    std::optional<ForecastRow> forecast;  // newest
    std::optional<ForecastRow> before;    // the one before it
    std::optional<RangeRank> ranges;      // of those before the newest; filled when first asked for
  };
  struct Look {  // in which changes gather until they are stored
    UnixMillis now = 0;
    std::map<StateKey, AlertState> states;
    std::vector<AlertFiring> firings;
    std::map<std::int64_t, AlertDay> days;
  };

  Result<void> reload(const Board& board);
  void look(const StoredAlert& alert, const AlertView& view, bool late, Look& into);
  Result<void> first_look(const Board& board, Look& into);
  void catch_up(const BoardSeries& series, Look& into);
  Result<AlertView> view_of(const BoardSeries& series, UnixMillis now);
  Result<std::optional<double>> rank_of(const BoardSeries& series, Seen& seen);
  Result<std::vector<AlertFiring>> store(Look look);

  AlertBook* book_;
  Ledger* ledger_;
  std::optional<std::int64_t> version_;
  std::vector<StoredAlert> alerts_;
  std::map<StateKey, AlertState> states_;
  std::map<std::int64_t, AlertDay> days_;
  std::map<std::pair<market::Interval, std::string>, Seen> seen_;
  std::int64_t sent_ = 0;
};

}  // namespace mop::serve
