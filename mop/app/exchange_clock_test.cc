#include "mop/app/exchange_clock.h"

#include <gtest/gtest.h>

namespace mop::app {
namespace {

constexpr UnixMillis kNine = 1751360400000;
constexpr std::int64_t kSecondUs = 1'000'000;

TEST(ExchangeClockTest, IsCarriedOnBetweenWhatTheExchangeSays) {
  ExchangeClock clock(1.0);
  EXPECT_EQ(clock.at(5 * kSecondUs), 0);
  clock.note(kNine, 10 * kSecondUs);
  EXPECT_EQ(clock.at(10 * kSecondUs), kNine);
  EXPECT_EQ(clock.at(12 * kSecondUs), kNine + 2000);
}

TEST(ExchangeClockTest, TheQuickestMessageIsBelievedAndItNeverGoesBack) {
  ExchangeClock clock(1.0);
  clock.note(kNine, 0);
  clock.note(kNine + 2000, 1 * kSecondUs);  // that one took a second less
  EXPECT_EQ(clock.at(1 * kSecondUs), kNine + 2000);
  clock.note(kNine + 2500, 3 * kSecondUs);  // slow again
  EXPECT_EQ(clock.at(3 * kSecondUs), kNine + 4000);
  EXPECT_EQ(clock.at(2 * kSecondUs), kNine + 4000);
}

// A machine whose clock runs a thousandth fast: the error stays within what a few windows amount to.
TEST(ExchangeClockTest, DriftIsForgotten) {
  ExchangeClock clock(1.0);
  for (std::int64_t s = 0; s <= 100'000; s += 2)
    clock.note(kNine + s * 1000, s * kSecondUs * 1001 / 1000);
  const UnixMillis ahead = clock.at(100'000 * kSecondUs * 1001 / 1000) - (kNine + 100'000'000);
  EXPECT_GE(ahead, 0);
  EXPECT_LE(ahead, 500);
}

TEST(ExchangeClockTest, ARehearsalRunsFaster) {
  ExchangeClock clock(1000.0);
  clock.note(kNine, 0);
  EXPECT_EQ(clock.at(kSecondUs), kNine + 1'000'000);
}

}  // namespace
}  // namespace mop::app
