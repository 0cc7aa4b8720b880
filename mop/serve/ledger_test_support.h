// Models, forecasts and ledgers for this room's tests. All numbers are made of counters, none is random.
#pragma once
#include <cmath>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "mop/base/check.h"
#include "mop/base/rng.h"
#include "mop/serve/ledger.h"
#include "mop/serve/schema.h"

namespace mop::serve {

inline constexpr UnixMillis kT0 = 1735689600000 - 1;  // the close before 2025-01-01 00:00 UTC
inline constexpr std::size_t kSteps = 3;

inline const std::vector<double>& test_levels() {
  static const std::vector<double> levels{0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975};
  return levels;
}

inline std::string hex_of(char digit) {
  return std::string(64, digit);
}

/// A normal distribution's quantiles at test_levels(), times `scale`, for each step.
inline std::vector<double> normal_table(double scale) {
  const double half[] = {-1.96, -1.645, -1.282, -0.674, 0.0, 0.674, 1.282, 1.645, 1.96};
  std::vector<double> table;
  for (std::size_t step = 0; step < kSteps; ++step) {
    for (const double q : half)
      table.push_back(scale * q);
  }
  return table;
}

inline ModelRow test_model(char digit = 'a', market::Interval interval = market::Interval::k1h) {
  ModelRow m;
  m.sha256 = hex_of(digit);
  m.interval = interval;
  m.id = fmt::format("BTCUSDT_{}", market::to_string(interval));
  m.horizon = kSteps;
  m.levels = test_levels();
  m.static_y = normal_table(0.012);
  m.ewma_z = normal_table(1.05);
  m.har_residual = normal_table(1.02);
  m.spike_threshold = 0.02;
  m.trained_until = kT0 - kDay;
  return m;
}

/// The close of candle `n` after kT0.
inline UnixMillis close_of(int n, market::Interval interval = market::Interval::k1h) {
  return kT0 + n * market::length_of(interval);
}

/// A made-up price: a walk that depends on n alone.
inline double price_at(int n) {
  Rng rng(7, static_cast<std::uint64_t>(n));
  return 100.0 * std::exp(0.01 * rng.normal());
}

inline ForecastRow test_forecast(int n, std::string symbol = "BTCUSDT",
                                 market::Interval interval = market::Interval::k1h) {
  ForecastRow f;
  f.symbol = std::move(symbol);
  f.interval = interval;
  f.as_of = close_of(n, interval);
  f.made_at = f.as_of + 150;
  f.close = price_at(n);
  f.tick_size = 0.01;
  f.sigma = 0.01 + 0.0001 * (n % 7);
  f.champion = "model";
  f.model_id = fmt::format("BTCUSDT_{}", market::to_string(interval));
  f.model_sha256 = hex_of('a');
  f.input_hash = hex_of('1');
  f.horizon = kSteps;
  f.levels = test_levels();
  f.z = normal_table(0.9 + 0.01 * (n % 11));
  f.p_up = {0.51, 0.49, 0.5};
  f.log_range = 0.015 + 0.0001 * (n % 5);
  f.har_scale = {1.1, 1.0, 0.9};
  return f;
}

inline MissedRow test_missed(int n, std::string symbol = "BTCUSDT") {
  return {std::move(symbol), market::Interval::k1h, close_of(n), close_of(n) + 5000, "no candle within 3 s"};
}

inline ClosedCandle candle_at(int n, std::string symbol = "BTCUSDT",
                              market::Interval interval = market::Interval::k1h) {
  const double close = price_at(n);
  return {std::move(symbol), interval, close_of(n, interval), close, close * 1.006, close * 0.995};
}

/// A test with a fresh mop.db.
class LedgerTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto* const test = testing::UnitTest::GetInstance()->current_test_info();
    dir_ = fmt::format("{}mop_ledger_{}_{}", testing::TempDir(), test->test_suite_name(), test->name());
    std::filesystem::remove_all(dir_);
    std::filesystem::create_directories(dir_);
    path_ = dir_ + "/mop.db";
    open();
  }
  void TearDown() override {
    ledger_.reset();
    database_.reset();
    std::filesystem::remove_all(dir_);
  }

  void open() {
    ledger_.reset();
    database_.reset();
    auto database = open_database(path_, store::Access::kWrite);
    ASSERT_TRUE(database.has_value()) << database.error().message;
    database_ = std::make_unique<store::Database>(std::move(*database));
    if (!durable_) static_cast<void>(database_->execute("PRAGMA synchronous = OFF"));  // half the tests' time
    auto ledger = Ledger::open(*database_);
    ASSERT_TRUE(ledger.has_value()) << ledger.error().message;
    ledger_ = std::make_unique<Ledger>(std::move(*ledger));
  }
  // A model and the forecasts at closes [first, last).
  void fill(int first, int last) {
    const ModelRow models[] = {test_model()};
    ASSERT_TRUE(ledger_->add_models(models).has_value());
    for (int n = first; n < last; ++n) {
      const ForecastRow rows[] = {test_forecast(n)};
      const auto done = ledger_->append(rows, {});
      ASSERT_TRUE(done.has_value()) << done.error().message;
    }
  }
  LedgerReport report(std::string_view noted_head = {}) {
    auto report = ledger_->verify(noted_head);
    EXPECT_TRUE(report.has_value()) << report.error().message;
    return report ? *report : LedgerReport{};
  }
  // SQL of somebody who wants to change the past: triggers and rules are out of the way.
  void tamper(const std::string& sql) {
    std::string all = "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON;";
    for (const char* table : {"chain", "models", "forecasts", "missed"})
      all += fmt::format("DROP TRIGGER IF EXISTS {0}_update; DROP TRIGGER IF EXISTS {0}_delete;", table);
    const auto done = database_->execute(all + sql);
    ASSERT_TRUE(done.has_value()) << done.error().message;
  }

  std::string dir_, path_;
  bool durable_ = false;
  std::unique_ptr<store::Database> database_;
  std::unique_ptr<Ledger> ledger_;
};

}  // namespace mop::serve
