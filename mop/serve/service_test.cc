#include "mop/serve/service.h"

#include <filesystem>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "mop/base/fs.h"
#include "mop/features/sigma.h"
#include "mop/serve/schema.h"
#include "mop/serve/test_models.h"

namespace mop::serve {
namespace {

constexpr DurationMillis kQuarter = 15 * kMinute;

market::Candle exact(const features::CandleValues& v, Interval interval) {
  const auto decimal = [](double x) { return market::Decimal::parse(fmt::format("{}", x)).value(); };
  market::Candle c;
  c.open_time = v.close_time + 1 - market::length_of(interval);
  c.close_time = v.close_time;
  c.open = decimal(v.open);
  c.high = decimal(v.high);
  c.low = decimal(v.low);
  c.close = decimal(v.close);
  c.volume = decimal(v.volume);
  return c;
}

class ServiceTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    all_ = new std::vector<CandleSeries>(market_candles());
    files_ = new std::vector<ModelFile>(trained(*all_));
    instants_ = new std::map<UnixMillis, std::vector<LiveCandle>>(instants(*all_));
  }
  static void TearDownTestSuite() {
    delete all_;
    delete files_;
    delete instants_;
  }
  void SetUp() override {
    const auto* const test = testing::UnitTest::GetInstance()->current_test_info();
    dir_ = fmt::format("{}mop_service_{}", testing::TempDir(), test->name());
    std::filesystem::remove_all(dir_);
    std::filesystem::create_directories(dir_);
    store_ = std::make_unique<store::CandleStore>(dir_ + "/raw", fs_, clock_);
    for (const CandleSeries& s : *all_) {  // what was collected before the service starts
      std::vector<market::Candle> candles;
      for (std::size_t t = 0; t < s.size() && s.close_time(t) <= start(); ++t)
        candles.push_back(exact(features::candle_values(s, t), s.interval));
      ASSERT_TRUE(store_->merge(s.symbol, s.interval, candles, "binance").has_value());
    }
    database_ =
        std::make_unique<store::Database>(open_database(dir_ + "/mop.db", store::Access::kWrite).value());
    ledger_ = std::make_unique<Ledger>(Ledger::open(*database_).value());
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  // The close of the hour before which everything is stored.
  static UnixMillis start() { return all_->front().close_time(1090 * 4 + 3); }
  static ModelHost host() {
    ModelHost host(2);
    for (const ModelFile& file : *files_)
      EXPECT_TRUE(host.add(file).has_value());
    return host;
  }
  std::unique_ptr<Service> service(UnixMillis now) {
    auto made = std::make_unique<Service>(*store_, *ledger_, ServiceOptions{2});
    EXPECT_TRUE(made->use(host()).has_value());
    const auto replayed = made->replay(now);
    EXPECT_TRUE(replayed.has_value()) << (replayed ? "" : replayed.error().message);
    return made;
  }
  // Everything due by now, settled.
  static std::vector<HandledClose> run(Service& service, UnixMillis now) {
    std::vector<HandledClose> closes;
    for (;;) {
      auto handled = service.handle(now);
      EXPECT_TRUE(handled.has_value()) << (handled ? "" : handled.error().message);
      if (!handled || !*handled) break;
      closes.push_back(std::move(**handled));
    }
    const auto settled = service.settle(now);
    EXPECT_TRUE(settled.has_value()) << (settled ? "" : settled.error().message);
    return closes;
  }
  static void offer(Service& service, UnixMillis close_time, const store::SeriesKey* but = nullptr) {
    for (const LiveCandle& c : instants_->at(close_time)) {
      if (but == nullptr || !(c.series == *but)) service.offer(c.series, exact(c.values, c.series.interval));
    }
  }
  void expect_sound() {
    const LedgerReport report = ledger_->verify().value();
    EXPECT_TRUE(report.problems.empty()) << report.problems[0].what;
  }
  std::map<std::pair<std::string, UnixMillis>, ForecastRow> rows() {
    std::map<std::pair<std::string, UnixMillis>, ForecastRow> all;
    const auto keys = ledger_->series().value();
    for (const store::SeriesKey& key : keys) {
      const Ledger::Visit add = [&](std::int64_t, const ForecastRow& row) -> Result<void> {
        all[{key.symbol + std::string(market::to_string(key.interval)), row.as_of}] = row;
        return {};
      };
      EXPECT_TRUE(ledger_->visit(key.symbol, key.interval, 0, INT64_MAX, add).has_value());
    }
    return all;
  }

  static std::vector<CandleSeries>* all_;
  static std::vector<ModelFile>* files_;
  static std::map<UnixMillis, std::vector<LiveCandle>>* instants_;
  std::string dir_;
  PosixFs fs_;
  ManualClock clock_{1800000000000};
  std::unique_ptr<store::CandleStore> store_;
  std::unique_ptr<store::Database> database_;
  std::unique_ptr<Ledger> ledger_;
};
std::vector<CandleSeries>* ServiceTest::all_ = nullptr;
std::vector<ModelFile>* ServiceTest::files_ = nullptr;
std::map<UnixMillis, std::vector<LiveCandle>>* ServiceTest::instants_ = nullptr;

TEST_F(ServiceTest, EveryCloseOfEverySeriesIsForecastOnceAndScored) {
  auto live = service(start() + kSecond);
  std::size_t forecasts = 0;
  for (int quarter = 0; quarter <= 16; ++quarter) {
    const UnixMillis at = start() + quarter * kQuarter;
    if (quarter > 0) offer(*live, at);
    const auto closes = run(*live, at + kSecond);
    ASSERT_EQ(closes.size(), 1u);
    EXPECT_EQ(closes[0].close_time, at);
    EXPECT_EQ(closes[0].forecasts.size(), quarter % 4 == 0 ? 4u : 2u);
    EXPECT_TRUE(closes[0].missed.empty());
    forecasts += closes[0].forecasts.size();
  }
  EXPECT_EQ(rows().size(), forecasts);
  expect_sound();
  for (const char* coin : {"BTCUSDT", "ETHUSDT"}) {
    EXPECT_EQ(ledger_->live_scores(coin, Interval::k15m, 100)->n, 16u);
    EXPECT_EQ(ledger_->live_scores(coin, Interval::k1h, 100)->n, 4u);
  }
}

// The rows are what a host says that follows the same candles: champions differ from series to series.
TEST_F(ServiceTest, TheRowsAreTheChampionsForecasts) {
  auto live = service(start() + kSecond);
  run(*live, start() + kSecond);
  ModelHost other = host();
  std::vector<ModelForecast> made;
  for (const auto& [at, candles] : *instants_) {
    if (at > start()) break;
    other.advance(at, candles);
    made = other.forecast();
  }
  const auto in_ledger = rows();
  ASSERT_EQ(in_ledger.size(), 4u);
  for (const auto& [key, row] : in_ledger) {
    const auto mine = std::ranges::find_if(made, [&](const ModelForecast& f) {
      return f.series.symbol == row.symbol && f.series.interval == row.interval &&
             other.model(f.model).id() == row.model_id;
    });
    ASSERT_NE(mine, made.end());
    EXPECT_EQ(row.input_hash, mine->input_hash);
    EXPECT_EQ(row.sigma, mine->sigma);
    const bool baseline = row.champion == "har" || row.champion == "ewma";
    EXPECT_EQ(row.z, !baseline ? mine->z : row.champion == "har" ? mine->har.z : mine->ewma.z);
    EXPECT_EQ(row.har_scale, mine->har_scale);
    EXPECT_FALSE(row.reason.empty());
  }
}

// Eight candles of one series never come. From the ninth on it is forecast again, by EWMA with the volatility
// from before: what a host says that saw the same candles.
TEST_F(ServiceTest, BehindAHoleABaselineForecastsAtOnce) {
  const store::SeriesKey eth{"ETHUSDT", Interval::k15m};
  auto live = service(start() + kSecond);
  run(*live, start() + kSecond);
  ModelHost other = host();
  for (const auto& [at, candles] : *instants_) {
    if (at <= start()) other.advance(at, candles);
  }
  features::EwmaVolatility volatility = features::EwmaVolatility::make(96).value();
  const CandleSeries candles = find(*all_, eth.symbol, eth.interval);
  std::size_t t = 0;
  for (; candles.close_time(t) <= start(); ++t) {
    if (t > 0 && candles.open_time[t] != candles.open_time[t - 1] + kQuarter) volatility.skip_hole();
    volatility.push(candles.close[t]);
  }
  volatility.skip_hole();
  t += 8;
  std::size_t over_hole = 0, missed = 0;
  for (int quarter = 1; quarter <= 12; ++quarter) {
    const UnixMillis at = start() + quarter * kQuarter;
    const bool hole = quarter <= 8;
    offer(*live, at, hole ? &eth : nullptr);
    const auto closes = run(*live, at + 10 * kSecond);
    ASSERT_EQ(closes.size(), 1u);
    missed += closes[0].missed.size();
    std::vector<LiveCandle> seen = instants_->at(at);
    std::erase_if(seen, [&](const LiveCandle& c) { return hole && c.series == eth; });
    other.advance(at, seen);
    for (const ForecastRow& row : closes[0].forecasts) {
      if (row.symbol != "ETHUSDT" || row.interval != Interval::k15m) continue;
      ++over_hole;
      const ModelForecast mine = other.forecast_over_hole(1, 0).value();
      EXPECT_EQ(row.champion, "ewma");
      EXPECT_NE(row.reason.find(fmt::format("the {} in a row", quarter - 8)), std::string::npos)
          << row.reason;
      EXPECT_EQ(row.sigma, volatility.push(candles.close[t++]));
      EXPECT_EQ(row.z, other.model(1).branches[0].baselines.ewma_z);
      EXPECT_EQ(row.p_up, mine.ewma.p_up);
      EXPECT_EQ(row.input_hash, mine.input_hash);
      EXPECT_TRUE(row.har_scale.empty());
      EXPECT_FALSE(row.log_range.has_value());
    }
  }
  EXPECT_EQ(over_hole, 4u);
  EXPECT_EQ(missed, 8u);
  expect_sound();
  const LiveScores scores = ledger_->live_scores("ETHUSDT", Interval::k15m, 100).value();
  EXPECT_EQ(scores.n, 3u);
  EXPECT_EQ(scores.pinball_har, scores.pinball_ewma);
}

// One candle of a series that was never seen before is too little even for that.
TEST_F(ServiceTest, WithoutADayOfCandlesNothingIsForecast) {
  ModelHost fresh = host();
  const LiveCandle first = instants_->begin()->second.front();
  fresh.advance(instants_->begin()->first, {&first, 1});
  EXPECT_FALSE(fresh.forecast_over_hole(0, 0).has_value());
}

TEST_F(ServiceTest, ClosesWhileItDidNotRunAreMissedAndTheNewestIsForecastWhenItIsTime) {
  auto live = service(start() + kSecond);
  run(*live, start() + kSecond);
  live.reset();
  Service collector(*store_, *ledger_, {});  // candles of the outage reach the store another way
  ASSERT_TRUE(collector.use(host()).has_value());
  ASSERT_TRUE(collector.replay(start()).has_value());
  for (int quarter = 1; quarter <= 6; ++quarter)
    offer(collector, start() + quarter * kQuarter);
  ASSERT_TRUE(collector.settle(start()).has_value());

  const UnixMillis now = start() + 6 * kQuarter + 5 * kMinute;
  live = service(now);
  const auto closes = run(*live, now);
  ASSERT_EQ(closes.size(), 1u);
  EXPECT_EQ(closes[0].forecasts.size(), 2u);  // of 15m; the hour's candle ended half an hour ago
  EXPECT_EQ(closes[0].missed.size(), 2u * 5);
  for (const MissedRow& m : closes[0].missed)
    EXPECT_FALSE(m.reason.empty());
  expect_sound();
  // What was forecast before is scored by the candles that came meanwhile.
  EXPECT_EQ(ledger_->live_scores("BTCUSDT", Interval::k15m, 100)->n, 1u);
  EXPECT_EQ(ledger_->live_scores("BTCUSDT", Interval::k1h, 100)->n, 1u);
  // The next hour is forecast again, the one in between was missed.
  for (int quarter = 7; quarter <= 8; ++quarter) {
    offer(*live, start() + quarter * kQuarter);
    run(*live, start() + quarter * kQuarter + kSecond);
  }
  expect_sound();
}

TEST_F(ServiceTest, ARestartBetweenTwoClosesForecastsNothingTwice) {
  auto live = service(start() + kSecond);
  run(*live, start() + kSecond);
  live = service(start() + kMinute);
  const auto closes = run(*live, start() + kMinute);
  ASSERT_EQ(closes.size(), 1u);
  EXPECT_TRUE(closes[0].forecasts.empty());
  EXPECT_TRUE(closes[0].missed.empty());
  EXPECT_EQ(rows().size(), 4u);
}

// Time that had passed when the candles came: what the next candle has shown already is not "forecast".
TEST_F(ServiceTest, NothingIsForecastAfterTheFact) {
  auto live = service(start() + kSecond);
  run(*live, start() + kSecond);
  for (int quarter = 1; quarter <= 3; ++quarter)
    offer(*live, start() + quarter * kQuarter);
  const auto closes = run(*live, start() + 3 * kQuarter + kMinute);
  ASSERT_EQ(closes.size(), 3u);
  for (int quarter = 0; quarter < 3; ++quarter) {
    EXPECT_EQ(closes[static_cast<std::size_t>(quarter)].forecasts.size(), quarter == 2 ? 2u : 0u);
    EXPECT_EQ(closes[static_cast<std::size_t>(quarter)].missed.size(), quarter == 2 ? 0u : 2u);
  }
  expect_sound();
}

// Somebody else keeps the database locked through two closes.
TEST_F(ServiceTest, WhatCannotBeWrittenIsTriedAgainUntilItIsTooLate) {
  auto live = service(start() + kSecond);
  run(*live, start() + kSecond);
  auto other = open_database(dir_ + "/mop.db", store::Access::kWrite).value();
  ASSERT_TRUE(database_->execute("PRAGMA busy_timeout = 1").has_value());
  offer(*live, start() + kQuarter);
  offer(*live, start() + 2 * kQuarter);
  {
    auto lock = store::Transaction::begin(other);
    ASSERT_TRUE(lock.has_value());
    EXPECT_FALSE(live->handle(start() + kQuarter + kSecond).has_value());
    EXPECT_FALSE(live->handle(start() + 2 * kQuarter - kMinute).has_value());
    EXPECT_FALSE(live->handle(start() + 2 * kQuarter + kSecond).has_value());
  }
  const UnixMillis freed = start() + 2 * kQuarter + kMinute;
  const auto closes = run(*live, freed);
  ASSERT_EQ(closes.size(), 2u);
  EXPECT_EQ(closes[0].missed.size(), 2u);
  EXPECT_EQ(closes[0].missed[0].reason, "the candle it speaks of had closed before it was written");
  ASSERT_EQ(closes[1].forecasts.size(), 2u);
  EXPECT_EQ(closes[1].forecasts[0].made_at, freed);
  expect_sound();
}

// A candle that comes after its close was passed: from then on forecasts are as if it had come in time.
TEST_F(ServiceTest, ALateCandleIsMadeGood) {
  auto punctual = service(start() + kSecond);
  run(*punctual, start() + kSecond);
  std::vector<std::vector<ForecastRow>> wanted;
  for (int quarter = 1; quarter <= 4; ++quarter) {
    offer(*punctual, start() + quarter * kQuarter);
    wanted.push_back(run(*punctual, start() + quarter * kQuarter + kSecond)[0].forecasts);
  }
  punctual.reset();
  TearDown();
  SetUp();
  auto live = service(start() + kSecond);
  run(*live, start() + kSecond);
  const store::SeriesKey eth{"ETHUSDT", Interval::k15m};
  offer(*live, start() + kQuarter, &eth);
  EXPECT_TRUE(run(*live, start() + kQuarter + kSecond).empty());
  EXPECT_EQ(live->overdue(start() + kQuarter + 4 * kSecond), std::vector{eth});
  const auto without = run(*live, start() + kQuarter + 7 * kSecond);
  ASSERT_EQ(without.size(), 1u);
  EXPECT_EQ(without[0].forecasts.size(), 1u);
  ASSERT_EQ(without[0].missed.size(), 1u);
  EXPECT_EQ(without[0].missed[0].reason, "its candle did not come in time");

  offer(*live, start() + kQuarter);  // BTC's again does no harm
  run(*live, start() + kQuarter + kMinute);
  EXPECT_EQ(live->late_candles(), 1);
  for (int quarter = 2; quarter <= 4; ++quarter) {
    offer(*live, start() + quarter * kQuarter);
    const auto closes = run(*live, start() + quarter * kQuarter + kSecond);
    ASSERT_EQ(closes.size(), 1u);
    ASSERT_EQ(closes[0].forecasts.size(), wanted[static_cast<std::size_t>(quarter) - 1].size());
    for (std::size_t i = 0; i < closes[0].forecasts.size(); ++i) {
      EXPECT_EQ(closes[0].forecasts[i].z, wanted[static_cast<std::size_t>(quarter) - 1][i].z);
      EXPECT_EQ(closes[0].forecasts[i].input_hash,
                wanted[static_cast<std::size_t>(quarter) - 1][i].input_hash);
    }
  }
  expect_sound();
}

TEST_F(ServiceTest, ADemotedBaselineGivesWayToHarToo) {
  ModelFile file = files_->front();
  file.model.branches[0].champion = "ewma";
  ModelHost host(1);
  ASSERT_TRUE(host.add(file).has_value());
  const Candidate candidates[] = {{0, 0}};
  const Champion before = choose_champion(host, candidates, {0, kDay, std::nullopt});
  EXPECT_EQ(before.name, "ewma");
  EXPECT_FALSE(before.gave_way);
  const Champion after = choose_champion(host, candidates, {0, kDay, "ewma was worse than har"});
  EXPECT_EQ(after.name, "har");
  EXPECT_EQ(after.reason, "ewma was worse than har");
  EXPECT_TRUE(after.gave_way);
}

TEST_F(ServiceTest, AnExpiredModelGivesWayToHar) {
  Service old(*store_, *ledger_, {2, 3 * kSecond, kDay});
  ASSERT_TRUE(old.use(host()).has_value());
  ASSERT_TRUE(old.replay(start() + kSecond).has_value());
  run(old, start() + kSecond);
  std::size_t expired = 0;
  for (const auto& [key, row] : rows()) {
    EXPECT_TRUE(row.champion == "har" || row.champion == "ewma") << row.champion;
    expired += row.reason.find("expired") != std::string::npos ? 1 : 0;
  }
  EXPECT_GT(expired, 0u);
  old.expire_after(3650 * kDay);  // as a reload of the settings does
  offer(old, start() + kQuarter);
  const auto closes = run(old, start() + kQuarter + kSecond);
  ASSERT_EQ(closes.size(), 1u);
  for (const ForecastRow& row : closes[0].forecasts)
    EXPECT_EQ(row.reason.find("expired"), std::string::npos) << row.reason;
}

}  // namespace
}  // namespace mop::serve
