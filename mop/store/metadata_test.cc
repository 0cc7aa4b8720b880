#include "mop/store/metadata.h"

#include "mop/store/test_support.h"

namespace mop::store {
namespace {

using market::Hole;
using market::Interval;

UnixMillis at(std::string_view text) {
  return parse_utc(text).value();
}

// Published test vectors of the 64-bit FNV-1a (Noll): "", "a", "foobar".
TEST(ContentHashTest, MatchesPublishedVectorsAndExtends) {
  EXPECT_EQ(ContentHash().text(), "fnv1a64:cbf29ce484222325");
  ContentHash a;
  a.extend("a");
  EXPECT_EQ(a.value(), 0xaf63dc4c8601ec8cull);
  ContentHash foobar;
  foobar.extend("foo");
  foobar.extend("bar");
  EXPECT_EQ(foobar.value(), 0x85944171f73967e8ull);
  EXPECT_EQ(ContentHash::parse(foobar.text()).value(), foobar);
  for (const char* bad :
       {"", "fnv1a64:", "fnv1a64:12", "sha256:85944171f73967e8", "fnv1a64:85944171f73967eg"}) {
    EXPECT_FALSE(ContentHash::parse(bad).has_value()) << bad;
  }
}

Metadata example() {
  FileMetadata file;
  file.symbol = "BTCUSDT";
  file.rows = 3;
  file.bytes = 400;
  file.first_open_time = kT0;
  file.last_open_time = kT0 + 5 * kHour;
  file.last_updated = kT0 + kDay;
  file.sources = {"binance", "import"};
  file.gaps = {{kT0 + kHour, kT0 + 2 * kHour, 2, GapKind::kNotFetched},
               {kT0 + 4 * kHour, kT0 + 4 * kHour, 1, GapKind::kNoTrades}};
  Metadata metadata;
  metadata.put(file);
  file.symbol = "ADAUSDT";
  file.gaps.clear();
  metadata.put(file);
  return metadata;
}

TEST(MetadataTest, TextComesBack) {
  const Metadata metadata = example();
  EXPECT_EQ(metadata.files.front().symbol, "ADAUSDT");  // sorted
  const std::string text = to_text(metadata);
  const Metadata read = parse_metadata(text).value();
  EXPECT_EQ(to_text(read), text);
  const FileMetadata* const btc = read.find("BTCUSDT", Interval::k1h);
  ASSERT_NE(btc, nullptr);
  EXPECT_EQ(btc->missing(), 3u);
  EXPECT_EQ(btc->gaps, metadata.files.back().gaps);
  EXPECT_EQ(read.find("BTCUSDT", Interval::k15m), nullptr);
  EXPECT_NE(text.find("\"BTCUSDT_1h.csv\""), std::string::npos);
}

TEST(MetadataTest, EntriesThatMakeNoSenseAreLeftOut) {
  std::string text = to_text(example());
  const std::string good = "\"rows\": 3";
  text.replace(text.find(good), good.size(), "\"rows\": -3");  // ADAUSDT's
  const Metadata read = parse_metadata(text).value();
  ASSERT_EQ(read.files.size(), 1u);
  EXPECT_EQ(read.files[0].symbol, "BTCUSDT");
}

TEST(MetadataTest, RejectsOtherDocuments) {
  for (const char* bad : {"", "{", "[]", "{}", R"({"format":1})", R"({"format":1,"files":[]})"}) {
    EXPECT_EQ(parse_metadata(bad).error().code, ErrorCode::kCorrupt) << bad;
  }
  EXPECT_EQ(parse_metadata(R"({"format":2,"files":{}})").error().code, ErrorCode::kUnsupported);
}

TEST(GapTest, OutagesAreAscendingAndDisjoint) {
  const auto outages = known_outages();
  for (std::size_t i = 0; i < outages.size(); ++i) {
    EXPECT_LT(outages[i].from, outages[i].to);
    EXPECT_LT(i == 0 ? 0 : outages[i - 1].to, outages[i].from);
  }
}

TEST(GapTest, TheHoleOfMarch2023IsAnOutageInBothTimeframes) {
  const Hole hour{at("2023-03-24 13:00"), at("2023-03-24 13:00"), 1};
  const auto gaps_1h = classify(std::span(&hour, 1), Interval::k1h, {});
  ASSERT_EQ(gaps_1h.size(), 1u);
  EXPECT_EQ(gaps_1h[0].kind, GapKind::kOutage);

  // 12:30 existed on the exchange, 12:45 to 13:45 did not
  const Hole quarters{at("2023-03-24 12:30"), at("2023-03-24 13:45"), 6};
  const auto gaps_15m = classify(std::span(&quarters, 1), Interval::k15m, {});
  const std::vector<Gap> expected{{at("2023-03-24 12:30"), at("2023-03-24 12:30"), 1, GapKind::kNotFetched},
                                  {at("2023-03-24 12:45"), at("2023-03-24 13:45"), 5, GapKind::kOutage}};
  EXPECT_EQ(gaps_15m, expected);
}

TEST(GapTest, ACandleThatAnOutageOnlyTouchesCanBeFetched) {
  const Hole hours{at("2020-06-28 01:00"), at("2020-06-28 05:00"), 5};  // outage 02:00 to 05:30
  const auto gaps = classify(std::span(&hours, 1), Interval::k1h, {});
  const std::vector<Gap> expected{{at("2020-06-28 01:00"), at("2020-06-28 01:00"), 1, GapKind::kNotFetched},
                                  {at("2020-06-28 02:00"), at("2020-06-28 04:00"), 3, GapKind::kOutage},
                                  {at("2020-06-28 05:00"), at("2020-06-28 05:00"), 1, GapKind::kNotFetched}};
  EXPECT_EQ(gaps, expected);
}

TEST(GapTest, MarkedStretchesStayMarked) {
  const Hole hole{kT0, kT0 + 9 * kHour, 10};
  const std::vector<Gap> before{{kT0 + 2 * kHour, kT0 + 3 * kHour, 2, GapKind::kNoTrades},
                                {kT0 + 4 * kHour, kT0 + 4 * kHour, 1, GapKind::kNoTrades}};
  const auto gaps = classify(std::span(&hole, 1), Interval::k1h, before);
  const std::vector<Gap> expected{{kT0, kT0 + kHour, 2, GapKind::kNotFetched},
                                  {kT0 + 2 * kHour, kT0 + 4 * kHour, 3, GapKind::kNoTrades},
                                  {kT0 + 5 * kHour, kT0 + 9 * kHour, 5, GapKind::kNotFetched}};
  EXPECT_EQ(gaps, expected);
}

}  // namespace
}  // namespace mop::store
