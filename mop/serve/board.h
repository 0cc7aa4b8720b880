// What a running service knows at one moment, for everybody who asks: values only, swapped as a whole.
#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "mop/serve/ledger_rows.h"
#include "mop/serve/ledger_scores.h"
#include "mop/store/candle_store.h"

namespace mop::serve {

/// A finished candle as numbers, for charts.
struct BoardCandle {
  UnixMillis open_time = 0;
  double open = 0.0, high = 0.0, low = 0.0, close = 0.0, volume = 0.0;
};

struct BoardSeries {
  store::SeriesKey key;
  std::vector<BoardCandle> candles;     // newest kBoardCandles that closed, ascending
  std::optional<double> last_price;     // of the open candle, when the stream states one
  UnixMillis last_close_time = 0;       // of the newest closed candle; 0: none yet
  bool stale = false;                   // more than two candles behind the exchange's clock
  std::optional<ForecastRow> forecast;  // newest, exactly as it is in the ledger
  std::int64_t seq = 0;                 // its number there
  std::optional<LiveScores> scores;     // over its newest kBoardScored forecasts that are scored
  std::string champion;                 // who forecasts now: "model", "unified", "ewma", "har"
  std::string champion_reason;          // one sentence
  bool gave_way = false;                // a baseline forecasts because the model expired or was demoted
  bool demoted = false;                 // live scores took the forecasts from its model
};
inline constexpr std::size_t kBoardCandles = 500, kBoardScored = 500;

struct BoardModel {
  std::string id, sha256;
  UnixMillis trained_until = 0;
  bool certified = false;
  std::string mark;  // what is wrong with its certificate; "" when nothing is
  bool expired = false;
};

struct BoardHealth {
  UnixMillis exchange_now = 0;  // the exchange's clock
  bool ready = false;           // models are loaded and history is replayed
  std::string stream;           // "connected", "blocked: ...", "disconnected: ..."
  std::int64_t forecasts = 0;   // written to the ledger since the start
  std::int64_t missed = 0;
  std::int64_t reconnects = 0;
  std::int64_t rest_requests = 0;
  std::int64_t late_candles = 0;
  bool retraining = false;          // models are being trained in another process
  double close_to_ledger_ms = 0.0;  // newest close: from the last closing frame to the commit, machine time
  UnixMillis last_close = 0;        // newest instant that was forecast
};

struct Board {
  std::int64_t version = 0;  // grows with every change
  BoardHealth health;
  std::vector<BoardSeries> series;  // in the order of market::all_symbols(), 15m first
  std::vector<BoardModel> models;
  std::vector<LiveScores> pooled;  // of each timeframe, the newest kBoardScored forecasts of each series
};

/// Holds the newest board. Thread-safe; a reader keeps the board it took for as long as it wants.
class BoardHolder {
 public:
  void put(std::shared_ptr<const Board> board);
  /// Never null: an empty board before the first put().
  std::shared_ptr<const Board> get() const;

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const Board> board_ = std::make_shared<const Board>();
};

/// What is told to whoever listens (SSE), in order.
struct ServiceEvent {
  enum class Kind : std::uint8_t { kForecast, kScore, kAlert, kHealth };
  Kind kind = Kind::kForecast;
  std::string json;  // one object, as in api/openapi.yaml
};

/// Where the service tells its events; implemented by the HTTP side.
class EventSink {
 public:
  virtual ~EventSink() = default;
  /// Must not block: called on the serving thread between the ledger and the next close.
  virtual void tell(const ServiceEvent& event) = 0;
};

}  // namespace mop::serve
