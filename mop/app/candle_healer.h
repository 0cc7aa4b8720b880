// Asks REST for candles that the stream did not bring, beside the serving thread.
#pragma once
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "mop/app/exchange_clock.h"
#include "mop/exchange/binance_rest.h"
#include "mop/store/candle_store.h"

namespace mop::app {

/// What REST had: the closed candles of a series from an open time on, up to now.
struct Healed {
  store::SeriesKey series;
  std::vector<market::Candle> candles;  // valid, ascending, closed by the exchange's clock
  std::optional<Error> error;           // why there may be more
};

class CandleHealer {
 public:
  /// `rest` and `clock` must outlive it.
  CandleHealer(exchange::BinanceRest& rest, ExchangeClock& clock, std::size_t threads);
  ~CandleHealer();  // waits for the requests that run
  CandleHealer(const CandleHealer&) = delete;
  CandleHealer& operator=(const CandleHealer&) = delete;

  /// Asks for everything with open_time >= from; at once when nothing else waits. A series that is being
  /// asked for already is not asked for again.
  void ask(const store::SeriesKey& series, UnixMillis from);
  /// True while something that was asked for has not been taken.
  bool busy() const;
  std::vector<Healed> take();

 private:
  struct Request {
    store::SeriesKey series;
    UnixMillis from;
  };
  void work();
  Healed answer(const Request& request);

  exchange::BinanceRest& rest_;
  ExchangeClock& clock_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Request> waiting_;
  std::vector<store::SeriesKey> open_;  // asked for and not taken
  std::vector<Healed> done_;
  bool stopped_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace mop::app
