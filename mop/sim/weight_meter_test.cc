#include "mop/sim/weight_meter.h"

#include <gtest/gtest.h>

namespace mop::sim {
namespace {

constexpr UnixMillis kMinuteStart = 1'751'328'000'000;

TEST(WeightMeterTest, CountsAMinuteAndBeginsAgain) {
  WeightMeter meter(10);
  EXPECT_EQ(meter.admit(4, kMinuteStart).used, 4);
  EXPECT_EQ(meter.admit(6, kMinuteStart + 1).used, 10);
  EXPECT_EQ(meter.admit(1, kMinuteStart + 59'999).status, 429);
  const Admission next = meter.admit(2, kMinuteStart + kMinute);
  EXPECT_EQ(next.status, 200);
  EXPECT_EQ(next.used, 2);
}

TEST(WeightMeterTest, TellsHowLongToWait) {
  WeightMeter meter(1);
  (void)meter.admit(1, kMinuteStart);
  const Admission over = meter.admit(1, kMinuteStart + 45 * kSecond);
  EXPECT_EQ(over.status, 429);
  EXPECT_EQ(over.retry_after, 15 * kSecond);
}

TEST(WeightMeterTest, BansWhoKeepsAskingAndDoublesTheBan) {
  WeightMeter meter(1, /*ignored_429_before_ban=*/2);
  UnixMillis now = kMinuteStart;
  for (const DurationMillis ban : {2 * kMinute, 4 * kMinute, 8 * kMinute}) {
    EXPECT_EQ(meter.admit(1, now).status, 200);
    EXPECT_EQ(meter.admit(1, now).status, 429);
    EXPECT_EQ(meter.admit(1, now).status, 429);
    const Admission banned = meter.admit(1, now);
    EXPECT_EQ(banned.status, 418);
    EXPECT_EQ(banned.retry_after, ban);
    EXPECT_EQ(banned.banned_until, now + ban);
    EXPECT_EQ(meter.admit(1, now + ban - 1).status, 418);
    now += ban;
  }
}

TEST(WeightMeterTest, WaitingAsToldIsNeverPunished) {
  WeightMeter meter(1, 2);
  UnixMillis now = kMinuteStart;
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(meter.admit(1, now).status, 200);
    const Admission over = meter.admit(1, now);
    ASSERT_EQ(over.status, 429);
    now += over.retry_after;
  }
}

}  // namespace
}  // namespace mop::sim
