#include <csignal>

#include <cmath>
#include <filesystem>
#include <limits>
#include <regex>

#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "mop/base/clock.h"
#include "mop/base/escape_html.h"
#include "mop/base/fs.h"
#include "mop/base/interrupt.h"
#include "mop/base/json.h"
#include "mop/base/log.h"
#include "mop/base/parallel.h"
#include "mop/base/rng.h"
#include "mop/base/sha256.h"
#include "mop/base/time.h"

namespace mop {
namespace {

// Who reads a log by lines must not be told of lines that nobody logged.
TEST(LogTest, AnEntryIsOneLineOfUtcTimeLevelAndMessage) {
  const std::string path = testing::TempDir() + "mop_log_test/a.log";
  std::filesystem::remove_all(testing::TempDir() + "mop_log_test");
  ASSERT_TRUE(log_to_file(path).has_value());
  log_info("plain");
  log_warning("of a host\r\n2025-01-01T00:00:00.000Z error forged");
  log_error("\x1b[31mred");
  const std::string text = PosixFs().read(path).value();
  const std::string time = "\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z ";
  EXPECT_TRUE(std::regex_match(text, std::regex(time + "info plain\n" + time +
                                                "warning of a host  2025-01-01T00:00:00.000Z error forged\n" +
                                                time + "error  \\[31mred\n")))
      << text;
}

TEST(InterruptTest, AHangupIsTakenOnce) {
  install_hangup_handler();
  EXPECT_FALSE(take_hangup());
  std::raise(SIGHUP);
  std::raise(SIGHUP);
  EXPECT_TRUE(take_hangup());
  EXPECT_FALSE(take_hangup());
  std::signal(SIGHUP, SIG_DFL);
}

// Known answers of the Random123 distribution (kat_vectors, philox4x32 10).
TEST(RngTest, PhiloxMatchesPublishedVectors) {
  EXPECT_EQ(philox(0, {0, 0, 0, 0}), (PhiloxBlock{0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u}));
  EXPECT_EQ(philox(0xffffffffffffffffull, {0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu}),
            (PhiloxBlock{0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu}));
}

TEST(RngTest, NormalHasUnitMoments) {
  Rng rng(7, 1);
  double sum = 0, squares = 0;
  constexpr int kDraws = 100000;
  for (int i = 0; i < kDraws; ++i) {
    const double x = rng.normal();
    sum += x;
    squares += x * x;
  }
  EXPECT_NEAR(sum / kDraws, 0.0, 0.015);
  EXPECT_NEAR(squares / kDraws, 1.0, 0.02);
}

TEST(TimeTest, RoundTripsAndRejects) {
  EXPECT_EQ(parse_utc("2025-07-01").value(), 1751328000000);
  EXPECT_EQ(parse_utc("2025-07-01T13:45:10.250Z").value(), 1751377510250);
  EXPECT_EQ(format_utc(1751377500000), "2025-07-01 13:45");
  EXPECT_EQ(format_utc_date(-1), "1969-12-31");
  for (const char* bad :
       {"", "2025-13-01", "2025-02-29", "2025-7-1", "2025-07-01x", "2025-07-01 25:00", "-025-07-01"}) {
    EXPECT_FALSE(parse_utc(bad).has_value()) << bad;
  }
}

TEST(FastClockTest, WhatWaitsByItWaitsAsMuchShorter) {
  ManualClock real(1'000'000);
  FastClock fast(real, 60.0);
  EXPECT_EQ(fast.now(), 1'000'000);
  fast.sleep_for(kMinute);
  EXPECT_EQ(real.slept(), kSecond);
  EXPECT_EQ(fast.now(), 1'000'000 + kMinute);
  fast.sleep_for(1);
  EXPECT_GE(fast.now(), 1'000'001 + kMinute) << "a wait is never cut short";
}

TEST(JsonTest, DoublesAreShortAndNaNIsNull) {
  const boost::json::value v = {
      {"a", 0.1}, {"b", std::numeric_limits<double>::quiet_NaN()}, {"c", {1, "x\n"}}};
  EXPECT_EQ(to_json_text(v), R"({"a":0.1,"b":null,"c":[1,"x\n"]})");
  EXPECT_EQ(parse_json(to_json_text(v), "text").value().at("a").as_double(), 0.1);
  EXPECT_FALSE(parse_json("{\"a\":", "text").has_value());
  EXPECT_FALSE(parse_json(std::string(100, '['), "text").has_value());
}

// FIPS 180-2, appendix B.1.
TEST(EscapeHtmlTest, NothingLeavesAnElementOrAnAttribute) {
  EXPECT_EQ(escape_html("<a b=\"c\" d='e'> & f"), "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt; &amp; f");
}

TEST(Sha256Test, MatchesPublishedVector) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(JsonTest, DoublesReadBackExactly) {
  Rng rng(9, 9);
  for (int i = 0; i < 20000; ++i) {
    const double x = rng.normal() * std::pow(10.0, 40.0 * rng.uniform() - 20.0);
    const boost::json::value list = boost::json::array{x};
    ASSERT_EQ(parse_json(to_json_text(list), "text").value().at(0).to_number<double>(), x)
        << to_json_text(list);
  }
  EXPECT_FALSE(parse_json("[1] 2", "text").has_value());
  EXPECT_EQ(parse_json(" {\"a\\n\": [\"\\u00e9\", -3, 18446744073709551615, true, null]} ", "text")
                .value()
                .at("a\n")
                .at(0)
                .as_string(),
            "\xc3\xa9");
}

TEST(ParallelTest, RunsEveryIndexOnce) {
  std::vector<int> hits(1000, 0);
  parallel_for(hits.size(), 4, [&](std::size_t i) { hits[i] += 1; });
  EXPECT_EQ(hits, std::vector<int>(1000, 1));
}

class FsTest : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = testing::TempDir() + "mop_fs_" + testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(dir_);
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  std::string dir_;
  PosixFs fs_;
};

TEST_F(FsTest, AtomicWriteLeavesOnlyTheTarget) {
  ASSERT_TRUE(fs_.write_atomically(dir_ + "/a/b.txt", "one"));
  ASSERT_TRUE(fs_.write_atomically(dir_ + "/a/b.txt", "two"));
  EXPECT_EQ(fs_.read(dir_ + "/a/b.txt").value(), "two");
  EXPECT_EQ(fs_.list(dir_ + "/a"), std::vector<std::string>{"b.txt"});
}

TEST_F(FsTest, AppendAtCutsATornTail) {
  ASSERT_TRUE(fs_.append_at(dir_ + "/f", 0, "abcdef"));
  ASSERT_TRUE(fs_.append_at(dir_ + "/f", 3, "XY"));
  EXPECT_EQ(fs_.read(dir_ + "/f").value(), "abcXY");
}

TEST_F(FsTest, ASecondLockIsRefusedAndNamesTheHolder) {
  const auto held = FileLock::acquire(dir_ + "/lock");
  ASSERT_TRUE(held.has_value());
  const auto second = FileLock::acquire(dir_ + "/lock");
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(second.error().message.find("pid"), std::string::npos);
}

TEST_F(FsTest, RemoveDeletesAFileAndAcceptsThatThereIsNone) {
  ASSERT_TRUE(fs_.write_atomically(dir_ + "/f", "x"));
  EXPECT_TRUE(fs_.remove(dir_ + "/f"));
  EXPECT_FALSE(fs_.exists(dir_ + "/f"));
  EXPECT_TRUE(fs_.remove(dir_ + "/f"));
  EXPECT_EQ(fs_.remove("/proc/version").error().code, ErrorCode::kIo);
}

TEST_F(FsTest, MissingFileIsNotFound) {
  EXPECT_EQ(fs_.read(dir_ + "/none").error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace mop
