#include "mop/sim/archive.h"

#include <algorithm>

#include <gtest/gtest.h>
#include <boost/beast/zlib/inflate_stream.hpp>

#include "mop/base/sha256.h"
#include "mop/sim/archive_tree.h"
#include "mop/sim/candle_text.h"
#include "mop/sim/fault_script.h"
#include "mop/sim/faulty_market.h"
#include "mop/sim/synthetic_market.h"

namespace mop::sim {
namespace {

constexpr UnixMillis kNow = 1'741'392'000'000;  // 2025-03-08
const std::string kBtc = "/data/spot/monthly/klines/BTCUSDT/1h/";

std::size_t occurrences(std::string_view text, std::string_view what) {
  std::size_t n = 0;
  for (std::size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, at + 1))
    ++n;
  return n;
}

std::vector<std::string> between(std::string_view text, std::string_view open, std::string_view close) {
  std::vector<std::string> found;
  for (std::size_t at = text.find(open); at != std::string_view::npos; at = text.find(open, at + 1)) {
    const std::size_t begin = at + open.size();
    found.emplace_back(text.substr(begin, text.find(close, begin) - begin));
  }
  return found;
}

std::string inflated_entry(std::string_view zip) {
  const auto byte = [&](std::size_t i) {
    return static_cast<std::size_t>(static_cast<unsigned char>(zip[i]));
  };
  const auto u32 = [&](std::size_t i) {
    return byte(i) | byte(i + 1) << 8 | byte(i + 2) << 16 | byte(i + 3) << 24;
  };
  std::string out(u32(22), '\0');
  boost::beast::zlib::inflate_stream stream;
  boost::beast::zlib::z_params z;
  z.next_in = zip.data() + 30 + byte(26);
  z.avail_in = u32(18);
  z.next_out = out.data();
  z.avail_out = out.size();
  boost::beast::error_code error;
  stream.write(z, boost::beast::zlib::Flush::finish, error);
  EXPECT_EQ(error, boost::beast::zlib::error::end_of_stream);
  return out;
}

class ArchiveTest : public testing::Test {
 protected:
  ApiReply get(const std::string& target, UnixMillis now = kNow) {
    return archive.handle(parse_target(target).value(), market, now);
  }
  SyntheticMarket market{{}};  // from 2024-01-01 on
  Archive archive{market};
};

TEST_F(ArchiveTest, AFileHasTheCandlesOfItsMonthWithTheDigitsOfRest) {
  const ApiReply reply = get(kBtc + "BTCUSDT-1h-2024-12.zip");
  ASSERT_EQ(reply.status, 200);
  EXPECT_EQ(reply.headers.at("Content-Type"), "application/zip");
  const std::string lines = inflated_entry(reply.body);
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 31 * 24);
  EXPECT_TRUE(lines.starts_with("1733011200000,")) << lines.substr(0, 40);
  // The REST array without quotes and brackets is the same text.
  const auto candles = market.candles("BTCUSDT", market::Interval::k1h,
                                      {1'733'011'200'000, 1'735'689'599'999, 1000, false}, kNow);
  std::string rest = klines_json(*candles, TimeUnit::kMillis);
  std::erase_if(rest, [](char c) { return c == '"' || c == '['; });
  std::string flat;
  for (std::size_t i = 0; i < rest.size(); ++i) {
    if (rest[i] != ']') flat += rest[i];
    if (rest[i] == ']' && flat.back() != '\n') flat += '\n', ++i;
  }
  EXPECT_EQ(lines, flat);
}

TEST_F(ArchiveTest, TimesAreMicrosecondsFrom2025On) {
  const std::string lines = inflated_entry(get(kBtc + "BTCUSDT-1h-2025-01.zip").body);
  const std::string first = lines.substr(0, lines.find('\n'));
  EXPECT_TRUE(first.starts_with("1735689600000000,")) << first;
  EXPECT_NE(first.find(",1735693199999999,"), std::string::npos) << first;
  const std::string day =
      inflated_entry(get("/data/spot/daily/klines/BTCUSDT/15m/BTCUSDT-15m-2024-12-31.zip").body);
  EXPECT_TRUE(day.starts_with("1735603200000,")) << "the last day of milliseconds";
  EXPECT_EQ(std::count(day.begin(), day.end(), '\n'), 96);
}

TEST_F(ArchiveTest, TheChecksumIsThatOfTheZip) {
  const std::string zip = get(kBtc + "BTCUSDT-1h-2024-12.zip").body;
  EXPECT_EQ(get(kBtc + "BTCUSDT-1h-2024-12.zip.CHECKSUM").body,
            sha256_hex(zip) + "  BTCUSDT-1h-2024-12.zip\n");
}

TEST_F(ArchiveTest, AFaultyViewIsNeitherRememberedNorAnsweredFromMemory) {
  auto faults = FaultScript::parse(R"({"do":"gap","from":"2024-12-05","until":"2024-12-06"})");
  FaultyMarket holed(market, *faults);
  const auto seen = [&](MarketSource& by) {
    const auto zip = archive.handle(parse_target(kBtc + "BTCUSDT-1h-2024-12.zip").value(), by, kNow).body;
    const auto sum = archive.handle(parse_target(kBtc + "BTCUSDT-1h-2024-12.zip.CHECKSUM").value(), by, kNow);
    EXPECT_TRUE(sum.body.starts_with(sha256_hex(zip)));
    return zip;
  };
  const std::string with_hole = seen(holed), whole = seen(market);
  EXPECT_NE(with_hole, whole);
  EXPECT_EQ(seen(holed), with_hole);
  EXPECT_EQ(seen(market), whole);
}

TEST_F(ArchiveTest, FilesAppearWhenTheyArePublished) {
  const std::string day = "/data/spot/daily/klines/ETHUSDT/1h/ETHUSDT-1h-2025-03-07.zip";
  EXPECT_EQ(get(day, kNow + 3 * kHour - 1).status, 404);
  EXPECT_EQ(get(day, kNow + 3 * kHour).status, 200);
  const std::string month = kBtc + "BTCUSDT-1h-2025-02.zip";
  constexpr UnixMillis kFirstMonday = 1'740'960'000'000 + 3 * kHour;  // 2025-03-03
  EXPECT_EQ(get(month, kFirstMonday - 1).status, 404);
  EXPECT_EQ(get(month, kFirstMonday).status, 200);
}

TEST_F(ArchiveTest, WhatIsNotThereIs404) {
  for (const char* name : {"BTCUSDT-1h-2023-12.zip", "BTCUSDT-15m-2024-12.zip", "ETHUSDT-1h-2024-12.zip",
                           "BTCUSDT-1h-2024-13.zip", "BTCUSDT-1h-2024-12-01.zip", "BTCUSDT-1h-2024-1.zip",
                           "BTCUSDT-1h-2024-12.csv", ".zip", ""}) {
    const ApiReply reply = get(kBtc + name);
    EXPECT_EQ(reply.status, 404) << name;
    EXPECT_NE(reply.body.find("NoSuchKey"), std::string::npos);
  }
  EXPECT_EQ(get("/data/spot/monthly/klines/MATICUSDT/1h/MATICUSDT-1h-2024-09.zip").status, 200);
  EXPECT_EQ(get("/data/spot/monthly/klines/MATICUSDT/1h/MATICUSDT-1h-2024-10.zip").status, 404)
      << "it ended on 2024-09-10";
}

TEST_F(ArchiveTest, AListingStatesKeysAndTrueSizes) {
  const ApiReply reply = get("/?delimiter=/&prefix=data/spot/monthly/klines/BTCUSDT/1h/");
  const auto keys = between(reply.body, "<Key>", "</Key>");
  ASSERT_EQ(keys.size(), 2u * 14) << "2024-01 to 2025-02, each with its checksum";
  EXPECT_EQ(keys.front(), kBtc.substr(1) + "BTCUSDT-1h-2024-01.zip");
  EXPECT_EQ(keys.back(), kBtc.substr(1) + "BTCUSDT-1h-2025-02.zip.CHECKSUM");
  EXPECT_TRUE(std::is_sorted(keys.begin(), keys.end()));
  const auto sizes = between(reply.body, "<Size>", "</Size>");
  EXPECT_EQ(sizes.front(), std::to_string(get("/" + keys.front()).body.size()));
  EXPECT_NE(reply.body.find("<IsTruncated>false</IsTruncated>"), std::string::npos);
}

TEST_F(ArchiveTest, FoldersAreCommonPrefixes) {
  const auto folders = [&](const std::string& prefix) {
    return between(get("/?delimiter=/&prefix=" + prefix).body, "<Prefix>", "</Prefix>");
  };
  const auto top = folders("data/spot/");
  ASSERT_EQ(top.size(), 3u) << "the first repeats the question";
  EXPECT_EQ(top[1], "data/spot/daily/");
  EXPECT_EQ(folders("data/spot/daily/klines/").size(), 1u + 26);
  EXPECT_EQ(folders("data/spot/daily/klines/BTCUSDT/").back(), "data/spot/daily/klines/BTCUSDT/1h/");
  EXPECT_EQ(folders("data/futures/").size(), 1u);
}

TEST_F(ArchiveTest, PagesOfBothVersionsJoinWithoutDoubleOrHole) {
  const std::string prefix = "prefix=data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2024-0";
  const auto all = between(get("/?" + prefix).body, "<Key>", "</Key>");
  ASSERT_EQ(all.size(), 2u * 274) << "January to September";
  for (const bool v2 : {false, true}) {
    std::vector<std::string> joined;
    std::string next;
    for (int page = 0; page < 100; ++page) {
      const std::string from = next.empty() ? "" : (v2 ? "&continuation-token=" : "&marker=") + next;
      const ApiReply reply =
          get("/data.binance.vision?max-keys=50&" + prefix + (v2 ? "&list-type=2" : "&delimiter=/") + from);
      for (const auto& key : between(reply.body, "<Key>", "</Key>"))
        joined.push_back(key);
      if (occurrences(reply.body, "<IsTruncated>true") == 0) break;
      next = between(reply.body, v2 ? "<NextContinuationToken>" : "<NextMarker>", "<").front();
    }
    EXPECT_EQ(joined, all) << "V" << (v2 ? 2 : 1);
  }
}

}  // namespace
}  // namespace mop::sim
