// SPDX-License-Identifier: Apache-2.0
#include "io/privileges.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>
#include <string>

namespace hither::io {
namespace {

/// The value of a line of /proc/self/status.
std::string own_status(const std::string& key) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(key + ":"))
      return line.substr(line.find_first_not_of("\t ", key.size() + 1));
  }
  return "no line " + key;
}

/// Runs in a child, for what is given up does not come back: 0 if it holds there.
int in_child(bool (*holds)()) {
  const pid_t pid = fork();
  if (pid == 0) _exit(holds() ? 0 : 1);
  int status = -1;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(Privileges, CapabilitiesAreGoneForGood) {
  EXPECT_EQ(in_child([] {
              return static_cast<bool>(drop_privileges("")) &&
                     own_status("CapEff") == "0000000000000000" &&
                     own_status("CapPrm") == "0000000000000000" &&
                     own_status("CapAmb") == "0000000000000000" && own_status("NoNewPrivs") == "1";
            }),
            0);
}

TEST(Privileges, OnlyRootBecomesSomebodyElse) {
  // Both kinds of user run this test; each proves its half.
  EXPECT_EQ(in_child([] {
              const bool root = geteuid() == 0;
              const auto dropped = drop_privileges("nobody");
              if (!root) {
                return !dropped && dropped.error().message ==
                                       "only root can become 'nobody'; start as root, or as that "
                                       "user";
              }
              return static_cast<bool>(dropped) && geteuid() != 0 && getuid() == geteuid() &&
                     setuid(0) != 0 && own_status("CapEff") == "0000000000000000";
            }),
            0);
}

TEST(Privileges, TheParentsDeathIsStillTold) {
  EXPECT_EQ(in_child([] {
              prctl(PR_SET_PDEATHSIG, SIGUSR1);
              if (!drop_privileges(geteuid() == 0 ? "nobody" : "")) return false;
              int signal = 0;
              prctl(PR_GET_PDEATHSIG, &signal);
              return signal == SIGUSR1;
            }),
            0);
  EXPECT_EQ(in_child([] {
              if (!drop_privileges(geteuid() == 0 ? "nobody" : "")) return false;
              int signal = 0;
              prctl(PR_GET_PDEATHSIG, &signal);
              return signal == 0;
            }),
            0)
      << "none where there was none";
}

/// The end of a supervisor that was killed, as its child sees it that has become somebody else.
TEST(Privileges, AKilledParentLeavesNoChildBehind) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can become somebody else: run this as root";
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  const pid_t parent = fork();
  if (parent == 0) {
    const pid_t child = fork();
    if (child == 0) {
      close(ends[0]);
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      const char answer = drop_privileges("nobody") ? 'y' : 'n';
      if (write(ends[1], &answer, 1) != 1) _exit(1);
      poll(nullptr, 0, 60'000);  // The pipe is open for as long as it lives.
      _exit(0);
    }
    pause();
    _exit(0);
  }
  close(ends[1]);
  char answer = 0;
  EXPECT_EQ(read(ends[0], &answer, 1), 1);
  EXPECT_EQ(answer, 'y');

  kill(parent, SIGKILL);
  waitpid(parent, nullptr, 0);

  pollfd end{.fd = ends[0], .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&end, 1, 20'000), 1) << "the child lives on";
  EXPECT_EQ(read(ends[0], &answer, 1), 0);
  close(ends[0]);
}

TEST(Privileges, AnUnknownUserIsRefused) {
  EXPECT_EQ(in_child([] {
              const auto dropped = drop_privileges("nobody-of-that-name");
              return !dropped && dropped.error().message ==
                                     "there is no user 'nobody-of-that-name'; name one of this "
                                     "machine";
            }),
            0);
}

}  // namespace
}  // namespace hither::io
