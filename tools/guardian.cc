// SPDX-License-Identifier: Apache-2.0
#include "tools/guardian.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "io/process.h"

namespace hither::tools {
namespace {

/// Waits for the supervisor, collecting adopted orphans on the way and passing signals on.
int wait_for(pid_t supervisor, const sigset_t& watched) {
  while (true) {
    int status = 0;
    for (pid_t pid = waitpid(-1, &status, WNOHANG); pid > 0; pid = waitpid(-1, &status, WNOHANG)) {
      if (pid == supervisor) return status;
    }
    siginfo_t information{};
    const int number = sigwaitinfo(&watched, &information);
    // From the terminal the supervisor, in the same group, has the signal already.
    if (number > 0 && number != SIGCHLD && information.si_code != SI_KERNEL) {
      kill(supervisor, number);
    }
  }
}

}  // namespace

std::vector<int> signals_of_world() {
  std::vector<int> heeded = {SIGTERM, SIGCHLD};
  for (const int number : {SIGINT, SIGHUP}) {
    struct sigaction now {};
    if (sigaction(number, nullptr, &now) == 0 && now.sa_handler == SIG_IGN) continue;
    heeded.push_back(number);
  }
  return heeded;
}

int run_guarded(const std::function<int()>& work, const std::function<void()>& clean_up) {
  io::adopt_orphans();
  std::signal(SIGCHLD, SIG_DFL);  // Ignored by who started us, it would never tell of an end.
  sigset_t watched;
  sigset_t before;
  sigemptyset(&watched);
  for (const int number : signals_of_world()) sigaddset(&watched, number);
  sigprocmask(SIG_BLOCK, &watched, &before);
  const pid_t guardian = getpid();
  const pid_t supervisor = fork();
  if (supervisor < 0) {
    std::fputs("hither: cannot fork; end some processes or raise ulimit -u\n", stderr);
    return 2;
  }
  if (supervisor == 0) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != guardian) return 2;
    io::adopt_orphans();  // for the case that the guardian is killed: then nobody else would
    sigprocmask(SIG_SETMASK, &before, nullptr);
    const int result = work();
    io::kill_all_children();
    return result;
  }
  const int status = wait_for(supervisor, watched);
  // Also after an orderly end: a daemon that had left its process group is an orphan by now.
  const int left = io::kill_all_children();
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  clean_up();
  // fmt::print would throw where the disk is full.
  std::fprintf(stderr,
               "hither: the supervisor was killed by signal %d; %d processes ended with it\n",
               WTERMSIG(status), left);
  return 128 + WTERMSIG(status);
}

}  // namespace hither::tools
