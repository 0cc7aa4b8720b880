#include "mop/exchange/archive.h"

#include <map>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "mop/base/sha256.h"
#include "mop/exchange/archive_csv.h"
#include "mop/exchange/archive_listing.h"
#include "mop/exchange/binance_json.h"
#include "mop/exchange/fake_transport.h"
#include "mop/exchange/stored_zip.h"
#include "mop/exchange/zip_entry.h"

namespace mop::exchange {
namespace {

using market::Interval;

constexpr UnixMillis kDecember = 1'733'011'200'000, kJanuary = 1'735'689'600'000;  // 2024-12-01, 2025-01-01

std::string archive_row(UnixMillis t, int unit, std::string_view close = "1.50000000") {
  return fmt::format("{},1.00000000,2.00000000,0.50000000,{},10.00000000,{},15.00000000,3,5.00000000,7.5,0\n",
                     t * unit, close, (t + kHour) * unit - 1);
}

TEST(ArchiveCsvTest, MillisAndMicrosAndHeaderGiveTheRowsOfRest) {
  const std::string rest = fmt::format(
      R"([[{},"1.00000000","2.00000000","0.50000000","1.50000000","10.00000000",{},"15.00000000",3,)"
      R"("5.00000000","7.50000000","0"]])",
      kJanuary, kJanuary + kHour - 1);
  const auto stated = parse_klines(rest).value();
  for (const std::string& csv :
       {archive_row(kJanuary, 1), archive_row(kJanuary, 1000),
        "open_time,open,high,low,close,volume,close_time,quote_volume,count,a,b,ignore\r\n" +
            archive_row(kJanuary, 1000)}) {
    const auto candles = parse_archive_csv(csv, Interval::k1h, "f.csv");
    ASSERT_TRUE(candles.has_value()) << candles.error().message;
    ASSERT_EQ(*candles, stated);
    EXPECT_EQ(candles->front().taker_buy_quote.text(), "7.50000000") << "padded to what REST states";
    EXPECT_EQ(candles->front().open.text(), "1.00000000");
  }
}

TEST(ArchiveCsvTest, BadRowsAreToldWithLineAndColumn) {
  const std::string good = archive_row(kJanuary, 1);
  for (const auto& [csv, told] : std::map<std::string, std::string>{
           {"1,2,3\n", "line 1: a row must have 12 columns"},
           {good + "x,1,2,0.5,1,1,1,1,1,1,1,0\n", "line 2: open time"},
           {good + "1735693200000,-1,2,0.5,1,1,1735696799999,1,1,1,1,0\n", "line 2: open must be"},
           {good + "1735693200000,1e5,2,0.5,1,1,1735696799999,1,1,1,1,0\n", "line 2: open must be"},
           {good + "1735693200000,1,2,0.5,1,1,1735696799999,1,1.5,1,1,0\n", "line 2: trades"}}) {
    const auto candles = parse_archive_csv(csv, Interval::k1h, "f.csv");
    ASSERT_FALSE(candles.has_value()) << csv;
    EXPECT_EQ(candles.error().code, ErrorCode::kCorrupt);
    EXPECT_NE(candles.error().message.find(told), std::string::npos) << candles.error().message;
  }
}

TEST(ZipEntryTest, UnpacksOneFileAndRefusesEverythingElse) {
  const std::string zip = stored_zip("a.csv", "one,two\n");
  EXPECT_EQ(only_zip_entry(zip, 100, "a.zip").value(), "one,two\n");
  std::string wrong_sum = zip;
  wrong_sum[35] ^= 1;  // inside of the content
  for (const std::string& bytes :
       {std::string(), std::string("PK"), zip.substr(0, 40), wrong_sum, std::string(1000, 'x')}) {
    const auto entry = only_zip_entry(bytes, 100, "a.zip");
    ASSERT_FALSE(entry.has_value());
    EXPECT_EQ(entry.error().code, ErrorCode::kCorrupt) << entry.error().message;
  }
  EXPECT_FALSE(only_zip_entry(stored_zip("a", std::string(101, 'x')), 100, "a.zip").has_value())
      << "what unpacks to more than allowed is refused";
}

TEST(ArchiveListingTest, ReadsBothVersions) {
  const auto v1 = parse_archive_listing(
      "<?xml version=\"1.0\"?>\n<ListBucketResult "
      "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>b</Name>"
      "<Prefix>p/</Prefix><IsTruncated>true</IsTruncated><Contents><Key>p/a&amp;b.zip</Key><Size>3</Size></"
      "Contents>"
      "<Contents><Key>p/c.zip</Key></Contents><NextMarker>p/c.zip</NextMarker></ListBucketResult>");
  ASSERT_TRUE(v1.has_value()) << v1.error().message;
  EXPECT_EQ(v1->keys, (std::vector<std::string>{"p/a&b.zip", "p/c.zip"}));
  EXPECT_TRUE(v1->truncated);
  EXPECT_EQ(v1->next_marker, "p/c.zip");
  const auto v2 = parse_archive_listing(
      "<ListBucketResult><IsTruncated>false</IsTruncated><NextContinuationToken>1x&#61;</"
      "NextContinuationToken>"
      "<CommonPrefixes><Prefix>p/q/</Prefix></CommonPrefixes></ListBucketResult>");
  ASSERT_TRUE(v2.has_value());
  EXPECT_EQ(v2->next_token, "1x=");
  EXPECT_FALSE(v2->truncated);
}

TEST(ArchiveListingTest, HostileTextIsAnErrorAndNothingIsExpanded) {
  for (const char* xml : {"", "<html>", "<ListBucketResult><Key>a", "<ListBucketResult><Key>a</Key",
                          "<ListBucketResult><Key>&boom;</Key>",
                          "<!DOCTYPE x [<!ENTITY e SYSTEM "
                          "'file:///etc/passwd'>]><ListBucketResult><Key>&e;</Key></ListBucketResult>"}) {
    EXPECT_FALSE(parse_archive_listing(xml).has_value()) << xml;
  }
  EXPECT_FALSE(
      parse_archive_listing("<ListBucketResult><Key>" + std::string(2000, 'k') + "</Key>").has_value());
}

// The archive's tree in memory.
class ArchiveTest : public testing::Test {
 protected:
  void put(const std::string& path, const std::string& csv) {
    const std::string name = path.substr(path.rfind('/') + 1);
    const std::string zip = stored_zip(name.substr(0, name.size() - 4) + ".csv", csv);
    tree[path] = zip;
    tree[path + ".CHECKSUM"] = sha256_hex(zip) + "  " + name + "\n";
  }
  Result<HttpReply> answer(const std::string& url) {
    const std::string path = url.substr(std::string("http://archive").size());
    if (path.starts_with("/?")) {
      if (!lists) return HttpReply{403, {}, "<html>"};
      const std::string prefix =
          path.substr(path.find("prefix=") + 7, path.find("&marker") - path.find("prefix=") - 7);
      std::string xml = "<ListBucketResult><IsTruncated>false</IsTruncated>";
      for (const auto& [key, bytes] : tree) {
        if (key.substr(1).starts_with(prefix)) xml += "<Contents><Key>" + key.substr(1) + "</Key></Contents>";
      }
      return HttpReply{200, {}, xml + "</ListBucketResult>"};
    }
    const auto found = tree.find(path);
    return found == tree.end() ? HttpReply{404, {}, ""} : HttpReply{200, {}, found->second};
  }

  const std::string month = "/data/spot/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2024-12.zip";
  const std::string day = "/data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2025-01-01.zip";
  std::map<std::string, std::string> tree;
  bool lists = true;
  FakeTransport transport{[this](const std::string& url, std::size_t) { return answer(url); }};
  ManualClock clock{kJanuary + 2 * kDay};
  Archive archive{transport, clock, {"http://archive/", "http://archive", 3, kMinute, 100}};
};

TEST_F(ArchiveTest, MonthsFirstThenDaysBehindThem) {
  put(month, archive_row(kDecember, 1));
  put(day, archive_row(kJanuary, 1000));
  const auto files = archive.files("BTCUSDT", Interval::k1h, kDecember + kDay, kJanuary + 3 * kDay);
  ASSERT_TRUE(files.has_value()) << files.error().message;
  ASSERT_EQ(files->size(), 2u);
  EXPECT_EQ((*files)[0].path, month);
  EXPECT_EQ((*files)[0].end, kJanuary);
  EXPECT_EQ((*files)[1].path, day);
  EXPECT_EQ(archive.candles((*files)[0], Interval::k1h).value().front().open_time, kDecember);
  EXPECT_EQ(archive.candles((*files)[1], Interval::k1h).value().front().open_time, kJanuary)
      << "microseconds from 2025 on";
}

TEST_F(ArchiveTest, WithoutAListingEveryFileIsTried) {
  lists = false;
  const auto files = archive.files("BTCUSDT", Interval::k1h, kDecember, kJanuary + 2 * kDay);
  ASSERT_TRUE(files.has_value());
  ASSERT_EQ(files->size(), 3u) << "December and two days";
  const auto absent = archive.candles((*files)[0], Interval::k1h);
  ASSERT_FALSE(absent.has_value());
  EXPECT_EQ(absent.error().code, ErrorCode::kNotFound);
}

TEST_F(ArchiveTest, AWrongCheckSumOrRowMakesTheFileUnusable) {
  const ArchiveFile file{month, kDecember, kJanuary};
  put(month, archive_row(kDecember, 1));
  tree[month + ".CHECKSUM"][0] = tree[month + ".CHECKSUM"][0] == '0' ? '1' : '0';
  EXPECT_EQ(archive.candles(file, Interval::k1h).error().code, ErrorCode::kCorrupt);
  put(month, archive_row(kDecember, 1) + archive_row(kDecember, 1));
  EXPECT_EQ(archive.candles(file, Interval::k1h).error().code, ErrorCode::kCorrupt) << "a candle twice";
  put(month, archive_row(kJanuary, 1));
  EXPECT_EQ(archive.candles(file, Interval::k1h).error().code, ErrorCode::kCorrupt)
      << "another month's candle";
  put(month, archive_row(kDecember, 1, "9.00000000"));
  EXPECT_EQ(archive.candles(file, Interval::k1h).error().code, ErrorCode::kCorrupt) << "close above high";
}

}  // namespace
}  // namespace mop::exchange
