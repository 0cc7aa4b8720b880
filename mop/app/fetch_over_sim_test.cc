// What spans the rooms exchange and sim: the real client over real sockets against the simulated exchange.
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "mop/base/clock.h"
#include "mop/exchange/candle_fetcher.h"
#include "mop/exchange/curl_transport.h"
#include "mop/sim/server.h"
#include "mop/sim/synthetic_market.h"

namespace mop::app {
namespace {

using market::Interval;

constexpr UnixMillis kNow = 1'751'328'000'000 + 7 * kMinute + 31 * kSecond;  // 2025-07-01 00:07:31
constexpr DurationMillis kQuarter = 15 * kMinute;
constexpr UnixMillis kRunning = kNow / kQuarter * kQuarter;

// A clock that several threads may read and sleep by; sleeping moves it.
class SharedClock final : public Clock {
 public:
  explicit SharedClock(UnixMillis start) : now_(start) {}
  UnixMillis now() override { return now_.load(); }
  void sleep_for(DurationMillis duration) override { now_ += duration; }
  void set(UnixMillis t) { now_ = t; }

 private:
  std::atomic<UnixMillis> now_;
};

class FetchOverSimTest : public testing::Test {
 protected:
  void start(sim::SimOptions options = {}, double weight_share = 0.8) {
    server = std::make_unique<sim::SimServer>(options, market, clock);
    const auto started = server->start();
    ASSERT_TRUE(started.has_value()) << started.error().message;
    exchange::BinanceOptions client;
    client.base_url = server->url();
    client.weight_share = weight_share;
    rest = std::make_unique<exchange::BinanceRest>(transport, clock, client);
  }
  Result<exchange::FetchedCandles> fetch(const std::string& symbol, const exchange::FetchRange& range) {
    MOP_TRY_ASSIGN(const UnixMillis now, rest->server_time());
    return exchange::fetch_candles(*rest, symbol, Interval::k15m, range, now);
  }

  sim::SyntheticMarket market{{}};
  SharedClock clock{kNow};
  exchange::CurlTransport transport;
  std::unique_ptr<sim::SimServer> server;
  std::unique_ptr<exchange::BinanceRest> rest;
};

TEST_F(FetchOverSimTest, PagesOver3500CandlesWithoutDoubleOrHole) {
  start();
  const auto got = fetch("BTCUSDT", {std::nullopt, 3500});
  ASSERT_TRUE(got.has_value()) << got.error().message;
  ASSERT_EQ(got->candles.size(), 3500u);
  for (std::size_t i = 1; i < got->candles.size(); ++i) {
    ASSERT_EQ(got->candles[i].open_time, got->candles[i - 1].open_time + kQuarter);
  }
  EXPECT_EQ(got->candles.back().open_time, kRunning - kQuarter) << "the open candle is never returned";
  EXPECT_EQ(rest->counters().requests, 1 + 4);
  EXPECT_EQ(rest->counters().weight_used, 1 + 4 * 2);
  EXPECT_EQ(rest->counters().peak_weight, 1 + 4 * 2) << "both sides count alike";
  const auto made =
      market.candles("BTCUSDT", Interval::k15m, {got->candles[0].open_time, kNow, 3500, false}, kNow);
  EXPECT_EQ(got->candles, *made) << "what arrives is what was made, digit for digit";
}

TEST_F(FetchOverSimTest, TheSecondFetchTransfersOnlyWhatIsNew) {
  start();
  const auto first = fetch("ETHUSDT", {});
  ASSERT_TRUE(first.has_value());
  clock.set(kNow + 4 * kQuarter);
  const std::int64_t before = server->requests();
  const UnixMillis since = first->candles.back().open_time - 2 * kQuarter;
  const auto second = fetch("ETHUSDT", {since, 0});
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(server->requests() - before, 2) << "the time and one page";
  EXPECT_EQ(second->rows_received, 3u + 4u);
  EXPECT_EQ(second->candles.front(), first->candles[997]);
  EXPECT_EQ(second->candles.back().open_time, first->candles.back().open_time + 4 * kQuarter);
}

TEST_F(FetchOverSimTest, DeadSymbolsGiveTheirLastCandles) {
  start();
  for (const auto& [symbol, last] :
       {std::pair("MATICUSDT", "2024-09-10 02:45"), {"XMRUSDT", "2024-02-20 02:45"}}) {
    const auto got = fetch(symbol, {});
    ASSERT_TRUE(got.has_value()) << got.error().message;
    EXPECT_EQ(got->candles.size(), 1000u);
    EXPECT_EQ(format_utc(got->candles.back().open_time), last);
  }
  const auto info = rest->exchange_info({"MATICUSDT", "BTCUSDT"});
  ASSERT_TRUE(info.has_value());
  for (const auto& symbol : info->symbols)
    EXPECT_EQ(symbol.trading(), symbol.symbol == "BTCUSDT");
}

TEST_F(FetchOverSimTest, UnknownSymbolsAreTold) {
  start();
  const auto got = fetch("NOPEUSDT", {});
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().code, ErrorCode::kNotFound);
}

TEST_F(FetchOverSimTest, StaysBelowItsShareSoThatNo429Comes) {
  sim::SimOptions options;
  options.api.weight_per_minute = 40;
  start(options, 0.5);
  ASSERT_TRUE(rest->exchange_info({"BTCUSDT"}).has_value());
  const auto got = fetch("BTCUSDT", {std::nullopt, 30'000});
  ASSERT_TRUE(got.has_value()) << got.error().message;
  EXPECT_EQ(got->candles.size(), 30'000u);
  EXPECT_EQ(rest->counters().http_429, 0);
  EXPECT_LE(rest->counters().peak_weight, 20);
  EXPECT_GE(clock.now() - kNow, 3 * kMinute) << "61 of weight at 20 a minute";
}

TEST_F(FetchOverSimTest, ATooGreedyClientIsHeldBackByThe429AndFinishes) {
  sim::SimOptions options;
  options.api.weight_per_minute = 20;  // the client believes in 6000
  start(options);
  const auto got = fetch("BTCUSDT", {std::nullopt, 30'000});
  ASSERT_TRUE(got.has_value()) << got.error().message;
  EXPECT_EQ(got->candles.size(), 30'000u);
  EXPECT_GE(rest->counters().http_429, 2);
  EXPECT_EQ(rest->counters().http_418, 0) << "who waits as told is never banned";
}

TEST_F(FetchOverSimTest, ManyWorkersShareOneClient) {
  start();
  const std::vector<std::string> symbols{"BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT"};
  std::vector<Result<exchange::FetchedCandles>> got(symbols.size());
  std::vector<std::thread> workers;
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    workers.emplace_back([&, i] { got[i] = fetch(symbols[i], {}); });
  }
  for (auto& worker : workers)
    worker.join();
  for (const auto& one : got) {
    ASSERT_TRUE(one.has_value()) << one.error().message;
    EXPECT_EQ(one->candles.size(), 1000u);
  }
  EXPECT_EQ(rest->counters().requests, 8);
}

}  // namespace
}  // namespace mop::app
