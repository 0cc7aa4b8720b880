#include "mop/exchange/stream_queue.h"

#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace mop::exchange {
namespace {

StreamCandle closed(std::size_t series, UnixMillis open_time) {
  market::Candle candle;
  candle.open_time = open_time;
  return {series, 0, 0, candle};
}

StreamCandle open(std::size_t series, UnixMillis event_time) {
  return {series, event_time, 0, market::OpenCandle(market::Candle())};
}

// What is in the queue: "c0@5" closed candle of series 0, "o1@7" open candle of series 1, "+", "-", "!".
std::vector<std::string> drain(StreamQueue& queue) {
  std::vector<std::string> seen;
  while (const auto event = queue.next(0)) {
    if (const auto* candle = std::get_if<StreamCandle>(&*event)) {
      const auto* whole = std::get_if<market::Candle>(&candle->candle);
      seen.push_back(fmt::format("{}{}@{}", whole != nullptr ? 'c' : 'o', candle->series,
                                 whole != nullptr ? whole->open_time : candle->event_time));
    } else {
      seen.emplace_back(std::holds_alternative<StreamConnected>(*event)      ? "+"
                        : std::holds_alternative<StreamDisconnected>(*event) ? "-"
                                                                             : "!");
    }
  }
  return seen;
}

using Seen = std::vector<std::string>;

TEST(StreamQueueTest, KeepsEveryClosedCandleAndTheNewsInOrder) {
  StreamQueue queue(2);
  Seen wanted;
  for (int k = 0; k < 10'000; ++k) {
    queue.push(closed(static_cast<std::size_t>(k % 2), k));
    wanted.push_back(fmt::format("c{}@{}", k % 2, k));
  }
  queue.push(StreamDisconnected{"x"});
  queue.push(StreamBlocked{"x"});
  queue.push(StreamConnected{"x"});
  wanted.insert(wanted.end(), {"-", "!", "+"});
  EXPECT_EQ(drain(queue), wanted);
}

TEST(StreamQueueTest, OfOpenCandlesOnlyTheNewestOfASeriesWaits) {
  StreamQueue queue(3);
  for (int k = 0; k < 10'000; ++k)
    queue.push(open(static_cast<std::size_t>(2 - k % 2), k));
  EXPECT_EQ(drain(queue), (Seen{"o2@9998", "o1@9999"})) << "the longest waiting series first";
  queue.push(open(1, 5));
  EXPECT_EQ(drain(queue), (Seen{"o1@5"}));
}

TEST(StreamQueueTest, ACloseOvertakesOpenCandlesAndEndsItsOwn) {
  StreamQueue queue(2);
  queue.push(open(0, 1));
  queue.push(open(1, 1));
  queue.push(closed(0, 9));
  EXPECT_EQ(drain(queue), (Seen{"c0@9", "o1@1"}));
  queue.push(closed(0, 10));
  queue.push(open(0, 2));
  EXPECT_EQ(drain(queue), (Seen{"c0@10", "o0@2"})) << "the next candle comes behind";
}

TEST(StreamQueueTest, OpenCandlesOfALostStreamAreForgotten) {
  StreamQueue queue(2);
  queue.push(open(0, 1));
  queue.push(open(1, 1));
  queue.push(StreamDisconnected{"x"});
  queue.push(open(1, 2));
  EXPECT_EQ(drain(queue), (Seen{"-", "o1@2"}));
}

TEST(StreamQueueTest, AWaitingConsumerIsWokenByAnEventAndByTheEnd) {
  StreamQueue queue(1);
  std::thread producer([&] { queue.push(closed(0, 1)); });
  EXPECT_TRUE(queue.next(kMinute).has_value());
  producer.join();
  queue.push(closed(0, 2));
  std::thread ender([&] { queue.close(); });
  EXPECT_TRUE(queue.next(kMinute).has_value());
  EXPECT_FALSE(queue.next(kMinute).has_value());
  ender.join();
}

}  // namespace
}  // namespace mop::exchange
