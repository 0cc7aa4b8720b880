#include "mop/sim/sim_clock.h"

#include <gtest/gtest.h>

namespace mop::sim {
namespace {

TEST(SimClockTest, StartsWhereToldAndRunsAsFastAsTold) {
  ManualClock base(1'000'000);
  ScaledClock clock(base, 5'000, 60.0);
  EXPECT_EQ(clock.now(), 5'000);
  base.set(1'000'000 + 1'500);
  EXPECT_EQ(clock.now(), 5'000 + 90'000);
  clock.sleep_for(120'000);
  EXPECT_EQ(base.slept(), 2'000);
  EXPECT_EQ(clock.now(), 5'000 + 90'000 + 120'000);
}

TEST(SimClockTest, ReadsSpeeds) {
  EXPECT_EQ(parse_clock_speed("real").value(), 1.0);
  EXPECT_EQ(parse_clock_speed("x60").value(), 60.0);
  EXPECT_EQ(parse_clock_speed("x0.5").value(), 0.5);
  for (const char* bad : {"", "x", "60", "x0", "x-1", "xnan", "xinf", "x1e9", "x60s", "REAL", "fast"}) {
    const auto speed = parse_clock_speed(bad);
    ASSERT_FALSE(speed.has_value()) << bad;
    EXPECT_EQ(speed.error().code, ErrorCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace mop::sim
