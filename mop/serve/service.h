// The heart of `mop serve`: closed candles in; forecasts, written down before anybody sees them, and scores
// out.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "mop/market/candle.h"
#include "mop/serve/board.h"
#include "mop/serve/champions.h"
#include "mop/serve/close_gate.h"
#include "mop/serve/ledger.h"
#include "mop/serve/model_host.h"
#include "mop/store/candle_store.h"

namespace mop::serve {

struct ServiceOptions {
  std::size_t threads = 1;                   // that forecast side by side
  DurationMillis grace = 3 * kSecond;        // see CloseGate
  DurationMillis expires_after = 60 * kDay;  // see ChampionRules
};

/// One close as it was handled.
struct HandledClose {
  UnixMillis close_time = 0;
  std::vector<ForecastRow> forecasts;  // in the ledger now
  std::vector<std::int64_t> numbers;   // theirs, there
  std::vector<MissedRow> missed;
  std::int64_t forecast_us = 0, ledger_us = 0;  // spent, machine time
};

/// Forecasts every close of every series it has a model for. What it says is a function of the stored candles
/// and the model files: it starts by replaying the store, and does so again when a candle came after its
/// close was passed. One thread at a time.
class Service {
 public:
  /// `store` and `ledger` must outlive it.
  Service(store::CandleStore& store, Ledger& ledger, ServiceOptions options)
      : store_(&store), ledger_(&ledger), options_(options), gate_(options.grace) {}

  /// Takes models that have not seen a candle, in the place of those it had; replay() must follow. Errors: as
  /// Ledger::add_models; kInvalidArgument when there is no model.
  Result<void> use(ModelHost host);

  /// From the next close on; see ChampionRules.
  void expire_after(DurationMillis age) { options_.expires_after = age; }

  /// Series to be told of: every one that a model reads.
  const std::vector<store::SeriesKey>& series() const { return series_; }
  /// How many of them are forecast: those with a model.
  std::size_t forecast_series() const { return tracks_.size(); }

  /// Reads the stored candles that had closed by `now` and replays them; new ones go on from there. Errors:
  /// kNotFound when nothing is stored, and as CandleStore::load but for series that are not there.
  Result<void> replay(UnixMillis now);

  /// A closed, valid candle, from the stream or REST; again is no harm.
  void offer(const store::SeriesKey& series, const market::Candle& candle);

  /// Series whose candle is overdue: to be asked of REST.
  std::vector<store::SeriesKey> overdue(UnixMillis now) const { return gate_.overdue(now); }
  /// Close time of the newest candle of a series that is stored or offered; 0: none.
  UnixMillis newest(const store::SeriesKey& series) const;
  /// The instant that will be handled next; 0 before replay().
  UnixMillis next_close() const { return gate_.next(); }

  /// Handles the next close that is due by `now`, the exchange's clock; none when none is. A close is
  /// forecast when the candle that it speaks of has not closed by then, else it is missed, and so is every
  /// close of the series before it that is not in the ledger. Errors: as Ledger::append; the same close is
  /// tried again by the next call, and is missed when that comes too late.
  Result<std::optional<HandledClose>> handle(UnixMillis now, bool patient = false);  // see CloseGate::due

  /// What is not urgent, after handle(), again and again: stores candles that were offered, a few series at a
  /// time, scores what they are the outcome of, and when a candle came late replays. Returns what was scored.
  /// Errors: those of store and ledger; what failed is tried again the next time.
  Result<std::vector<ScoredStep>> settle(UnixMillis now);

  /// Stores every candle that was offered: before the end. Errors: as CandleStore::merge.
  Result<void> store_all();

  /// Fills series and models of a board.
  void describe(Board& board, UnixMillis now) const;

  std::int64_t forecasts() const { return forecasts_; }
  std::int64_t missed() const { return missed_; }
  std::int64_t late_candles() const { return late_; }

 private:
  struct Track {  // of a series that is forecast
    std::vector<Candidate> candidates;
    Champion champion;                   // chosen last
    std::optional<std::string> demoted;  // why, when its live scores say so
    std::string missed_because;          // the last close that was not forecast
    std::optional<ForecastRow> newest;
    std::int64_t number = 0;           // of it in the ledger
    std::vector<BoardCandle> candles;  // newest kBoardCandles
    std::optional<LiveScores> scores;
  };
  using Key = std::pair<market::Interval, std::string>;

  struct Cursor {  // through one stored series
    const store::SeriesKey* key;
    market::CandleSeries candles;
    std::size_t next = 0;

    UnixMillis newest(UnixMillis until) const {  // close time, 0: none
      const std::size_t count = candles.lower_bound(until - market::length_of(key->interval) + 2);
      return count == 0 ? 0 : candles.close_time(count - 1);
    }
  };
  static Key key_of(const store::SeriesKey& series) { return {series.interval, series.symbol}; }
  static UnixMillis newest_complete(std::span<const Cursor> cursors);
  Result<void> replay_stored(UnixMillis until);
  Result<void> score_stored(std::span<const Cursor> cursors);
  void note_candle(const store::SeriesKey& series, const features::CandleValues& candle);
  Result<HandledClose> finish(UnixMillis close_time, std::span<const ModelForecast> made, UnixMillis now);
  Result<void> write_down(HandledClose& close);
  std::vector<ModelForecast> forecast_champions(UnixMillis close_time, UnixMillis now);
  std::optional<ForecastRow> row_of(Track& track, std::span<const ModelForecast> made, UnixMillis now);
  std::optional<ForecastRow> row_over_hole(Track& track, UnixMillis now);
  struct Closes {
    UnixMillis first, last;
  };
  static void miss(const Key& key, const Track& track, Closes closes, UnixMillis now,
                   std::vector<MissedRow>& missed);
  Result<void> store_offered(std::size_t most);
  Result<void> judge(const Key& key, Track& track);
  Result<void> pool(market::Interval interval);

  store::CandleStore* store_;
  Ledger* ledger_;
  ServiceOptions options_;
  std::optional<ModelHost> host_;
  std::vector<store::SeriesKey> series_;
  CloseGate gate_;
  std::map<Key, Track> tracks_;
  std::map<market::Interval, LiveScores> pooled_;
  std::map<Key, UnixMillis> newest_;
  std::map<Key, std::vector<market::Candle>> unstored_;
  std::vector<ClosedCandle> unscored_;
  // Of gate_.done(), after a replay, or when they could not be written: what is not in the ledger yet.
  std::optional<std::vector<ModelForecast>> unwritten_;
  UnixMillis changed_ = 0;  // close time of the oldest candle that came late; 0: none, or not known
  bool replay_wanted_ = false, unsettled_ = false;
  std::int64_t forecasts_ = 0, missed_ = 0, late_ = 0;
};

}  // namespace mop::serve
