#include "mop/sim/synthetic_market.h"

#include <array>
#include <cmath>
#include <numeric>
#include <thread>

#include <gtest/gtest.h>

#include "mop/market/symbol.h"

namespace mop::sim {
namespace {

using market::Candle;
using market::Interval;

constexpr UnixMillis kNow = 1'751'328'000'000 + 7 * kMinute;  // 2025-07-01 00:07
constexpr std::size_t kAll = 1'000'000;

std::vector<Candle> all_candles(SyntheticMarket& m, std::string_view symbol, Interval interval,
                                UnixMillis now = kNow) {
  auto got = m.candles(symbol, interval, {0, now, kAll, false}, now);
  EXPECT_TRUE(got.has_value());
  return *got;
}

std::vector<Candle> closed_candles(SyntheticMarket& m, std::string_view symbol, Interval interval) {
  auto candles = all_candles(m, symbol, interval);
  if (candles.back().close_time >= kNow) candles.pop_back();
  return candles;
}

std::vector<double> log_returns(const std::vector<Candle>& candles) {
  std::vector<double> r;
  for (std::size_t i = 1; i < candles.size(); ++i) {
    r.push_back(std::log(candles[i].close.value() / candles[i - 1].close.value()));
  }
  return r;
}

double mean(const std::vector<double>& x) {
  return std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
}

double correlation(const std::vector<double>& a, const std::vector<double>& b, std::size_t lag = 0) {
  const double ma = mean(a), mb = mean(b);
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (i + lag < b.size()) ab += (a[i] - ma) * (b[i + lag] - mb);
    aa += (a[i] - ma) * (a[i] - ma);
    bb += (b[i] - mb) * (b[i] - mb);
  }
  return ab / std::sqrt(aa * bb);
}

std::vector<double> absolute(std::vector<double> x) {
  for (double& v : x)
    v = std::abs(v);
  return x;
}

constexpr std::array kKinds{MarketKind::kWalk, MarketKind::kPlanted, MarketKind::kNoiseFree,
                            MarketKind::kRealistic};

TEST(SyntheticMarketTest, EveryCandleOfEveryCoinAndKindIsValidAndOnTheTick) {
  for (const MarketKind kind : kKinds) {
    SyntheticMarket m({kind, 3, 1'743'465'600'000});  // 2025-04-01
    for (const market::Symbol& symbol : market::all_symbols()) {
      if (symbol.ended) continue;
      for (const Interval interval : market::kIntervals) {
        const auto got = m.candles(symbol.name, interval, {0, kNow, 3000, true}, kNow);
        ASSERT_TRUE(got.has_value()) << got.error().message;
        ASSERT_GT(got->size(), 1000u) << symbol.name;
        for (std::size_t i = 0; i < got->size(); ++i) {
          const Candle& c = (*got)[i];
          const auto valid = market::validate(c, interval);
          ASSERT_TRUE(valid.has_value()) << symbol.name << ": " << valid.error().message;
          ASSERT_TRUE(i == 0 || c.open_time == (*got)[i - 1].open_time + market::length_of(interval));
          ASSERT_TRUE(i == 0 || c.open == (*got)[i - 1].close);
          ASSERT_LE(c.taker_buy_base.value(), c.volume.value());
          const double ticks = c.close.value() / symbol.tick_size;
          ASSERT_NEAR(ticks, std::round(ticks), 1e-6 * ticks) << symbol.name;
        }
      }
    }
  }
}

TEST(SyntheticMarketTest, HourIsTheSumOfItsFourQuarters) {
  SyntheticMarket m({MarketKind::kRealistic, 1});
  const auto quarters = closed_candles(m, "SHIBUSDT", Interval::k15m),
             hours = closed_candles(m, "SHIBUSDT", Interval::k1h);
  for (std::size_t h = 0; h < hours.size(); ++h) {
    double high = 0, low = 1e9, volume = 0;
    std::int64_t trades = 0;
    for (std::size_t q = 4 * h; q < 4 * h + 4; ++q) {
      high = std::max(high, quarters[q].high.value());
      low = std::min(low, quarters[q].low.value());
      volume += quarters[q].volume.value();
      trades += quarters[q].trades;
    }
    ASSERT_EQ(hours[h].open_time, quarters[4 * h].open_time);
    ASSERT_EQ(hours[h].open, quarters[4 * h].open);
    ASSERT_EQ(hours[h].close, quarters[4 * h + 3].close);
    ASSERT_EQ(hours[h].high.value(), high);
    ASSERT_EQ(hours[h].low.value(), low);
    ASSERT_EQ(hours[h].volume.value(), volume) << "whole SHIB: the sum is exact";
    ASSERT_EQ(hours[h].trades, trades);
  }
}

TEST(SyntheticMarketTest, SameSeedSameCandlesHoweverTheyAreAskedFor) {
  SyntheticMarket a({MarketKind::kRealistic, 5}), b({MarketKind::kRealistic, 5}),
      c({MarketKind::kRealistic, 6});
  const auto whole = closed_candles(a, "ETHUSDT", Interval::k15m);
  const UnixMillis early = kNow - 100 * kDay;
  (void)b.candles("BTCUSDT", Interval::k1h, {0, early, 10, true}, early);  // another coin and time first
  const auto before = all_candles(b, "ETHUSDT", Interval::k15m, early);
  for (std::size_t i = 0; i + 1 < before.size(); ++i)
    ASSERT_EQ(before[i], whole[i]);
  EXPECT_EQ(closed_candles(b, "ETHUSDT", Interval::k15m), whole);
  EXPECT_NE(closed_candles(c, "ETHUSDT", Interval::k15m), whole);
}

TEST(SyntheticMarketTest, NumbersHaveEightPlacesLikeTheRealOnes) {
  SyntheticMarket m({});
  for (const char* symbol : {"BTCUSDT", "PEPEUSDT"}) {
    const Candle c = closed_candles(m, symbol, Interval::k1h).back();
    for (const auto& number : {c.open, c.high, c.low, c.close, c.volume, c.quote_volume, c.taker_buy_base}) {
      EXPECT_EQ(number.text().size() - number.text().find('.'), 9u) << number.text();
    }
  }
}

TEST(SyntheticMarketTest, TheRunningCandleGrowsIntoTheClosedOne) {
  SyntheticMarket m({MarketKind::kRealistic, 2});
  for (const Interval interval : market::kIntervals) {
    const UnixMillis open_time = kNow / market::length_of(interval) * market::length_of(interval);
    const DurationMillis length = market::length_of(interval);
    const auto at = [&](UnixMillis now) {
      return m.candles("BTCUSDT", interval, {open_time, open_time, 1, false}, now).value().front();
    };
    const Candle closed = at(open_time + length);
    Candle previous = at(open_time);
    EXPECT_EQ(previous.open, closed.open);
    EXPECT_EQ(previous.trades, 0);
    std::size_t changes = 0;
    for (UnixMillis now = open_time; now < open_time + length; now += kMinute) {
      const Candle c = at(now);
      EXPECT_TRUE(market::validate(c, interval).has_value());
      EXPECT_GE(c.high.value(), previous.high.value());
      EXPECT_LE(c.low.value(), previous.low.value());
      EXPECT_GE(c.volume.value(), previous.volume.value());
      EXPECT_LE(c.high.value(), closed.high.value());
      EXPECT_GE(c.low.value(), closed.low.value());
      EXPECT_LE(c.volume.value(), closed.volume.value());
      changes += c == previous ? 0u : 1u;
      previous = c;
    }
    EXPECT_GT(changes, 5u);
  }
}

TEST(SyntheticMarketTest, NothingOpensAfterNow) {
  SyntheticMarket m({});
  const auto got = m.candles("BTCUSDT", Interval::k15m, {kNow - kHour, kNow + kDay, 1000, false}, kNow);
  EXPECT_EQ(got->back().open_time, kNow / (15 * kMinute) * (15 * kMinute));
  EXPECT_TRUE(m.candles("BTCUSDT", Interval::k15m, {kNow + 1, kNow + kDay, 1000, false}, kNow)->empty());
  EXPECT_EQ(m.candles("NOPEUSDT", Interval::k15m, {}, kNow).error().code, ErrorCode::kNotFound);
}

TEST(SyntheticMarketTest, DeadCoinsEndAndSuccessorsBegin) {
  SyntheticMarket m({});
  std::size_t dead = 0;
  for (const Listing& listing : m.listings(kNow))
    dead += listing.trading ? 0u : 1u;
  EXPECT_EQ(dead, 2u);
  const auto matic = all_candles(m, "MATICUSDT", Interval::k1h),
             pol = all_candles(m, "POLUSDT", Interval::k1h);
  EXPECT_EQ(format_utc(matic.back().open_time), "2024-09-10 02:00");
  EXPECT_EQ(format_utc(pol.front().open_time), "2024-09-13 10:00");
}

TEST(SyntheticMarketTest, WalkHasNothingToForecast) {
  SyntheticMarket m({MarketKind::kWalk, 11});
  const auto r = log_returns(closed_candles(m, "BTCUSDT", Interval::k15m));
  const double limit = 3.5 / std::sqrt(static_cast<double>(r.size()));
  for (const std::size_t lag : {1u, 2u, 4u, 96u}) {
    EXPECT_LT(std::abs(correlation(r, r, lag)), limit) << lag;
    EXPECT_LT(std::abs(correlation(absolute(r), absolute(r), lag)), limit) << lag;
  }
}

TEST(SyntheticMarketTest, PlantedSignalExplainsTwoPercent) {
  SyntheticMarket m({MarketKind::kPlanted, 11});
  const auto r = log_returns(closed_candles(m, "ETHUSDT", Interval::k15m));
  const double c = correlation(r, r, 1);
  EXPECT_NEAR(c, kPlantedCoefficient, 0.015);
  EXPECT_NEAR(kPlantedCoefficient * kPlantedCoefficient, 0.02, 1e-12);
  EXPECT_NEAR(correlation(r, r, 2), c * c, 0.015) << "and nothing more";
}

TEST(SyntheticMarketTest, NoiseFreeMarketMovesLikeBitcoinAndIsARecurrence) {
  SyntheticMarket m({MarketKind::kNoiseFree, 4});
  const auto candles = closed_candles(m, "BTCUSDT", Interval::k15m);
  const auto r = log_returns(candles);
  EXPECT_NEAR(mean(absolute(r)), 0.0013, 0.0001);
  // Three sinusoids obey one linear recurrence of six steps; its coefficients follow from the periods alone.
  std::vector<double> filter{1.0};
  for (const double period : {61.803398875, 147.112767430, 389.564393242}) {
    const double twice_cosine = 2.0 * std::cos(2.0 * M_PI / period);
    std::vector<double> next(filter.size() + 2, 0.0);
    for (std::size_t i = 0; i < filter.size(); ++i) {
      next[i] += filter[i];
      next[i + 1] -= twice_cosine * filter[i];
      next[i + 2] += filter[i];
    }
    filter = next;
  }
  double worst = 0;
  for (std::size_t t = 6; t < r.size(); ++t) {
    double left = 0;
    for (std::size_t k = 0; k < filter.size(); ++k)
      left += filter[k] * r[t - k];
    worst = std::max(worst, std::abs(left));
  }
  EXPECT_LT(worst, 2e-5) << "only the rounding to ticks is left, amplified by the recurrence";
}

TEST(SyntheticMarketTest, RealisticMarketHasTheFactsOfTradedCoins) {
  SyntheticMarket m({MarketKind::kRealistic, 1});
  const auto btc = log_returns(closed_candles(m, "BTCUSDT", Interval::k15m));
  const auto eth = log_returns(closed_candles(m, "ETHUSDT", Interval::k15m));
  std::vector<double> signs;
  for (const double x : btc)
    signs.push_back(x > 0 ? 1.0 : x < 0 ? -1.0 : 0.0);
  const double limit = 3.5 / std::sqrt(static_cast<double>(btc.size()));
  for (const std::size_t lag : {1u, 2u, 4u, 96u}) {
    EXPECT_LT(std::abs(correlation(signs, signs, lag)), limit) << "no direction to find, lag " << lag;
  }
  EXPECT_GT(correlation(absolute(btc), absolute(btc), 1), 0.15) << "volatility clusters";
  EXPECT_GT(correlation(absolute(btc), absolute(btc), 96), 0.05) << "and remembers for days";
  double fourth = 0, second = 0;
  for (const double x : btc) {
    second += x * x;
    fourth += x * x * x * x;
  }
  const auto n = static_cast<double>(btc.size());
  EXPECT_GT(fourth / n / (second / n * second / n), 5.0) << "fat tails";
  EXPECT_NEAR(std::sqrt(second / n * 96.0), 0.024, 0.008) << "BTC moves about 2.4 % a day";
  EXPECT_GT(correlation(btc, eth), 0.35) << "coins move together";
}

TEST(SyntheticMarketTest, AFleetIsReadInParallelWithEqualResults) {
  SyntheticMarket parallel({MarketKind::kRealistic, 9}), serial({MarketKind::kRealistic, 9});
  std::vector<std::vector<Candle>> got(4);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < got.size(); ++t) {
    threads.emplace_back([&, t] {
      const char* symbol = t % 2 == 0 ? "BTCUSDT" : "ETHUSDT";
      got[t] = parallel.candles(symbol, Interval::k15m, {0, kNow, 2000, true}, kNow).value();
    });
  }
  for (auto& thread : threads)
    thread.join();
  const auto btc = serial.candles("BTCUSDT", Interval::k15m, {0, kNow, 2000, true}, kNow).value();
  EXPECT_EQ(got[0], btc);
  EXPECT_EQ(got[2], btc);
  EXPECT_EQ(got[1], got[3]);
}

TEST(SyntheticMarketTest, KindsHaveNames) {
  for (const MarketKind kind : kKinds)
    EXPECT_EQ(parse_market_kind(to_string(kind)).value(), kind);
  EXPECT_EQ(parse_market_kind("Realistic").error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace mop::sim
