// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "io/admin.h"
#include "io/loop.h"
#include "io/notify.h"
#include "io/process.h"
#include "io/tls_probe.h"
#include "tools/console.h"
#include "topology/description.h"
#include "topology/supervisor.h"

namespace hither::tools {

/// A running world: carries out what topology::Supervisor decides, with real processes. It starts
/// them, merges their output behind their names, listens for READY=1 and asks those that do not
/// speak it, hears of their ends through pidfds, and shows all this on a unix socket for `hither
/// status`; there it also hears `hither upgrade`. One thread.
class World {
 public:
  /// `programs` are the paths to execute, one per process of the plan. Says nothing and starts
  /// nothing.
  World(topology::Description description, std::vector<topology::Process> plan,
        std::vector<std::string> programs);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  /// Opens the status socket and the one for readiness messages.
  [[nodiscard]] Result<void> open();
  /// Starts everything and returns when it has been told to stop (signals_of_world()) and
  /// nothing is left. 0 after an orderly stop.
  int run();

 private:
  struct Run;  // what one process is now

  void carry_out(const topology::Supervisor::Actions& actions);
  void start(std::size_t index);
  void start_beside(std::size_t index);
  [[nodiscard]] Result<int> spawn(std::size_t index, Run& run);
  void align(std::size_t index);
  io::Page upgrade(const io::PageRequest& request);
  void tell(const topology::Supervisor::Action& action);
  void on_exit(std::size_t index, const Run* which);
  void on_notify(int pid, std::string_view message);
  void ask_if_ready(std::size_t index);
  void on_signal(int number);
  void after_event();
  void greet();
  std::vector<std::string> environment_of(const topology::Process& process) const;

  topology::Description description_;
  std::vector<std::string> programs_;
  std::size_t open_files_;  // that we were started with, and our children are
  io::Loop loop_;
  Instant started_;
  topology::Supervisor supervisor_;
  MergedLog log_;
  io::AdminServer admin_;
  io::Timer timer_;
  std::string notify_name_;
  std::optional<io::NotifyListener> notify_;
  std::optional<io::SignalWatch> signals_;
  std::unique_ptr<io::TlsClient> tls_;        // null until a copy is asked over TLS
  std::vector<std::unique_ptr<Run>> runs_;    // by process
  std::vector<std::unique_ptr<Run>> beside_;  // successors, and those that are leaving
  std::string handover_name_;                 // where balancers meet theirs, the room goes behind
  std::vector<std::string> inherited_;        // environment that all children get
  Instant stop_asked_{};
  bool greeted_ = false;
};

}  // namespace hither::tools
