// Candles and directories for this room's tests.
#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "mop/base/check.h"
#include "mop/base/clock.h"
#include "mop/base/fs.h"
#include "mop/market/candle.h"

namespace mop::store {

inline constexpr UnixMillis kT0 = 1735689600000;  // 2025-01-01 00:00 UTC

inline market::Decimal dec(std::string_view text) {
  auto value = market::Decimal::parse(text);
  MOP_CHECK(value.has_value()) << text;
  return *value;
}

/// The hourly candle `hour` hours after kT0; `close` makes versions of it.
inline market::Candle hourly(int hour, std::string_view close = "101.50000000") {
  market::Candle c;
  c.open_time = kT0 + hour * kHour;
  c.close_time = c.open_time + kHour - 1;
  c.open = dec("100.00000000");
  c.high = dec("102.00000000");
  c.low = dec("99.00000000");
  c.close = dec(close);
  c.volume = dec(fmt::format("{}.25000000", 1000 + hour));
  c.quote_volume = dec("123456.78901234");
  c.trades = 42;
  c.taker_buy_base = dec("1.00000000");
  c.taker_buy_quote = dec("2.00000000");
  return c;
}

/// Hours [first, last).
inline std::vector<market::Candle> hours(int first, int last) {
  std::vector<market::Candle> candles;
  for (int h = first; h < last; ++h)
    candles.push_back(hourly(h));
  return candles;
}

/// Files in memory: thousands of crashes in a second. Derived tests make it count or fail.
class MemoryFs : public Fs {
 public:
  Result<std::string> read(const std::string& path) override {
    if (!exists(path)) return fail(ErrorCode::kNotFound, "cannot read " + path);
    return files_.at(path);
  }
  Result<void> write_atomically(const std::string& path, std::string_view bytes) override {
    files_[path] = bytes;
    return {};
  }
  Result<void> append_at(const std::string& path, std::uint64_t offset, std::string_view bytes) override {
    MOP_CHECK(offset <= files_[path].size()) << path << " at " << offset;
    files_[path].resize(offset);
    files_[path] += bytes;
    return {};
  }
  Result<std::uint64_t> size(const std::string& path) override {
    if (!exists(path)) return fail(ErrorCode::kNotFound, "cannot look at " + path);
    return std::uint64_t{files_.at(path).size()};
  }
  bool exists(const std::string& path) override { return files_.contains(path); }
  Result<void> remove(const std::string& path) override {
    files_.erase(path);
    return {};
  }
  std::vector<std::string> list(const std::string& directory) override {
    std::vector<std::string> names;
    for (const auto& [path, bytes] : files_) {
      if (path.starts_with(directory + "/")) names.push_back(path.substr(directory.size() + 1));
    }
    return names;
  }

 private:
  std::map<std::string, std::string> files_;
};

/// A test with an empty directory of its own and a clock that stands still.
class StoreTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto* const test = testing::UnitTest::GetInstance()->current_test_info();
    dir_ = fmt::format("{}mop_store_{}_{}", testing::TempDir(), test->test_suite_name(), test->name());
    std::filesystem::remove_all(dir_);
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  std::string text_of(const std::string& path) { return fs_.read(path).value(); }

  std::string dir_;
  PosixFs fs_;
  ManualClock clock_{kT0 + 1000 * kDay};
};

}  // namespace mop::store
