#include "mop/exchange/ccxt_source.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

namespace mop::exchange {
namespace {

using market::Interval;

// A shell script in the place of Node.js: the pipe, without ccxt.
class CcxtSourceTest : public testing::Test {
 protected:
  Result<std::size_t> run(const std::string& says) {
    const std::string script = testing::TempDir() + "mop_ccxt_" +
                               testing::UnitTest::GetInstance()->current_test_info()->name() + ".sh";
    std::ofstream(script) << "read request\nprintf '%s\\n' \"$request\" >" << script << ".request\n" << says;
    CcxtOptions options;
    options.node = "sh";
    options.script = script;
    auto done = fetch_ccxt(options, {"kucoin", "XMRUSDT", Interval::k1h, 7'200'000, 14'400'000},
                           [&](std::span<const market::Candle> candles) -> Result<void> {
                             got.insert(got.end(), candles.begin(), candles.end());
                             return {};
                           });
    std::getline(std::ifstream(script + ".request"), request);
    std::filesystem::remove(script);
    std::filesystem::remove(script + ".request");
    return done;
  }
  std::vector<market::Candle> got;
  std::string request;
};

TEST_F(CcxtSourceTest, HandsOnFinishedCandlesOnceEach) {
  const auto done = run(
      R"(echo '{"rows":[[3600000,"1","2","0.5","1.5","10"],[7200000,"1","2","0.5","1.5","10.25"]]}'
echo '{"rows":[[7200000,"1","2","0.5","1.5","10"],[10800000,"1","2","0.5","1.5","10"],[14400000,"1","2","0.5","1.5","10"]]}'
echo '{"done":true}'
)");
  ASSERT_TRUE(done.has_value()) << done.error().message;
  ASSERT_EQ(got.size(), 2u) << "before since, twice, and not finished: left out";
  EXPECT_EQ(got[0].open_time, 7'200'000);
  EXPECT_EQ(got[0].volume.text(), "10.25");
  EXPECT_EQ(got[0].trades, -1) << "ccxt does not state it";
  EXPECT_EQ(got[1].close_time, 14'399'999);
  EXPECT_NE(request.find(R"("symbol":"XMR/USDT")"), std::string::npos) << request;
}

TEST_F(CcxtSourceTest, FaultsOfTheEdgeAreErrors) {
  for (const auto& [says, code] : std::vector<std::pair<std::string, ErrorCode>>{
           {R"(echo '{"error":{"kind":"not_found","message":"kucoin does not trade XMR/USDT"}}')",
            ErrorCode::kNotFound},
           {R"(echo '{"error":{"kind":"rate_limited","message":"slow down"}}')", ErrorCode::kRateLimited},
           {"exit 3", ErrorCode::kUnavailable},
           {"echo nonsense", ErrorCode::kCorrupt},
           {R"(echo '{"rows":[[7200000,"1","2","0.5","1.5"]]}')", ErrorCode::kCorrupt},
           {R"(echo '{"rows":[[7200000,"1","2","0.5","9","1"]]}')", ErrorCode::kCorrupt},
           {R"(echo '{"rows":[[7200001,"1","2","0.5","1","1"]]}')", ErrorCode::kCorrupt}}) {
    const auto done = run(says + "\n");
    ASSERT_FALSE(done.has_value()) << says;
    EXPECT_EQ(done.error().code, code) << says << ": " << done.error().message;
  }
}

TEST_F(CcxtSourceTest, WithoutNodeTheRemedyIsNamed) {
  CcxtOptions options;
  options.node = "no-such-program-here";
  options.script = "x";
  const auto done = fetch_ccxt(options, {}, [](auto) -> Result<void> { return {}; });
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(done.error().message.find("Node.js"), std::string::npos) << done.error().message;
}

}  // namespace
}  // namespace mop::exchange
