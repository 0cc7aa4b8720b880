#include "mop/app/doctor.h"

#include <algorithm>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "mop/exchange/fake_transport.h"

namespace mop::app {
namespace {

using exchange::FakeTransport;
using exchange::HttpReply;

constexpr UnixMillis kNine = 1751360400000;
const std::string kBinance = "https://api.binance.com", kMirror = "https://data-api.binance.vision";

bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

HttpReply time_reply(UnixMillis t) {
  return {200, {}, fmt::format(R"({{"serverTime":{}}})", t)};
}

ExchangeChecks asked(FakeTransport& transport, const std::string& base_url = kBinance) {
  ManualClock clock(kNine);
  return check_exchange(transport, clock, base_url);
}

TEST(DoctorChecksTest, TheCpuRowNamesWhatNetworksRunOn) {
  const Check avx2 = check_cpu(8, "AVX2");
  EXPECT_EQ(avx2.state, CheckState::kOk);
  EXPECT_EQ(avx2.found, "8 usable cores, networks run on AVX2");
  EXPECT_TRUE(holds(check_cpu(1, "AVX3_ZEN4").found, "1 usable core, networks run on AVX3_ZEN4 (AVX-512)"));
  EXPECT_EQ(check_cpu(2, "EMU128").state, CheckState::kWarn);
  EXPECT_FALSE(check_cpu(2, "EMU128").remedy.empty());
}

TEST(DoctorChecksTest, AMachineWithoutAGpuTrainsOnTheCpu) {
  const Result<nn::cuda::DeviceInfo> none = fail(ErrorCode::kUnsupported, "no CUDA device is usable here");
  const Check no_cuda = check_gpu(none, false, "auto");
  EXPECT_EQ(no_cuda.state, CheckState::kSkipped);
  EXPECT_TRUE(holds(no_cuda.found, "trains on the CPU"));
  EXPECT_TRUE(holds(no_cuda.remedy, "cmake --preset cuda"));
  const Check no_device = check_gpu(none, true, "cpu");
  EXPECT_EQ(no_device.state, CheckState::kSkipped);
  EXPECT_TRUE(holds(no_device.found, "no CUDA device is usable here"));
  EXPECT_EQ(no_device.remedy, "");
  EXPECT_EQ(check_gpu(none, true, "cuda").state, CheckState::kFail);
  EXPECT_TRUE(holds(check_gpu(none, true, "cuda").remedy, "--device cpu"));
}

TEST(DoctorChecksTest, AGpuIsShownWithWhatItIsUsedFor) {
  const Result<nn::cuda::DeviceInfo> gpu =
      nn::cuda::DeviceInfo{"NVIDIA H100", std::size_t{80} << 30, std::size_t{79} << 30, 9, 0, 12080, 132, 0};
  for (const char* device : {"auto", "cuda"}) {
    const Check row = check_gpu(gpu, true, device);
    EXPECT_EQ(row.state, CheckState::kOk);
    EXPECT_TRUE(holds(row.found,
                      "NVIDIA H100, 79.0 GiB of 80.0 GiB free, compute capability 9.0, driver for CUDA "
                      "12.8; `mop train` trains there"))
        << row.found;
  }
  EXPECT_TRUE(holds(check_gpu(gpu, true, "cpu").found, "not used, device is cpu"));
}

TEST(DoctorChecksTest, TheTightestFileSystemCountsAndWhatCannotBeWrittenFails) {
  constexpr std::uint64_t kMiB = 1 << 20;
  const auto disk = [](std::uint64_t models_free, const std::string& problem) {
    return check_disk(std::vector<Place>{{"data/raw", 5000 * kMiB, ""}, {"models", models_free, problem}});
  };
  EXPECT_EQ(disk(1024 * kMiB, "").state, CheckState::kOk);
  EXPECT_EQ(disk(1024 * kMiB, "").found, "1.0 GiB free for data/raw, models");
  EXPECT_EQ(disk(1023 * kMiB, "").state, CheckState::kWarn);
  EXPECT_TRUE(holds(disk(1023 * kMiB, "").found, "only 1023 MiB free where models is"));
  EXPECT_EQ(disk(63 * kMiB, "").state, CheckState::kFail);
  const Check refused = disk(5000 * kMiB, "models: Permission denied");
  EXPECT_EQ(refused.state, CheckState::kFail);
  EXPECT_TRUE(holds(refused.found, "models: Permission denied"));
}

TEST(DoctorChecksTest, AFileInTheWayOfADirectoryIsToldAndAMissingOneIsJudgedByItsParent) {
  const std::string directory = testing::TempDir() + "mop_doctor_places";
  PosixFs fs;
  ASSERT_TRUE(fs.write_atomically(directory + "/file", "x").has_value());
  EXPECT_EQ(look_at_directory(fs, directory + "/file").problem, directory + "/file is no directory");
  const Place missing = look_at_directory(fs, directory + "/a/b");
  EXPECT_EQ(missing.problem, "");
  EXPECT_GT(missing.free_bytes, 0u);
  EXPECT_FALSE(fs.exists(directory + "/a"));
  EXPECT_EQ(look_at_file(directory + "/file").problem, "");
  EXPECT_EQ(look_at_file("/proc/version/mop.db").problem, "/proc/version is no directory");
}

TEST(DoctorChecksTest, FewOpenFilesAreAWarning) {
  EXPECT_EQ(check_open_files(2048, 2048).state, CheckState::kOk);
  const Check few = check_open_files(2048, 896);
  EXPECT_EQ(few.state, CheckState::kWarn);
  EXPECT_TRUE(holds(few.found, "896 connections at once instead of 2048"));
  EXPECT_TRUE(holds(few.remedy, "2176"));
}

// Only what is off for certain: half of the round trip may be the network's.
TEST(DoctorChecksTest, TheClockIsWarnedOfAboveASecondAndFailsAboveAMinute) {
  EXPECT_EQ(check_clock(1000, 0).state, CheckState::kOk);
  EXPECT_EQ(check_clock(-1001, 0).state, CheckState::kWarn);
  EXPECT_EQ(check_clock(1400, 400).state, CheckState::kOk);
  EXPECT_EQ(check_clock(60'000, 0).state, CheckState::kWarn);
  EXPECT_EQ(check_clock(60'001, 0).state, CheckState::kFail);
  EXPECT_TRUE(holds(check_clock(5000, 20).found, "5.0s behind the exchange's (within 20 ms)"));
  EXPECT_TRUE(holds(check_clock(-5000, 20).found, "5.0s ahead of the exchange's"));
  EXPECT_EQ(check_clock(999, 0).remedy, "");
  EXPECT_TRUE(holds(check_clock(5000, 0).remedy, "timedatectl"));
}

// The first reply takes 800 ms, 700 of them before the exchange speaks; the others 20, evenly.
TEST(DoctorChecksTest, TheQuickestOfThreeLooksTellsTheClock) {
  ManualClock clock(kNine);
  FakeTransport transport([&](const std::string&, std::size_t number) -> Result<HttpReply> {
    clock.sleep_for(number == 0 ? 700 : 10);
    const HttpReply reply = time_reply(clock.now() + 3000);
    clock.sleep_for(number == 0 ? 100 : 10);
    return reply;
  });
  const ExchangeChecks checks = check_exchange(transport, clock, kBinance);
  EXPECT_EQ(transport.urls().size(), 3u);
  EXPECT_EQ(checks.skew, 3000);
  EXPECT_EQ(checks.exchange.state, CheckState::kOk);
  EXPECT_EQ(checks.exchange.found, kBinance + " answers in 20 ms");
  EXPECT_EQ(checks.clock.state, CheckState::kWarn);
}

TEST(DoctorChecksTest, ASlowExchangeIsNotAskedAgainAndALaterSilenceTakesNothingBack) {
  ManualClock clock(kNine);
  FakeTransport slow([&](const std::string&, std::size_t) -> Result<HttpReply> {
    clock.sleep_for(1500);
    return time_reply(clock.now());
  });
  EXPECT_EQ(check_exchange(slow, clock, kBinance).clock.state, CheckState::kOk);
  EXPECT_EQ(slow.urls().size(), 1u);
  FakeTransport once(exchange::scripted({time_reply(kNine), fail(ErrorCode::kUnavailable, "cut off")}));
  EXPECT_EQ(asked(once).exchange.state, CheckState::kOk);
}

TEST(DoctorChecksTest, WhereTheLocationIsRefusedAnotherHostIsFound) {
  FakeTransport transport([](const std::string& url, std::size_t) -> Result<HttpReply> {
    if (url.starts_with(kMirror)) return time_reply(kNine + 100);
    return HttpReply{451, {}, ""};
  });
  const ExchangeChecks checks = asked(transport, kBinance + "/");
  EXPECT_EQ(checks.exchange.state, CheckState::kWarn);
  EXPECT_TRUE(holds(checks.exchange.found, kBinance + " answers HTTP 451; " + kMirror + " answers in"));
  EXPECT_TRUE(holds(checks.exchange.remedy, "base_url = \"" + kMirror + "\""));
  EXPECT_EQ(checks.skew, 100);
  EXPECT_EQ(checks.clock.state, CheckState::kOk);
}

TEST(DoctorChecksTest, WhereEveryHostRefusesTheWaysAroundAreNamed) {
  FakeTransport transport(exchange::scripted({HttpReply{451, {}, ""}}));
  const ExchangeChecks checks = asked(transport);
  EXPECT_EQ(transport.urls().size(), 7u);
  EXPECT_EQ(checks.exchange.state, CheckState::kFail);
  EXPECT_TRUE(holds(checks.exchange.remedy, "--source archive"));
  EXPECT_TRUE(holds(checks.exchange.remedy, "--source ccxt:kucoin"));
  EXPECT_FALSE(holds(checks.exchange.remedy, "data-api")) << "it has been asked as well";
  EXPECT_EQ(checks.clock.state, CheckState::kSkipped);
  EXPECT_FALSE(checks.skew.has_value());
  FakeTransport proxy(exchange::scripted({HttpReply{451, {}, ""}}));
  EXPECT_TRUE(holds(asked(proxy, "https://proxy.example").exchange.remedy, kMirror));
  EXPECT_EQ(proxy.urls().size(), 1u);
}

// Whoever is banned must not go on to the next host.
TEST(DoctorChecksTest, ABanIsWaitedOut) {
  FakeTransport transport(exchange::scripted({HttpReply{418, {{"retry-after", "77"}}, ""}}));
  const Check row = asked(transport).exchange;
  EXPECT_EQ(transport.urls().size(), 1u);
  EXPECT_EQ(row.state, CheckState::kFail);
  EXPECT_TRUE(holds(row.remedy, "wait 77 seconds"));
  FakeTransport odd(exchange::scripted({HttpReply{429, {{"retry-after", "\x1b[2J"}}, ""}}));
  EXPECT_TRUE(holds(asked(odd).exchange.remedy, "wait some seconds"));
}

TEST(DoctorChecksTest, EveryOtherAnswerHasItsOwnRemedy) {
  const auto row_of = [](const Result<HttpReply>& reply) {
    FakeTransport transport(exchange::scripted({reply}));
    const Check row = asked(transport, "http://127.0.0.1:9").exchange;
    EXPECT_EQ(row.state, CheckState::kFail) << row.found;
    return row;
  };
  const Check silent = row_of(fail(ErrorCode::kUnavailable, "127.0.0.1:9 could not be asked"));
  EXPECT_EQ(silent.found, "127.0.0.1:9 could not be asked");
  EXPECT_TRUE(holds(silent.remedy, "HTTPS_PROXY"));
  EXPECT_TRUE(holds(row_of(fail(ErrorCode::kIo, "self-signed")).remedy, "ca-certificates"));
  EXPECT_TRUE(holds(row_of(HttpReply{200, {}, "<html>"}).remedy, "no Binance"));
  EXPECT_TRUE(holds(row_of(HttpReply{404, {}, ""}).remedy, "--base-url"));
  EXPECT_TRUE(holds(row_of(HttpReply{502, {}, ""}).remedy, "in some minutes"));
  EXPECT_TRUE(holds(row_of(HttpReply{403, {}, ""}).remedy, "firewall"));
}

TEST(DoctorChecksTest, NoRequestMayTakeLongerThanSeconds) {
  class Timed final : public exchange::Transport {
   public:
    Result<HttpReply> get(const exchange::HttpRequest& request) override {
      longest = std::max(longest, request.timeout_ms);
      return time_reply(kNine);
    }
    DurationMillis longest = 0;
  } transport;
  ManualClock clock(kNine);
  check_exchange(transport, clock, "http://127.0.0.1:9");
  EXPECT_GT(transport.longest, 0);
  EXPECT_LE(transport.longest, 5 * kSecond);
}

}  // namespace
}  // namespace mop::app
