// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "io/process.h"

namespace hither::test {

/// A program that a test starts, in the foreground and in a process group of its own. It gets this
/// process's environment but for HITHER_* variables. The destructor ends it; the kernel does if the
/// test is killed.
class ChildProgram {
 public:
  /// `argv[0]` is a path or a name in $PATH or /usr/sbin. Both output streams are added to the file
  /// `log`. Starts at once; where that fails, output() says why and it is not running.
  ChildProgram(std::vector<std::string> argv, std::string log,
               std::vector<std::string> variables = {});
  ~ChildProgram();
  ChildProgram(const ChildProgram&) = delete;
  ChildProgram& operator=(const ChildProgram&) = delete;

  bool running();
  int pid() const { return pid_; }  ///< 0 once it has been seen to have ended
  void signal(int number) const;
  /// SIGTERM, and SIGKILL if that does not end it within 20 s. False if it took the second.
  bool stop();
  /// SIGKILL, and waits for it.
  void kill();
  /// All that was printed, by earlier programs with the same log as well.
  std::string output() const;

 private:
  bool wait_for_end(Duration within);

  std::string log_;
  int pid_ = 0;  ///< 0: there is none
};

/// A small file as it is, empty where there is none.
std::string read_text(const std::string& path);

}  // namespace hither::test
