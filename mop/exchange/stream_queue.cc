#include "mop/exchange/stream_queue.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace mop::exchange {

void StreamQueue::push(StreamEvent event) {
  {
    const std::lock_guard lock(mutex_);
    auto* candle = std::get_if<StreamCandle>(&event);
    if (candle != nullptr && std::holds_alternative<market::OpenCandle>(candle->candle)) {
      push_open(std::move(*candle));
    } else {
      if (candle != nullptr) forget_open(candle->series);
      if (std::holds_alternative<StreamDisconnected>(event)) {
        while (!waiting_.empty())
          forget_open(waiting_.front());
      }
      events_.push_back(std::move(event));
    }
  }
  changed_.notify_one();
}

void StreamQueue::push_open(StreamCandle candle) {
  auto& place = open_.at(candle.series);
  if (!place) waiting_.push_back(candle.series);
  place = std::move(candle);
}

void StreamQueue::forget_open(std::size_t series) {
  open_.at(series).reset();
  std::erase(waiting_, series);
}

std::optional<StreamEvent> StreamQueue::next(DurationMillis timeout) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::milliseconds(timeout),
                    [this] { return closed_ || !events_.empty() || !waiting_.empty(); });
  if (!events_.empty()) {
    StreamEvent event = std::move(events_.front());
    events_.pop_front();
    return event;
  }
  if (waiting_.empty()) return std::nullopt;
  const std::size_t series = waiting_.front();
  StreamEvent event = std::move(*open_.at(series));
  forget_open(series);
  return event;
}

void StreamQueue::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
}

}  // namespace mop::exchange
