#include "mop/exchange/candle_fetcher.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "mop/exchange/fake_transport.h"

namespace mop::exchange {
namespace {

using market::Interval;

constexpr UnixMillis kNow = 1'751'328'000'000 + 7 * kMinute;  // 2025-07-01 00:07
constexpr DurationMillis kStep = 15 * kMinute;
constexpr UnixMillis kRunning = kNow / kStep * kStep;  // open time of the candle that still trades

struct Row {
  UnixMillis open_time;
  std::string text;
};

Row row_at(UnixMillis t, std::string close = "1.5") {
  return {t,
          fmt::format(R"([{},"1.0","2.0","0.5","{}","10",{},"15",3,"5","7","0"])", t, close, t + kStep - 1)};
}

std::int64_t parameter(const std::string& url, const std::string& name, std::int64_t otherwise) {
  const auto at = url.find("&" + name + "=");
  if (at == std::string::npos) return otherwise;
  std::int64_t value = 0;
  std::from_chars(url.data() + at + name.size() + 2, url.data() + url.size(), value);
  return value;
}

// The klines rules of the real exchange over any rows.
FakeTransport::Answer serving(const std::vector<Row>& rows) {
  return [&rows](const std::string& url, std::size_t) -> Result<HttpReply> {
    const bool from_start = url.find("startTime") != std::string::npos;
    const std::int64_t start = parameter(url, "startTime", 0), end = parameter(url, "endTime", INT64_MAX);
    const auto limit = static_cast<std::size_t>(parameter(url, "limit", 500));
    std::vector<const Row*> chosen;
    for (const Row& row : rows) {
      if (row.open_time >= start && row.open_time <= end) chosen.push_back(&row);
    }
    if (chosen.size() > limit && from_start) chosen.resize(limit);
    if (chosen.size() > limit)
      chosen.erase(chosen.begin(), chosen.end() - static_cast<std::ptrdiff_t>(limit));
    std::string body = "[";
    for (const Row* row : chosen)
      body += (body.size() > 1 ? "," : "") + row->text;
    return HttpReply{200, {}, body + "]"};
  };
}

struct Exchange {
  explicit Exchange(std::vector<Row> r) : rows(std::move(r)) {}
  Result<FetchedCandles> fetch(const FetchRange& range) {
    return fetch_candles(rest, "BTCUSDT", Interval::k15m, range, kNow);
  }
  std::vector<Row> rows;
  FakeTransport transport{serving(rows)};
  ManualClock clock{kNow};
  BinanceRest rest{transport, clock};
};

// `count` candles up to and with the running one.
std::vector<Row> live_rows(std::size_t count) {
  std::vector<Row> rows;
  for (std::size_t i = count; i-- > 0;)
    rows.push_back(row_at(kRunning - static_cast<DurationMillis>(i) * kStep));
  return rows;
}

void expect_run(const std::vector<market::Candle>& candles, UnixMillis first, UnixMillis last) {
  ASSERT_EQ(candles.size(), static_cast<std::size_t>((last - first) / kStep + 1));
  for (std::size_t i = 0; i < candles.size(); ++i) {
    ASSERT_EQ(candles[i].open_time, first + static_cast<DurationMillis>(i) * kStep);
  }
}

TEST(CandleFetcherTest, NewestThousandTakesOneRequestAndNoOpenCandle) {
  Exchange exchange(live_rows(3000));
  const auto got = exchange.fetch({});
  ASSERT_TRUE(got.has_value()) << got.error().message;
  expect_run(got->candles, kRunning - 1000 * kStep, kRunning - kStep);
  EXPECT_EQ(exchange.transport.urls().size(), 1u);
}

TEST(CandleFetcherTest, PagesWithoutDoubleOrHole) {
  Exchange exchange(live_rows(3501));
  const auto got = exchange.fetch({UnixMillis{0}, 0});
  ASSERT_TRUE(got.has_value()) << got.error().message;
  expect_run(got->candles, kRunning - 3500 * kStep, kRunning - kStep);
  EXPECT_EQ(exchange.transport.urls().size(), 4u);
  const auto newest = exchange.fetch({std::nullopt, 2500});
  ASSERT_TRUE(newest.has_value());
  expect_run(newest->candles, kRunning - 2500 * kStep, kRunning - kStep);
  EXPECT_EQ(exchange.transport.urls().size(), 7u);
}

TEST(CandleFetcherTest, SecondRunTransfersOnlyWhatIsNew) {
  Exchange exchange(live_rows(2000));
  const UnixMillis last_stored = kRunning - 5 * kStep;
  const auto got = exchange.fetch({last_stored - 2 * kStep, 0});
  ASSERT_TRUE(got.has_value());
  expect_run(got->candles, last_stored - 2 * kStep, kRunning - kStep);
  EXPECT_EQ(got->rows_received, 7u);
  EXPECT_EQ(exchange.transport.urls().size(), 1u);
}

TEST(CandleFetcherTest, NothingNewYetAsksNothing) {
  Exchange exchange(live_rows(10));
  const auto got = exchange.fetch({kRunning, 0});
  ASSERT_TRUE(got.has_value());
  EXPECT_TRUE(got->candles.empty());
  EXPECT_TRUE(exchange.transport.urls().empty());
}

TEST(CandleFetcherTest, AServerThatIgnoresEndTimeStillGivesNoOpenCandle) {
  ManualClock clock(kNow);
  FakeTransport transport([](const std::string&, std::size_t) -> Result<HttpReply> {
    return HttpReply{200, {}, "[" + row_at(kRunning - kStep).text + "," + row_at(kRunning).text + "]"};
  });
  BinanceRest rest(transport, clock);
  const auto got = fetch_candles(rest, "BTCUSDT", Interval::k15m, {std::nullopt, 1}, kNow);
  ASSERT_TRUE(got.has_value());
  expect_run(got->candles, kRunning - kStep, kRunning - kStep);
}

TEST(CandleFetcherTest, ACandleClosesWhenTheExchangesClockHasPassedIt) {
  Exchange exchange(live_rows(3));
  const auto at = [&](UnixMillis now) {
    return fetch_candles(exchange.rest, "BTCUSDT", Interval::k15m, {UnixMillis{0}, 0}, now)
        .value()
        .candles.size();
  };
  EXPECT_EQ(at(kRunning + kStep - 1), 2u) << "its last millisecond is still running";
  EXPECT_EQ(at(kRunning + kStep), 3u);
}

TEST(CandleFetcherTest, DeadSymbolGivesItsLastCandles) {
  std::vector<Row> rows;
  const UnixMillis died = kRunning - 400 * kDay;
  for (int i = 0; i < 2600; ++i)
    rows.push_back(row_at(died - (2600 - i) * kStep));
  Exchange exchange(std::move(rows));
  const auto got = exchange.fetch({std::nullopt, 1000});
  ASSERT_TRUE(got.has_value()) << got.error().message;
  expect_run(got->candles, died - 1000 * kStep, died - kStep);
  const auto more = exchange.fetch({std::nullopt, 2300});
  ASSERT_TRUE(more.has_value());
  expect_run(more->candles, died - 2300 * kStep, died - kStep);
  const auto all = exchange.fetch({std::nullopt, 9000});
  ASSERT_TRUE(all.has_value());
  expect_run(all->candles, died - 2600 * kStep, died - kStep);
}

TEST(CandleFetcherTest, AHoleInTheWindowIsMadeUpForFurtherBack) {
  std::vector<Row> rows = live_rows(300);
  rows.erase(rows.end() - 40, rows.end() - 20);  // an outage of 20 candles
  Exchange exchange(std::move(rows));
  const auto got = exchange.fetch({std::nullopt, 100});
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(got->candles.size(), 100u);
  EXPECT_EQ(got->candles.front().open_time, kRunning - 120 * kStep);
}

TEST(CandleFetcherTest, YoungSymbolGivesWhatThereIs) {
  Exchange exchange(live_rows(31));
  const auto got = exchange.fetch({});
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(got->candles.size(), 30u);
}

TEST(CandleFetcherTest, DropsAndCountsMisalignedRowsOnly) {
  std::vector<Row> rows = live_rows(5);
  rows.insert(rows.begin() + 1, row_at(rows[0].open_time + 37 * kSecond));  // as in 2017-12
  Exchange exchange(rows);
  const auto got = exchange.fetch({UnixMillis{0}, 0});
  ASSERT_TRUE(got.has_value()) << got.error().message;
  EXPECT_EQ(got->candles.size(), 4u);
  EXPECT_EQ(got->misaligned, 1u);

  exchange.rows[2] = row_at(exchange.rows[2].open_time, "99.0");  // close above high
  const auto wrong = exchange.fetch({UnixMillis{0}, 0});
  ASSERT_FALSE(wrong.has_value());
  EXPECT_EQ(wrong.error().code, ErrorCode::kCorrupt);
  EXPECT_NE(wrong.error().message.find("BTCUSDT 15m"), std::string::npos) << wrong.error().message;
}

TEST(CandleFetcherTest, UnorderedAndRepeatedRowsComeOutAscendingAndUnique) {
  std::vector<Row> rows = live_rows(6);
  rows.insert(rows.begin() + 3, row_at(rows[2].open_time, "1.7"));
  std::swap(rows[0], rows[1]);
  Exchange exchange(rows);
  const auto got = exchange.fetch({UnixMillis{0}, 0});
  ASSERT_TRUE(got.has_value());
  expect_run(got->candles, kRunning - 5 * kStep, kRunning - kStep);
  EXPECT_EQ(got->candles[2].close.text(), "1.7") << "the later statement stays";
}

TEST(CandleFetcherTest, AServerThatAnswersTheSamePageForEverIsLeft) {
  ManualClock clock(kNow);
  std::string page = "[";
  for (int i = 0; i < 1000; ++i)
    page += (i > 0 ? "," : "") + row_at(kRunning - (2000 - i) * kStep).text;
  page += "]";
  FakeTransport transport([&](const std::string&, std::size_t) -> Result<HttpReply> {
    return HttpReply{200, {}, page};
  });
  BinanceRest rest(transport, clock);
  const auto got = fetch_candles(rest, "BTCUSDT", Interval::k15m, {UnixMillis{0}, 0}, kNow);
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(got->candles.size(), 1000u);
  EXPECT_LE(transport.urls().size(), 3u);
  EXPECT_TRUE(fetch_candles(rest, "BTCUSDT", Interval::k15m, {std::nullopt, 5000}, kNow).has_value());
  EXPECT_LE(transport.urls().size(), 8u);
}

TEST(CandleFetcherTest, StopsBetweenPagesWhenTold) {
  Exchange exchange(live_rows(3000));
  std::vector<std::size_t> seen;
  const auto got = fetch_candles(exchange.rest, "BTCUSDT", Interval::k15m, {UnixMillis{0}, 0}, kNow,
                                 [&](std::size_t candles) {
                                   seen.push_back(candles);
                                   return seen.size() < 2;
                                 });
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().code, ErrorCode::kInterrupted);
  EXPECT_EQ(seen, (std::vector<std::size_t>{1000, 2000}));
}

TEST(CandleFetcherTest, ZeroCandlesIsRefused) {
  Exchange exchange(live_rows(3));
  EXPECT_EQ(exchange.fetch({std::nullopt, 0}).error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace mop::exchange
