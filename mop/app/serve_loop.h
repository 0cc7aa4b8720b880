// `mop serve` at work: the stream and REST on one side, the service on the other, one thread between them.
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "mop/app/candle_healer.h"
#include "mop/app/exchange_clock.h"
#include "mop/exchange/kline_stream.h"
#include "mop/serve/alert_desk.h"
#include "mop/serve/service.h"

namespace mop::app {

struct ServeLoopOptions {
  double speed = 1.0;          // of the exchange's clock
  std::size_t history = 1000;  // candles fetched of a series that is not stored
  std::int64_t closes = -1;    // ends after so many; -1: never
  /// Other models when there are any by now; asked every few seconds, far from a close. May be empty.
  std::function<Result<std::optional<serve::ModelHost>>()> new_models;
  /// Called once a turn of the loop, some fifty a second; must not block. May be empty.
  std::function<void()> each_turn;
  /// Adds to what is shown of the service. May be empty.
  std::function<void(serve::BoardHealth&)> describe;
};

/// What was measured since the start, machine time.
struct ServeTimes {
  std::vector<double> close_to_ledger_ms;  // from the last closing frame of a close to the commit
};

class ServeLoop {
 public:
  /// All must outlive it. `board` and `sink` are told of every close; `sink` may be null.
  ServeLoop(serve::Service& service, store::CandleStore& store, exchange::BinanceRest& rest,
            ExchangeClock& clock, serve::BoardHolder& board, serve::AlertDesk& alerts, serve::EventSink* sink,
            ServeLoopOptions options);

  /// Brings the store up to date from REST. What cannot be fetched is told and left. Errors: kInterrupted,
  /// the store's.
  Result<void> catch_up();
  /// `stream` is of service.series() as they are now. Forecasts until interrupted() or the number of closes
  /// is reached. Errors: the store's or the ledger's, when they last.
  Result<void> run(exchange::KlineStream& stream);

  const ServeTimes& times() const { return times_; }

 private:
  void take_events(exchange::KlineStream& stream, DurationMillis wait);
  void on(const exchange::StreamCandle& candle);
  void take_healed();
  void ask_what_is_missing();
  bool patient();
  void ask_all();
  Result<void> step();
  Result<void> try_step();
  Result<void> handle_closes();
  void publish(const serve::HandledClose& close);
  void tell_alerts(Result<std::vector<serve::AlertFiring>> fired);
  void tell_scores(const std::vector<serve::ScoredStep>& scored);
  void put_board();
  Result<void> change_models();

  serve::Service& service_;
  store::CandleStore& store_;
  exchange::BinanceRest& rest_;
  ExchangeClock& clock_;
  serve::BoardHolder& board_;
  serve::AlertDesk& alerts_;
  serve::EventSink* sink_;
  const ServeLoopOptions options_;
  CandleHealer healer_;
  std::vector<store::SeriesKey> streamed_;  // in the order of the stream
  std::string stream_state_ = "connecting";
  bool connected_ = false;
  UnixMillis polled_ = 0;  // the close that REST was asked for last
  std::map<std::pair<market::Interval, std::string>, double> prices_;  // of open candles
  std::map<UnixMillis, std::int64_t> frames_us_;  // by close time: when its newest closing frame arrived
  std::int64_t board_version_ = 0, board_put_us_ = 0, models_asked_us_ = 0, reconnects_ = 0, handled_ = 0;
  double close_to_ledger_ms_ = 0.0;
  std::int64_t held_since_us_ = 0;  // since when candles are hoped for; 0: they are not
  int failures_ = 0;                // of store or ledger in a row
  std::int64_t failed_us_ = 0;      // the last of them
  ServeTimes times_;
};

}  // namespace mop::app
