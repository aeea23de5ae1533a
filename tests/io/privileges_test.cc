// SPDX-License-Identifier: Apache-2.0
#include "io/privileges.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

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
