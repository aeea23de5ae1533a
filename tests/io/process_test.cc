// SPDX-License-Identifier: Apache-2.0
#include "io/process.h"

#include <gtest/gtest.h>

#include <csignal>
#include <memory>
#include <optional>
#include <vector>

#include "io/clock.h"

namespace hither::io {
namespace {

/// One run of a shell script: its lines, and how it ended.
struct Outcome {
  std::vector<std::string> lines;
  std::string ending;
};

Outcome run_script(const std::string& script, int signal_on_first_line = 0,
                   std::size_t open_files = 0) {
  Loop loop;
  Outcome outcome;
  auto child = spawn({.argv = {"/bin/sh", "-c", script},
                      .environment = {"GREETING=hello"},
                      .open_files = open_files});
  if (!child) return {{}, child.error().message};
  bool ended = false;
  bool closed = false;
  const auto stop_if_over = [&] {
    if (ended && closed) loop.stop();
  };
  LineReader reader(
      loop, std::move(child->output),
      [&](std::string_view line) {
        outcome.lines.emplace_back(line);
        if (signal_on_first_line != 0) signal_group(child->pid, signal_on_first_line);
      },
      [&] {
        closed = true;
        stop_if_over();
      });
  std::optional<FdWatch> exit;
  exit.emplace(loop, child->pidfd.get(), [&] {
    const auto status = collect(child->pid);
    ASSERT_TRUE(status);
    outcome.ending = to_text(*status);
    ended = true;
    exit.reset();
    stop_if_over();
  });
  exit->want_read(true);
  loop.run();
  return outcome;
}

TEST(Process, GivesItsLinesEnvironmentAndExitStatus) {
  const Outcome outcome = run_script("echo $GREETING; echo to-stderr >&2; printf unended; exit 3");

  EXPECT_EQ(outcome.lines, (std::vector<std::string>{"hello", "to-stderr", "unended"}));
  EXPECT_EQ(outcome.ending, "exit status 3");
}

TEST(Process, IsAloneInItsGroupSoThatASignalReachesItsChildrenToo) {
  const Outcome outcome = run_script("sleep 600 & echo started; wait", SIGKILL);

  EXPECT_EQ(outcome.ending, "killed by SIGKILL");  // and the pipe closed: the sleep is gone as well
}

TEST(Process, ReadsNothingFromOurStandardInput) {
  EXPECT_EQ(run_script("cat; echo end").lines, (std::vector<std::string>{"end"}));
}

TEST(Process, HasTheLimitOfDescriptorsThatWasAskedFor) {
  EXPECT_EQ(run_script("ulimit -Sn", 0, 77).lines, (std::vector<std::string>{"77"}));
  EXPECT_EQ(run_script("ulimit -Sn").lines,
            (std::vector<std::string>{std::to_string(open_files_max())}));
}

TEST(Process, LongLinesComeInPieces) {
  const Outcome outcome = run_script("head -c 20000 /dev/zero | tr '\\0' x; echo");

  ASSERT_EQ(outcome.lines.size(), 3U);
  EXPECT_EQ(outcome.lines[0].size(), 8192U);
  EXPECT_EQ(outcome.lines[2].size(), 20000U - 2 * 8192U);
}

TEST(Process, AProgramThatCannotRunFailsAtOnceWithTheReason) {
  const auto child = spawn({.argv = {"/nowhere/program"}, .environment = {}});

  ASSERT_FALSE(child);
  EXPECT_EQ(child.error().message, "/nowhere/program: No such file or directory");
}

TEST(FindProgram, LooksInTheFoldersThenInThePath) {
  EXPECT_EQ(*find_program("sh", {"/bin"}), "/bin/sh");
  EXPECT_TRUE(find_program("sh", {}));
  EXPECT_EQ(find_program("no-such-program", {"/bin"}).error().message,
            "there is no program 'no-such-program' in $PATH; install it or give its path");
}

TEST(FindProgram, AFolderIsNotAProgram) { EXPECT_FALSE(find_program("/usr/bin", {})); }

}  // namespace
}  // namespace hither::io
