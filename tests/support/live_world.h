// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "io/process.h"

namespace hither::test {

/// A shell command: what it printed (both streams), and its exit status.
struct CommandResult {
  std::string output;
  int status = -1;
};
CommandResult run_command(const std::string& command);

/// Asks until the answer is yes or the time is over. Each question should take a moment itself;
/// between two there is a pause of 10 ms.
bool eventually(Duration within, const std::function<bool()>& question);

/// A number of consecutive ports that nobody uses now, on any address of this machine.
std::uint16_t free_ports(int count);

/// A process as `hither status --json` shows it.
struct LiveProcess {
  std::string state;
  int pid = 0;
  int restarts = 0;
};

/// A real world: `hither up` on a description of its own, in a scratch folder of its own, on free
/// ports. The destructor stops it and removes the folder.
class LiveWorld {
 public:
  /// Ports of this world, to write its description with.
  struct Ports {
    std::uint16_t dns;
    std::uint16_t web;
    std::uint16_t admin;
    std::uint16_t first;
  };

  LiveWorld();
  ~LiveWorld();
  LiveWorld(const LiveWorld&) = delete;
  LiveWorld& operator=(const LiveWorld&) = delete;

  const Ports& ports() const { return ports_; }
  const std::string& folder() const { return folder_; }
  void write_file(const std::string& name, const std::string& content) const;

  /// The example of the README with this world's ports and `copies` copies per room.
  std::string three_rooms(int copies) const;

  /// Starts `hither up` on this description and returns at once.
  void start(const std::string& description);
  /// ... and waits until the supervisor says that everything is up or has failed.
  bool start_and_wait(const std::string& description);
  /// Runs `hither ARGUMENTS` against this world.
  CommandResult hither(const std::string& arguments) const;
  /// Runs `hither up` to its end, for descriptions that cannot start.
  CommandResult up(const std::string& description) const;

  /// dig +short for www.example.test from this client subnet.
  std::string dig(const std::string& subnet) const;
  CommandResult curl(const std::string& arguments) const;
  /// By name; empty if the supervisor does not answer.
  std::map<std::string, LiveProcess> processes() const;
  int pid_of(const std::string& process) const;
  /// False where there is no such process now.
  bool signal(const std::string& process, int number) const;

  int supervisor_pid() const;
  int guardian_pid() const { return guardian_; }
  void signal_guardian(int number) const;
  /// The exit status of `hither up`, once it has ended.
  std::optional<int> wait_for_end(Duration within);
  /// Everything that `hither up` has printed.
  std::string output() const;
  /// No process has this world's scratch folder in its environment any more.
  bool nobody_left() const;

 private:
  std::string command(const std::string& arguments) const;

  Ports ports_;
  std::string folder_;
  int guardian_ = 0;
  bool ended_ = false;
  int exit_status_ = -1;
};

}  // namespace hither::test
