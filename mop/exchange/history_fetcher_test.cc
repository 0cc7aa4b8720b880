#include "mop/exchange/history_fetcher.h"

#include <charconv>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "mop/base/sha256.h"
#include "mop/exchange/fake_transport.h"
#include "mop/exchange/stored_zip.h"

namespace mop::exchange {
namespace {

using market::Candle;
using market::Interval;

constexpr UnixMillis kOctober = 1'727'740'800'000;                        // 2024-10-01
constexpr UnixMillis kNow = 1'735'689'600'000 + 2 * kDay + 30 * kMinute;  // 2025-01-03 00:30

// Volume tells candles apart.
std::string row_text(UnixMillis t, std::string_view quote, int unit) {
  return fmt::format(
      "{2},{0}1.00000000{0},{0}2.00000000{0},{0}0.50000000{0},{0}1.50000000{0},{0}{1}.00000000{0},{3},"
      "{0}15.00000000{0},3,{0}5.00000000{0},{0}7.00000000{0},{0}0{0}",
      quote, t / kHour, t * unit, (t + kHour) * unit - 1);
}

std::int64_t parameter(const std::string& url, const std::string& name, std::int64_t otherwise) {
  const auto at = url.find("&" + name + "=");
  if (at == std::string::npos) return otherwise;
  std::int64_t value = 0;
  std::from_chars(url.data() + at + name.size() + 2, url.data() + url.size(), value);
  return value;
}

// Hours from kOctober on, by REST and by archive; the archive's units change with the year.
class HistoryTest : public testing::Test {
 protected:
  Result<HttpReply> answer(const std::string& url) {
    if (url.starts_with("http://rest")) return rest_answer(url);
    if (url.find("?") != std::string::npos) return HttpReply{404, {}, ""};
    for (const char* month_text : {"2024-10", "2024-11", "2024-12"}) {
      const std::string month = month_text;
      const std::string name = "BTCUSDT-1h-" + month + ".zip";
      const UnixMillis from = parse_utc(month + "-01").value();
      const UnixMillis end = month == "2024-12" ? parse_utc("2025-01-01").value() : from + 31 * kDay;
      if (url.ends_with(name)) return HttpReply{200, {}, zip_of(from, end, 1)};
      if (url.ends_with(name + ".CHECKSUM")) {
        const std::string sum = sha256_hex(zip_of(from, end, 1));
        return HttpReply{200, {}, (month == broken ? std::string(64, '0') : sum) + "  " + name};
      }
    }
    const std::string day = "BTCUSDT-1h-2025-01-01.zip";
    const std::string zip = zip_of(1'735'689'600'000, 1'735'689'600'000 + kDay, 1000);
    if (url.ends_with(day)) return HttpReply{200, {}, zip};
    if (url.ends_with(day + ".CHECKSUM")) return HttpReply{200, {}, sha256_hex(zip) + "  " + day};
    return HttpReply{404, {}, ""};
  }
  static std::string zip_of(UnixMillis from, UnixMillis end, int unit) {
    std::string csv;
    const UnixMillis november_end = parse_utc("2024-12-01").value();
    if (from < november_end && end > november_end) end = november_end;  // 30 days
    for (UnixMillis t = from; t < end; t += kHour)
      csv += row_text(t, "", unit) + "\n";
    return stored_zip("x.csv", csv);
  }
  static Result<HttpReply> rest_answer(const std::string& url) {
    const bool from_start = url.find("startTime") != std::string::npos;
    const UnixMillis start = std::max(kOctober, parameter(url, "startTime", 0));
    const UnixMillis end = std::min(kNow / kHour * kHour, parameter(url, "endTime", INT64_MAX));
    const std::int64_t limit = parameter(url, "limit", 500);
    UnixMillis first = (start + kHour - 1) / kHour * kHour;
    if (!from_start) first = end / kHour * kHour - (limit - 1) * kHour;
    std::string body = "[";
    for (UnixMillis t = first; t <= end && t < first + limit * kHour; t += kHour)
      body += (body.size() > 1 ? ",[" : "[") + row_text(t, "\"", 1) + "]";
    return HttpReply{200, {}, body + "]"};
  }

  struct Got {
    std::vector<Candle> candles;
    std::vector<std::string> sources;  // of each call
    HistoryReport report;
  };
  Got fetch(bool with_rest, bool with_archive) {
    Got got;
    const auto sink = [&](std::span<const Candle> candles, std::string_view source) -> Result<void> {
      got.candles.insert(got.candles.end(), candles.begin(), candles.end());
      got.sources.emplace_back(source);
      return {};
    };
    const HistorySources sources{with_rest ? &rest : nullptr, with_archive ? &archive : nullptr, 3};
    auto report = fetch_history(sources, {"BTCUSDT", Interval::k1h, 0, kNow}, kNow, sink);
    EXPECT_TRUE(report.has_value()) << report.error().message;
    if (report) got.report = std::move(*report);
    return got;
  }

  std::string broken;
  FakeTransport transport{[this](const std::string& url, std::size_t) { return answer(url); }};
  ManualClock clock{kNow};
  BinanceOptions rest_options() {
    BinanceOptions options;
    options.base_url = "http://rest";
    return options;
  }
  BinanceRest rest{transport, clock, rest_options()};
  Archive archive{transport, clock, {"http://archive", "http://archive/list", 2, kMinute, 10}};
};

TEST_F(HistoryTest, RestAloneArchiveWithRestAndArchiveAloneGiveTheSameCandles) {
  const Got by_rest = fetch(true, false);
  ASSERT_EQ(by_rest.candles.size(), static_cast<std::size_t>((kNow / kHour * kHour - kOctober) / kHour));
  for (std::size_t i = 0; i < by_rest.candles.size(); ++i)
    ASSERT_EQ(by_rest.candles[i].open_time, kOctober + static_cast<std::int64_t>(i) * kHour);
  EXPECT_EQ(by_rest.sources, (std::vector<std::string>{"binance"}));

  const Got by_both = fetch(true, true);
  EXPECT_EQ(by_both.candles, by_rest.candles) << "across the change from milli- to microseconds";
  EXPECT_EQ(by_both.report.archive_files, 4u);
  EXPECT_EQ(by_both.sources, (std::vector<std::string>{"archive", "binance"}));
  for (std::size_t i = 0; i < by_both.candles.size(); ++i)
    ASSERT_EQ(by_both.candles[i].taker_buy_quote.text(), by_rest.candles[i].taker_buy_quote.text());

  const Got by_archive = fetch(false, true);
  EXPECT_EQ(by_archive.candles.back().open_time, 1'735'689'600'000 + kDay - kHour)
      << "the last published day";
}

TEST_F(HistoryTest, AFileWithAWrongCheckSumIsQuarantinedAndTakenFromRest) {
  broken = "2024-11";
  const Got got = fetch(true, true);
  ASSERT_EQ(got.report.quarantined.size(), 1u);
  EXPECT_EQ(got.report.quarantined[0].name, "BTCUSDT-1h-2024-11.zip");
  EXPECT_NE(got.report.quarantined[0].reason.find("CHECKSUM"), std::string::npos);
  EXPECT_EQ(got.sources, (std::vector<std::string>{"archive", "binance", "archive", "binance"}));
  broken.clear();
  EXPECT_EQ(got.candles, fetch(true, false).candles);
}

}  // namespace
}  // namespace mop::exchange
