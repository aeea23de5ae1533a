// SPDX-License-Identifier: Apache-2.0
#include "tools/guardian.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <functional>
#include <string>
#include <vector>

#include "io/socket.h"

namespace hither::tools {
namespace {

/// Runs a guardian in a process of its own, so that its subreaping does not touch the test. Returns
/// its exit status and what was written to the descriptor handed to `work` and `clean_up`.
struct Guarded {
  int status = -1;
  std::string written;
};
Guarded guard(const std::function<int(int)>& work, const std::function<void(int)>& clean_up,
              const std::vector<int>& ignored = {}) {
  std::array<int, 2> ends{};
  EXPECT_EQ(pipe(ends.data()), 0);
  const io::Fd reading(ends[0]);
  io::Fd writing(ends[1]);
  const pid_t pid = fork();
  if (pid == 0) {
    for (const int number : ignored) std::signal(number, SIG_IGN);
    const int out = writing.get();
    _exit(run_guarded([&] { return work(out); }, [&] { clean_up(out); }));
  }
  writing.close();
  Guarded result;
  // Ends when the last process that holds the other end is gone: nothing outlives the guardian.
  std::array<char, 256> buffer;
  for (ssize_t n = 0; (n = read(reading.get(), buffer.data(), buffer.size())) > 0;) {
    result.written.append(buffer.data(), static_cast<std::size_t>(n));
  }
  int status = 0;
  waitpid(pid, &status, 0);
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return result;
}

void say(int fd, const char* text) { EXPECT_EQ(write(fd, text, 1), 1); }

TEST(Guardian, PassesTheExitStatusOnAndCleansNothingUp) {
  const Guarded result = guard([](int) { return 7; }, [](int out) { say(out, "c"); });

  EXPECT_EQ(result.status, 7);
  EXPECT_EQ(result.written, "");
}

TEST(Guardian, CleansUpAfterAKilledSupervisor) {
  const Guarded result = guard([](int) { return raise(SIGKILL); }, [](int out) { say(out, "c"); });

  EXPECT_EQ(result.status, 128 + SIGKILL);
  EXPECT_EQ(result.written, "c");
}

TEST(Guardian, KillsGrandchildrenThatHaveLeftTheirGroup) {
  // The pipe stays open as long as the grandchild lives, so this test ends only if it is killed.
  const Guarded result = guard(
      [](int) {
        if (fork() == 0) {
          setsid();
          if (fork() == 0) {
            while (true) pause();
          }
          _exit(0);
        }
        int status = 0;
        wait(&status);
        return raise(SIGKILL);
      },
      [](int) {});

  EXPECT_EQ(result.status, 128 + SIGKILL);
}

TEST(Guardian, PassesSignalsOnToTheSupervisor) {
  const Guarded result = guard(
      [](int) {
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigprocmask(SIG_BLOCK, &set, nullptr);
        kill(getppid(), SIGTERM);
        int number = 0;
        sigwait(&set, &number);
        return number == SIGTERM ? 5 : 6;
      },
      [](int) {});

  EXPECT_EQ(result.status, 5);
}

TEST(Guardian, HeedsNoSignalThatItWasStartedToIgnore) {
  const Guarded result = guard(
      [](int) {
        sigset_t set;
        sigemptyset(&set);
        for (const int number : {SIGHUP, SIGINT, SIGTERM}) sigaddset(&set, number);
        sigprocmask(SIG_BLOCK, &set, nullptr);
        for (const int number : {SIGHUP, SIGINT, SIGTERM}) kill(getppid(), number);
        int number = 0;
        sigwait(&set, &number);
        return number;
      },
      [](int) {}, {SIGHUP, SIGINT});

  EXPECT_EQ(result.status, SIGTERM);
}

TEST(Guardian, HearsOfTheEndAlsoWhereItsParentIgnoresThatOfItsChildren) {
  const Guarded result = guard([](int) { return 7; }, [](int) {}, {SIGCHLD});

  EXPECT_EQ(result.status, 7);
}

}  // namespace
}  // namespace hither::tools
