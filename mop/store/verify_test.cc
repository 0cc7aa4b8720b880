#include "mop/store/verify.h"

#include "mop/store/candle_store.h"
#include "mop/store/test_support.h"

namespace mop::store {
namespace {

using market::Interval;

class VerifyTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    CandleStore store(dir_, fs_, clock_);
    auto candles = hours(0, 3);
    candles.push_back(hourly(5));
    ASSERT_TRUE(store.merge("BTCUSDT", Interval::k1h, candles, "binance"));
  }
  std::string csv() { return dir_ + "/BTCUSDT_1h.csv"; }
  VerifyReport verified() {
    const Metadata saved = read_metadata(fs_, dir_).value();
    return verify_file(fs_, csv(), "BTCUSDT", Interval::k1h, saved.find("BTCUSDT", Interval::k1h)).value();
  }
};

TEST_F(VerifyTest, AHealthyFileHasOnlyHoles) {
  const VerifyReport report = verified();
  EXPECT_EQ(report.rows, 4u);
  EXPECT_TRUE(report.problems.empty());
  EXPECT_EQ(report.holes, (std::vector<Gap>{{kT0 + 3 * kHour, kT0 + 4 * kHour, 2, GapKind::kNotFetched}}));
}

TEST_F(VerifyTest, FindsAChangedDigitByItsHash) {
  std::string text = text_of(csv());
  const std::size_t at = text.find("1001.25");
  ASSERT_NE(at, std::string::npos);
  text[at] = '2';
  ASSERT_TRUE(fs_.write_atomically(csv(), text));
  const VerifyReport report = verified();
  ASSERT_EQ(report.problems.size(), 1u);
  EXPECT_EQ(report.problems[0].rule, "metadata");
  EXPECT_NE(report.problems[0].message.find("content_hash"), std::string::npos);
}

TEST_F(VerifyTest, NamesATornTailAndEveryBadRow) {
  ASSERT_TRUE(fs_.append_at(csv(), fs_.size(csv()).value(), "bad\nworse\n17357"));
  const VerifyReport report = verified();
  ASSERT_EQ(report.problems.size(), 4u);
  EXPECT_EQ(report.problems[0].line, 6u);
  EXPECT_EQ(report.problems[1].line, 7u);
  EXPECT_EQ(report.problems[2].rule, "torn_tail");
  EXPECT_EQ(report.problems[2].line, 8u);
  EXPECT_EQ(report.problems[3].rule, "metadata");
}

TEST_F(VerifyTest, MissingMetadataIsAProblemAndAMissingFileAnError) {
  const VerifyReport report = verify_file(fs_, csv(), "BTCUSDT", Interval::k1h, nullptr).value();
  ASSERT_EQ(report.problems.size(), 1u);
  EXPECT_NE(report.problems[0].message.find("no entry"), std::string::npos);
  const auto none = verify_file(fs_, dir_ + "/ETHUSDT_1h.csv", "ETHUSDT", Interval::k1h, nullptr);
  EXPECT_EQ(none.error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace mop::store
