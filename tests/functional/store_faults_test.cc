// Whatever happens to the program or its disk while it stores candles: the store stays clean, and the next
// fetch gives the bytes of an undisturbed one.
#include <signal.h>
#include <sys/resource.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <random>

#include "collect_fixture.h"

namespace mop::functional {
namespace {

namespace fs = std::filesystem;

constexpr std::array<const char*, 4> kFiles{"BTCUSDT_15m.csv", "BTCUSDT_1h.csv", "ETHUSDT_15m.csv",
                                            "ETHUSDT_1h.csv"};

// "whole" is the undisturbed run.
class StoreFaultsTest : public CollectTest {
 protected:
  const std::vector<std::string> from_nothing{"--symbols", "BTCUSDT,ETHUSDT", "--limit", "3000"};
  const std::vector<std::string> behind_rows{"--symbols", "BTCUSDT,ETHUSDT"};

  // The first `rows` rows of every file of the whole run.
  void begin_with(const std::string& data, std::size_t rows) {
    fs::remove_all(directory + "/" + data);
    for (const char* name : kFiles) {
      const std::string whole = file("whole", name);
      std::size_t end = 0;
      for (std::size_t line = 0; line <= rows; ++line)
        end = whole.find('\n', end) + 1;
      write_file(directory + "/" + data + "/" + name, whole.substr(0, end));
    }
    ASSERT_EQ(run_mop(directory, {"stats", "--data-dir", data}).exit_code, 0) << "writes metadata.json";
  }
  Finished verified(const std::string& data, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"verify", "--data-dir", data});
    return run_mop(directory, more);
  }
  void expect_whole(const std::string& data) {
    for (const char* name : kFiles)
      EXPECT_EQ(file(data, name), file("whole", name)) << data << "/" << name;
    const Finished f = verified(data);
    EXPECT_EQ(f.exit_code, 0) << f.out << f.err;
  }
};

// At a random one of the system calls of a run, before it or right behind it; half of them at one that
// changes a file. By turns of a run that begins with nothing and of one behind stored rows.
TEST_F(StoreFaultsTest, KilledAtAnyMomentLeavesACleanStoreThatTheNextFetchCompletes) {
  start_sim();
  const char* const wanted = std::getenv("MOP_KILLS");  // scripts/kill_test.sh asks for more
  const int kills = wanted != nullptr ? std::atoi(wanted) : 16;
  fetched("whole", from_nothing);
  std::array<std::size_t, 4> stops{};
  const auto run = [&](std::size_t way, std::size_t at) {
    fs::remove_all(directory + "/killed");
    if (way % 2 == 1) begin_with("killed", 500);
    return kill_mop_at(directory, fetch("killed", way % 2 == 1 ? behind_rows : from_nothing), at,
                       way < 2 ? StopAt::kEveryCall : StopAt::kFileChanges);
  };
  for (std::size_t way = 0; way < stops.size(); ++way)
    stops[way] = run(way, SIZE_MAX);
  ASSERT_NE(stops[0], 0u)
      << "this machine forbids tracing (ptrace), which stops the program at a chosen moment";
  std::mt19937_64 random(7);
  for (int i = 0; i < kills; ++i) {
    const std::size_t way = static_cast<std::size_t>(i) % stops.size();
    const std::size_t at = std::uniform_int_distribution<std::size_t>(1, stops[way])(random);
    run(way, at);
    const Finished f = verified("killed");
    ASSERT_EQ(f.exit_code, 0) << "killed at stop " << at << " of " << stops[way] << ", way " << way << ": "
                              << f.out << f.err;
    fetched("killed", way % 2 == 1 ? behind_rows : from_nothing);
    expect_whole("killed");
    if (HasFailure()) FAIL() << "killed at stop " << at << " of " << stops[way] << ", way " << way;
  }
}

// No file may grow beyond `bytes` while it lives: a disk that is full there.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit small{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
    handler_ = ::signal(SIGXFSZ, SIG_IGN);  // inherited: the write fails instead
  }
  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    ::signal(SIGXFSZ, handler_);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  rlimit before_{};
  sighandler_t handler_;
};

TEST_F(StoreFaultsTest, AFullDiskIsNamedAndCostsNoRow) {
  start_sim();
  fetched("whole", from_nothing);
  for (const std::size_t bytes : {3'000u, 70'000u, 100'000u}) {
    begin_with("data", 500);
    Finished full;
    {
      const FullDisk disk(bytes);
      full = run_mop(directory, fetch("data", behind_rows));
    }
    EXPECT_TRUE(full.exit_code == 1 || full.exit_code == 3) << full.exit_code;
    EXPECT_NE((full.out + full.err).find("File too large"), std::string::npos) << full.out << full.err;
    const Finished f = verified("data");
    EXPECT_EQ(f.exit_code, 0) << f.out << f.err;
    for (const char* name : kFiles)
      EXPECT_TRUE(file("whole", name).starts_with(file("data", name)))
          << name << " with " << bytes << " bytes";
    fetched("data", behind_rows);
    expect_whole("data");
  }
}

TEST_F(StoreFaultsTest, AReadOnlyDirectoryIsNamedAndReadable) {
  start_sim();
  fetched("whole", from_nothing);
  begin_with("data", 500);
  const std::string before = file("data", kFiles[0]);
  fs::permissions(directory, fs::perms::all);
  fs::permissions(directory + "/logs", fs::perms::all);
  const auto writable = fs::perms::owner_write | fs::perms::group_write | fs::perms::others_write;
  fs::permissions(directory + "/data", fs::perms::all & ~writable);
  const Finished refused = run_mop_unprivileged(directory, fetch("data", behind_rows));
  ASSERT_NE(refused.exit_code, 127) << "the program does not start as an ordinary user";
  EXPECT_EQ(refused.exit_code, 1) << refused.out;
  EXPECT_NE(refused.out.find("Permission denied"), std::string::npos) << refused.out << refused.err;
  EXPECT_EQ(run_mop_unprivileged(directory, {"stats", "--data-dir", "data"}).exit_code, 0);
  EXPECT_EQ(run_mop_unprivileged(directory, {"verify", "--data-dir", "data"}).exit_code, 0);
  fs::permissions(directory + "/data", fs::perms::owner_all);
  EXPECT_EQ(file("data", kFiles[0]), before);
}

TEST_F(StoreFaultsTest, TwoFetchesIntoOneDirectoryTakeTurns) {
  start_sim();
  fetched("whole", from_nothing);
  Process one(directory, fetch("data", from_nothing)), other(directory, fetch("data", from_nothing));
  const Finished a = one.finish(), b = other.finish();
  EXPECT_EQ(a.exit_code, 0) << a.out << a.err;
  EXPECT_EQ(b.exit_code, 0) << b.out << b.err;
  expect_whole("data");
}

TEST_F(StoreFaultsTest, RepairDropsWhatBreaksARuleAndTheNextFetchBringsItBack) {
  start_sim();
  fetched("whole", from_nothing);
  fetched("data", from_nothing);
  const std::string path = directory + "/data/" + kFiles[1];
  std::string broken = read_file(path);
  const std::size_t second = broken.find('\n', broken.size() / 2) + 1, third = broken.find('\n', second) + 1;
  const std::string row = broken.substr(second, third - second);
  broken.replace(second, third - second, row + row + "1751,garbage\n");  // twice, and no row at all
  write_file(path, broken + row.substr(0, 40));                          // and a torn tail
  const Finished found = verified("data");
  EXPECT_EQ(found.exit_code, 1) << found.out;
  EXPECT_NE(found.out.find("duplicate"), std::string::npos) << found.out;
  const Finished repaired = verified("data", {"--repair"});
  EXPECT_EQ(repaired.exit_code, 0) << repaired.out << repaired.err;
  EXPECT_NE(read_file(path + ".before-repair").find("1751,garbage"), std::string::npos);
  fetched("data", behind_rows);
  expect_whole("data");
}

}  // namespace
}  // namespace mop::functional
