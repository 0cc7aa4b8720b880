#include "mop/app/child_process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "mop/base/fs.h"

namespace mop::app {
namespace {

// Until a condition holds that another process brings about; the test's own time limit ends it else.
template <typename Condition>
void await(Condition condition) {
  while (!condition())
    ::usleep(1000);
}

class ChildProcessTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = fmt::format("{}mop_child_{}_{}", testing::TempDir(), ::getpid(),
                             testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(directory_);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::string file(const std::string& name) const { return directory_ + "/" + name; }
  ChildProcess shell(const std::string& script) const {
    auto child = ChildProcess::start({"/bin/sh", {"-c", script}, file("out")});
    EXPECT_TRUE(child.has_value());
    return std::move(*child);
  }
  std::string text(const std::string& name) { return fs_.read(file(name)).value_or(""); }
  static int wait(ChildProcess& child) {
    await([&] { return child.poll().has_value(); });
    return *child.poll();
  }

  std::string directory_;
  PosixFs fs_;
};

TEST_F(ChildProcessTest, TellsHowItEndedAndKeepsWhatItSaid) {
  ChildProcess child = shell("echo said; echo complained >&2; exit 3");
  EXPECT_EQ(wait(child), 3);
  EXPECT_EQ(child.poll(), 3);
  EXPECT_EQ(text("out"), "said\ncomplained\n");
  ChildProcess killed = shell("kill -KILL $$");
  EXPECT_EQ(wait(killed), 128 + SIGKILL);
  auto missing = ChildProcess::start({"/nowhere/mop", {}, file("out")});
  ASSERT_TRUE(missing.has_value());
  EXPECT_EQ(wait(*missing), 127);
  EXPECT_FALSE(ChildProcess::start({"/bin/sh", {}, "/nowhere/out"}).has_value());
}

TEST_F(ChildProcessTest, IsNiceInAGroupOfItsOwnAndInheritsNoFile) {
  const int open_here = ::open("/dev/null", O_RDONLY);  // not close-on-exec
  ChildProcess child = shell("nice; cut -d' ' -f5 /proc/$$/stat; echo $$; ls /proc/$$/fd");
  EXPECT_EQ(wait(child), 0);
  ::close(open_here);
  const std::string said = text("out");
  const auto first = said.find('\n'), second = said.find('\n', first + 1),
             third = said.find('\n', second + 1);
  EXPECT_EQ(said.substr(0, first), "19");
  EXPECT_EQ(said.substr(first + 1, second - first - 1), said.substr(second + 1, third - second - 1));
  EXPECT_EQ(said.substr(third + 1), "0\n1\n2\n");
}

TEST_F(ChildProcessTest, IsAskedToEndAndKilledWhenItWillNot) {
  ChildProcess polite =
      shell("trap 'echo kept its state; exit 130' TERM; echo ready; while :; do sleep 0.01; done");
  await([&] { return text("out") == "ready\n"; });
  EXPECT_EQ(polite.stop(60 * kSecond), 130);
  EXPECT_TRUE(text("out").ends_with("kept its state\n")) << text("out");  // the shell may tell of its sleep
  ChildProcess stubborn = shell("trap '' TERM; echo ready; while :; do sleep 0.01; done");
  await([&] { return text("out") == "ready\n"; });
  EXPECT_EQ(stubborn.stop(50), 128 + SIGKILL);
}

// Killed with SIGKILL, a program can tidy up nothing; the kernel does.
TEST_F(ChildProcessTest, EndsWithTheProcessThatStartedItHoweverThatEnds) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);  // so that the orphan, when it is one, is seen to end here
  const pid_t parent = ::fork();
  if (parent == 0) {
    auto child = ChildProcess::start(
        {"/bin/sh",
         {"-c", fmt::format("trap 'echo asked >{}; exit 0' TERM; echo $$; while :; do sleep 0.01; done",
                            file("asked"))},
         file("out")});
    for (;;)
      ::pause();
  }
  await([&] { return text("out").ends_with("\n"); });
  const pid_t child = std::stoi(text("out"));
  EXPECT_EQ(::kill(child, 0), 0);
  ::kill(parent, SIGKILL);
  ::waitpid(parent, nullptr, 0);
  EXPECT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_EQ(text("asked"), "asked\n");
  ::prctl(PR_SET_CHILD_SUBREAPER, 0);
}

}  // namespace
}  // namespace mop::app
