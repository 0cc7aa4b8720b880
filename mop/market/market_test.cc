#include <cmath>
#include <set>

#include <gtest/gtest.h>

#include "mop/market/candle.h"
#include "mop/market/candle_series.h"
#include "mop/market/decimal.h"
#include "mop/market/symbol.h"

namespace mop::market {
namespace {

TEST(SymbolTest, FleetIsFiveGroupsOfFive) {
  ASSERT_EQ(fleet_symbols().size(), 25u);
  EXPECT_EQ(all_symbols().size(), 26u);
  for (const char* group : {"@major", "@layer1", "@layer1-other", "@layer2-new", "@meme-utility"}) {
    EXPECT_EQ(parse_symbols(group).value().size(), 5u) << group;
  }
  std::set<std::string_view> names;
  for (const Symbol& s : all_symbols()) {
    names.insert(s.name);
    EXPECT_GT(s.tick_size, 0.0) << s.name;
  }
  EXPECT_EQ(names.size(), 26u);
}

TEST(SymbolTest, DeadCoinsEndWhenBinanceEndedThem) {
  const Symbol matic = find_symbol("MATICUSDT").value();
  EXPECT_EQ(format_utc(*matic.ended), "2024-09-10 03:00");
  EXPECT_EQ(matic.successor, "POLUSDT");
  const Symbol pol = find_symbol("POLUSDT").value();
  EXPECT_EQ(format_utc(*pol.began), "2024-09-13 10:00");
  EXPECT_EQ(pol.group, Group::kSuccessor);
  EXPECT_EQ(format_utc(*find_symbol("XMRUSDT").value().ended), "2024-02-20 03:00");
  EXPECT_FALSE(find_symbol("BTCUSDT").value().ended.has_value());
}

TEST(SymbolTest, UnknownNameSuggestsTheNearest) {
  const std::pair<const char*, const char*> cases[] = {{"BTCUSD", "BTCUSDT"},    {"btcusdt", "BTCUSDT"},
                                                       {"sol", "SOLUSDT"},       {"ETH/USDT", "ETHUSDT"},
                                                       {"LINKUSDC", "LINKUSDT"}, {"pol", "POLUSDT"}};
  for (const auto& [typed, meant] : cases) {
    const auto found = find_symbol(typed);
    ASSERT_FALSE(found.has_value()) << typed;
    EXPECT_EQ(found.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(found.error().message.find(std::string("did you mean ") + meant + "?"), std::string::npos)
        << found.error().message;
  }
  EXPECT_FALSE(find_symbol("").has_value());
}

TEST(SymbolTest, SelectorsMixAndKeepTheirOrderWithoutRepeats) {
  const auto chosen = parse_symbols("ETHUSDT, @major,POLUSDT,ETHUSDT").value();
  ASSERT_EQ(chosen.size(), 6u);
  EXPECT_EQ(chosen[0].name, "ETHUSDT");
  EXPECT_EQ(chosen[1].name, "BTCUSDT");
  EXPECT_EQ(chosen[5].name, "POLUSDT");
  EXPECT_EQ(parse_symbols("all").value().size(), 25u);
  for (const char* bad : {"", "BTCUSDT,", "@minor", "@successor", "all,NOSUCH"}) {
    EXPECT_FALSE(parse_symbols(bad).has_value()) << bad;
  }
}

TEST(IntervalTest, OnlyBinancesSpellings) {
  EXPECT_EQ(parse_interval("15m").value(), Interval::k15m);
  EXPECT_EQ(parse_interval("1h").value(), Interval::k1h);
  for (const char* bad : {"", "1H", "60m", "5m"})
    EXPECT_FALSE(parse_interval(bad).has_value()) << bad;
  EXPECT_EQ(candles_per_day(Interval::k15m), 96u);
}

TEST(DecimalTest, KeepsTheTextAndComparesTheNumber) {
  const Decimal padded = Decimal::parse("42488.00000000").value();
  EXPECT_EQ(padded.text(), "42488.00000000");
  EXPECT_EQ(padded.canonical(), "42488");
  EXPECT_EQ(padded.value(), 42488.0);
  EXPECT_EQ(padded, Decimal::parse("42488").value());
  EXPECT_FALSE(padded == Decimal::parse("42488.00000001").value());
  EXPECT_EQ(Decimal::parse("0.00000656").value().text(), "0.00000656");
  EXPECT_EQ(Decimal::from_double(0.1, 4).text(), "0.1000");
  EXPECT_EQ(Decimal::parse("0.000").value(), Decimal::parse("0").value());
  EXPECT_TRUE(Decimal::parse("").value().empty());
  EXPECT_TRUE(std::isnan(Decimal().value()));
}

TEST(DecimalTest, RejectsWhatIsNoPlainDecimal) {
  for (const char* bad : {"-1", "+1", "1e5", ".5", "1.2.3", "nan", "inf", " 1", "1 ", "1,2", ".",
                          "12345678901234567890123456789012"}) {
    EXPECT_FALSE(Decimal::parse(bad).has_value()) << bad;
  }
}

Candle good_candle(UnixMillis open_time = 1735689600000) {
  Candle c;
  c.open_time = open_time;
  c.close_time = open_time + kHour - 1;
  c.open = Decimal::parse("10").value();
  c.high = Decimal::parse("12").value();
  c.low = Decimal::parse("9").value();
  c.close = Decimal::parse("11").value();
  c.volume = Decimal::parse("0").value();
  return c;
}

TEST(CandleTest, ValidatesEveryRule) {
  EXPECT_TRUE(validate(good_candle(), Interval::k1h));
  const auto broken = [](auto change) {
    Candle c = good_candle();
    change(c);
    return validate(c, Interval::k1h);
  };
  const auto decimal = [](const char* text) { return Decimal::parse(text).value(); };
  EXPECT_FALSE(broken([](Candle& c) { c.open_time += 1, c.close_time += 1; }));
  EXPECT_FALSE(broken([](Candle& c) { c.close_time += 1; }));
  EXPECT_FALSE(broken([](Candle& c) { c.volume = Decimal(); }));
  EXPECT_FALSE(broken([&](Candle& c) { c.low = decimal("0"); }));
  EXPECT_FALSE(broken([&](Candle& c) { c.high = decimal("8"); }));
  EXPECT_FALSE(broken([&](Candle& c) { c.open = decimal("8.9"); }));
  EXPECT_FALSE(broken([&](Candle& c) { c.close = decimal("12.01"); }));
  const auto error = broken([&](Candle& c) { c.high = decimal("8"); }).error();
  EXPECT_EQ(error.code, ErrorCode::kCorrupt);
  EXPECT_NE(error.message.find("2025-01-01 00:00"), std::string::npos) << error.message;
  EXPECT_NE(error.message.find("high 8 is below low 9"), std::string::npos) << error.message;
}

TEST(CandleTest, OnlyAClosedCandleIsACandle) {
  const Candle c = good_candle();
  EXPECT_TRUE(std::holds_alternative<OpenCandle>(classify(c, c.close_time)));
  EXPECT_TRUE(std::holds_alternative<Candle>(classify(c, c.close_time + 1)));
}

CandleSeries series_with_hours(std::initializer_list<int> hours) {
  CandleSeries series;
  for (const int h : hours)
    series.push_back(good_candle(1735689600000 + h * kHour));
  return series;
}

TEST(CandleSeriesTest, HolesAndRunsCoverTheSeries) {
  const CandleSeries series = series_with_hours({0, 1, 4, 5, 6, 8});
  const auto holes = find_holes(series.open_time, series.interval);
  ASSERT_EQ(holes.size(), 2u);
  EXPECT_EQ(holes[0].from, series.open_time[1] + kHour);
  EXPECT_EQ(holes[0].to, series.open_time[2] - kHour);
  EXPECT_EQ(holes[0].missing, 2u);
  EXPECT_EQ(holes[1].missing, 1u);
  EXPECT_EQ(holes[1].from, holes[1].to);
  const auto runs = contiguous_runs(series);
  ASSERT_EQ(runs.size(), 3u);
  EXPECT_EQ(runs[1].first, 2u);
  EXPECT_EQ(runs[1].last, 5u);
  EXPECT_TRUE(contiguous_runs(CandleSeries{}).empty());
}

TEST(CandleSeriesTest, SliceAndLowerBoundAgree) {
  const CandleSeries series = series_with_hours({0, 1, 4, 5});
  EXPECT_EQ(series.lower_bound(series.open_time[1] + 1), 2u);
  EXPECT_EQ(series.lower_bound(series.open_time[3] + 1), 4u);
  const CandleSeries cut = series.slice(2, 4);
  EXPECT_EQ(cut.open_time, (std::vector<UnixMillis>{series.open_time[2], series.open_time[3]}));
  EXPECT_EQ(cut.high, (std::vector<double>{12, 12}));
}

// A renamed coin whose two names were fetched from sources that do and do not state taker volumes.
TEST(CandleSeriesTest, SpliceKeepsWhatTakersBought) {
  CandleSeries with = series_with_hours({0, 1}), without = series_with_hours({2, 3});
  with.taker_buy_base = {0.5, 0.25};
  const CandleSeries first = splice(with, without);
  ASSERT_EQ(first.taker_buy_base.size(), 4u);
  EXPECT_EQ(first.taker_buy_base[1], 0.25);
  EXPECT_TRUE(std::isnan(first.taker_buy_base[2]));
  without.taker_buy_base = {0.5, 0.75};
  with.taker_buy_base.clear();
  const CandleSeries second = splice(with, without);
  ASSERT_EQ(second.taker_buy_base.size(), 4u);
  EXPECT_TRUE(std::isnan(second.taker_buy_base[1]));
  EXPECT_EQ(second.taker_buy_base[3], 0.75);
  with.taker_buy_base = without.taker_buy_base = {};
  EXPECT_TRUE(splice(with, without).taker_buy_base.empty());
}

}  // namespace
}  // namespace mop::market
