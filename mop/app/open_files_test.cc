#include "mop/app/open_files.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace mop::app {
namespace {

// In a process of its own: a hard limit cannot be raised again. The exit status says what was found.
int fitting_under(rlim_t soft, rlim_t hard, std::size_t wanted) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    const rlimit limit{soft, hard};
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) ::_exit(255);
    const std::size_t fit = connections_that_fit(wanted);
    rlimit now{};
    ::getrlimit(RLIMIT_NOFILE, &now);
    ::_exit(now.rlim_cur >= std::min<rlim_t>(fit + kOwnFiles, hard) ? static_cast<int>(fit) : 254);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WEXITSTATUS(status);
}

TEST(OpenFilesTest, TheSoftLimitIsRaisedToWhatConnectionsNeed) {
  EXPECT_EQ(fitting_under(64, 512, 200), 200);
}

TEST(OpenFilesTest, WhatTheHardLimitForbidsIsTakenFromTheConnections) {
  EXPECT_EQ(fitting_under(64, 200, 200), 200 - static_cast<int>(kOwnFiles));
  EXPECT_EQ(fitting_under(64, 64, 200), 1);
}

}  // namespace
}  // namespace mop::app
