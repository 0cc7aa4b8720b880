#include "mop/app/candle_healer.h"

#include <algorithm>

#include "mop/base/clock.h"

namespace mop::app {

CandleHealer::CandleHealer(exchange::BinanceRest& rest, ExchangeClock& clock, std::size_t threads)
    : rest_(rest), clock_(clock) {
  for (std::size_t i = 0; i < threads; ++i)
    threads_.emplace_back([this] { work(); });
}

CandleHealer::~CandleHealer() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    waiting_.clear();
  }
  wake_.notify_all();
  for (std::thread& thread : threads_)
    thread.join();
}

void CandleHealer::ask(const store::SeriesKey& series, UnixMillis from) {
  {
    const std::lock_guard lock(mutex_);
    if (std::ranges::find(open_, series) != open_.end()) return;
    open_.push_back(series);
    waiting_.push_back({series, from});
  }
  wake_.notify_one();
}

bool CandleHealer::busy() const {
  const std::lock_guard lock(mutex_);
  return !open_.empty();
}

std::vector<Healed> CandleHealer::take() {
  const std::lock_guard lock(mutex_);
  for (const Healed& one : done_)
    std::erase(open_, one.series);
  return std::exchange(done_, {});
}

void CandleHealer::work() {
  for (;;) {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return stopped_ || !waiting_.empty(); });
    if (stopped_) return;
    const Request request = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    Healed healed = answer(request);
    lock.lock();
    done_.push_back(std::move(healed));
  }
}

Healed CandleHealer::answer(const Request& request) {
  Healed healed{request.series, {}, {}};
  for (UnixMillis from = request.from;;) {
    exchange::KlinesQuery query{request.series.symbol, request.series.interval, from, std::nullopt};
    auto page = rest_.klines(query);
    if (!page) {
      healed.error = page.error();
      return healed;
    }
    for (const market::Candle& candle : *page) {
      const auto classified = market::classify(candle, clock_.now());
      if (!std::holds_alternative<market::Candle>(classified)) return healed;
      if (candle.open_time < from || !market::validate(candle, request.series.interval)) continue;
      healed.candles.push_back(candle);
    }
    if (page->size() < static_cast<std::size_t>(query.limit)) return healed;
    from = healed.candles.empty() ? page->back().open_time + 1 : healed.candles.back().open_time + 1;
  }
}

}  // namespace mop::app
