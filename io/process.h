// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "io/loop.h"
#include "io/socket.h"

namespace hither::io {

/// A program to start: its own process group, standard input from /dev/null, standard output and
/// error merged into one pipe, and SIGKILL from the kernel when the thread that started it dies.
struct SpawnRequest {
  std::vector<std::string> argv;         ///< argv[0] is the path to execute
  std::vector<std::string> environment;  ///< all of it, "KEY=value"
  std::size_t open_files = 0;            ///< its soft limit of descriptors; 0: as ours
};

struct Child {
  int pid = 0;
  Fd pidfd;   ///< readable when it has exited
  Fd output;  ///< the reading end, non-blocking
};

/// Starts it. Fails with the reason if the program cannot be executed (the exec's own errno, not a
/// later exit). Call from a thread that lives as long as the child should.
[[nodiscard]] Result<Child> spawn(const SpawnRequest& request);

/// Starts a program that is to take our place: with our environment, output and process group, and
/// not ended when we end. argv[0] is a path or is looked for in $PATH. Its end is for
/// collect_orphans() to collect. Returns its pid.
[[nodiscard]] Result<int> start_beside(const std::vector<std::string>& argv);

/// How a process ended.
struct ExitStatus {
  int code = 0;    ///< of a normal exit
  int signal = 0;  ///< that killed it, or 0
};
/// Collects an exited child, or nullopt if it still runs. Does not wait.
std::optional<ExitStatus> collect(int pid);
/// "exit status 1", "killed by SIGSEGV".
std::string to_text(const ExitStatus& status);

/// Signals a whole process group; no error if it is gone.
void signal_group(int pid, int signal);

/// Makes orphaned descendants our children (PR_SET_CHILD_SUBREAPER).
void adopt_orphans();
/// Collects adopted children that have ended, until the first that `is_known` (that one has an
/// owner who will ask for it by collect()).
void collect_orphans(const std::function<bool(int pid)>& is_known);
/// Kills every child of this process, adopted ones too, and collects them, until none is left. For
/// the very end. Returns how many there were.
int kill_all_children();

/// The path of a program: as given if it has a slash, else in `folders`, else in $PATH.
[[nodiscard]] Result<std::string> find_program(const std::string& name,
                                               const std::vector<std::string>& folders);
/// The folder this program was started from (/proc/self/exe).
std::string own_folder();

/// Cuts a child's output into lines as they come, at most 8 KiB each; the rest of a longer line
/// follows as further lines. What has no newline is delivered when the stream ends.
class LineReader {
 public:
  LineReader(Loop& loop, Fd pipe, std::function<void(std::string_view line)> on_line,
             std::function<void()> on_end);
  /// Takes what is there now, at most 72 KiB, without waiting: before a report that wants the last
  /// lines.
  void drain();

 private:
  void on_readable();
  bool read_piece();
  void deliver(bool at_end);

  Fd pipe_;
  std::function<void(std::string_view)> on_line_;
  std::function<void()> on_end_;
  std::string buffer_;
  bool ended_ = false;
  FdWatch watch_;
};

}  // namespace hither::io
