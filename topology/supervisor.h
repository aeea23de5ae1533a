// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/rng.h"
#include "base/time.h"
#include "topology/plan.h"
#include "topology/restart.h"

namespace hither::topology {

struct SupervisorLimits {
  /// A process waits no longer than this for one that it comes after and that has been started.
  Duration hold_max = std::chrono::seconds(2);
  /// From the polite signal to the one that cannot be refused.
  Duration stop_timeout = std::chrono::seconds(10);
  RestartLimits restart;
};

/// Keeps a plan running: what has happened goes in, what to do comes out. A pure state machine over
/// the whole plan; tools/world carries its actions out with real processes, a simulation can with
/// imagined ones.
///
/// The rules:
///
/// 1. A process starts as soon as all that it comes after have been ready, not after a time. It
/// does not wait for one that has failed, ended or is overdue, nor longer than `hold_max` for one
/// that is slow to become ready: the rest of the world still comes up.
///
/// 2. One that is not ready within its own timeout is overdue: reported by name, once, and kept.
///
/// 3. One that ends without having been told to is started again after the delay of restart.h, and
/// then waits for nobody.
///
/// 4. A stop asks everything to end at once, in reverse order of the plan: the DNS hears of it
/// first, so that nobody is sent to what is going. What has not ended after `stop_timeout` is
/// killed, and a second stop kills at once.
///
/// 5. An upgrade starts a successor beside a process that is ready. When that is ready it counts as
/// the process, and the one it succeeded is leaving: left alone until it ends, or its time is over;
/// then it is killed. A successor that ends before, or is not ready within the process's own
/// timeout (then it is killed), changes nothing but what upgrade_error says. If the process itself
/// ends meanwhile, the successor is in its place.
///
/// A driver may be late: what it says about a process that is in no state to have it happen is
/// ignored, and no signal is asked for before on_started() has told the pid.
class Supervisor {
 public:
  enum class State {
    waiting,   ///< for what it comes after
    starting,  ///< runs, not ready yet
    ready,
    backoff,   ///< ended, will be started again
    stopping,  ///< was told to end
    stopped,
  };
  /// A process beside the one that counts.
  struct Beside {
    int pid = 0;  ///< 0: not started yet
    Instant since{};
    Instant until = never;  ///< when it is killed
  };
  struct Status {
    State state = State::waiting;
    Instant since{};  ///< of this state
    int pid = 0;      ///< 0 while it does not run
    int restarts = 0;
    bool overdue = false;    ///< starting for longer than its timeout
    std::string last_exit;   ///< "killed by SIGKILL"; empty if it never ended
    Duration ready_after{};  ///< of its present or last run
    std::optional<Beside> successor;
    std::vector<Beside> leaving;
    int upgrades = 0;           ///< that came about
    int upgrades_failed = 0;    ///< that did not
    std::string upgrade_error;  ///< why the last of them did not
  };
  struct Action {
    enum class Kind {
      start_beside,  ///< the same for its successor: on_successor_started or on_successor_gone
      start,         ///< start it, then say on_started or on_start_failed; watch for its readiness
      terminate,     ///< SIGTERM to its process group
      kill,          ///< SIGKILL to its process group
      report,        ///< tell people; for `overdue` and exits with the last lines of its output
    };
    Kind kind;
    std::size_t process;  ///< index in the plan
    LogRecord record;     ///< for report
    int pid = 0;          ///< for signals
  };
  using Actions = std::vector<Action>;

  Supervisor(std::vector<Process> plan, const SupervisorLimits& limits, std::uint64_t seed,
             Instant now);

  [[nodiscard]] Actions on_time(Instant now);
  [[nodiscard]] Actions on_started(std::size_t process, int pid, Instant now);
  [[nodiscard]] Actions on_start_failed(std::size_t process, std::string_view why, Instant now);
  /// Ignored unless it is starting: a late or repeated message does no harm.
  [[nodiscard]] Actions on_ready(std::size_t process, Instant now);
  [[nodiscard]] Actions on_exited(std::size_t process, std::string_view how, Instant now);
  [[nodiscard]] Actions on_stop(Instant now);

  /// Rule 5. What is succeeded has `leave_max` to end. Nothing happens unless may_upgrade().
  [[nodiscard]] Actions on_upgrade(std::size_t process, Duration leave_max, Instant now);
  /// It is ready, and no successor of it is on its way.
  bool may_upgrade(std::size_t process) const;
  [[nodiscard]] Actions on_successor_started(std::size_t process, int pid, Instant now);
  [[nodiscard]] Actions on_successor_ready(std::size_t process, Instant now);
  /// It ended, or could not be started.
  [[nodiscard]] Actions on_successor_gone(std::size_t process, std::string_view how, Instant now);
  /// One that was succeeded ended.
  [[nodiscard]] Actions on_left(std::size_t process, int pid, Instant now);

  /// When on_time() wants to be called next.
  Instant deadline() const;

  const std::vector<Process>& plan() const { return plan_; }
  const Status& status(std::size_t process) const { return states_[process].status; }
  bool stop_requested() const { return stop_at_.has_value(); }
  /// Has everything been ready once, failed once or become overdue? Then the world has come up, as
  /// far as it does.
  bool settled() const { return unsettled_ == 0; }
  /// After a stop: nothing runs any more.
  bool all_stopped() const;

 private:
  struct Entry {
    explicit Entry(const RestartLimits& limits) : restart(limits) {}
    Status status;
    Restart restart;
    Instant restart_at = never;
    std::vector<std::size_t> after;
    Duration leave_max{};  ///< for what the present successor succeeds
    bool settled = false;
  };

  bool released(const Entry& entry, Instant now) const;
  void start_what_may(Instant now, Actions& actions);
  void start(std::size_t process, Instant now, Actions& actions);
  void look_beside(std::size_t process, Instant now, Actions& actions);
  void signal_beside(std::size_t process, Action::Kind kind, Actions& actions) const;
  void on_gone(std::size_t process, std::string_view how, Instant now, Actions& actions);
  void settle(Entry& entry);

  std::vector<Process> plan_;
  SupervisorLimits limits_;
  Rng rng_;
  std::vector<Entry> states_;
  std::size_t unsettled_;
  std::optional<Instant> stop_at_;
  Instant looked_at_{};  // the last on_time()
  bool killed_ = false;
};

std::string_view to_text(Supervisor::State state);

}  // namespace hither::topology
