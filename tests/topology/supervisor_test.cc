// SPDX-License-Identifier: Apache-2.0
#include "topology/supervisor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "base/text.h"
#include "tests/topology/worlds.h"

namespace hither::topology {
namespace {

using namespace std::chrono_literals;
using testing::read_sound;
using testing::two_rooms;
using State = Supervisor::State;
using Kind = Supervisor::Action::Kind;

constexpr std::string_view one_room = R"(
[farm.web]
port = 8080
copies = 2
[room.fra]
)";

/// An imagined machine: carries out what the supervisor says at once, and writes down what was done
/// as "start fra/web-1". Time passes only in pass(), from deadline to deadline.
class Machine {
 public:
  explicit Machine(std::string_view world = one_room, std::uint64_t seed = 1)
      : supervisor_(make_plan(read_sound(world)), {}, seed, now_) {
    take(supervisor_.on_time(now_));
  }

  /// What was done since the last call.
  std::string done() { return std::exchange(done_, ""); }
  State state(const std::string& name) const { return supervisor_.status(index(name)).state; }
  const Supervisor::Status& status(const std::string& name) const {
    return supervisor_.status(index(name));
  }
  const Supervisor& supervisor() const { return supervisor_; }
  Instant now() const { return now_; }

  void pass(Duration time) {
    const Instant end = now_ + time;
    while (supervisor_.deadline() <= end) {
      const Instant next = std::max(now_, supervisor_.deadline());
      now_ = next;
      take(supervisor_.on_time(now_));
      ASSERT_GT(supervisor_.deadline(), next) << "the deadline does not move on";
    }
    now_ = end;
  }
  void ready(const std::string& name) { take(supervisor_.on_ready(index(name), now_)); }
  void exit(const std::string& name) {
    take(supervisor_.on_exited(index(name), "exit status 1", now_));
  }
  void stop() { take(supervisor_.on_stop(now_)); }
  void upgrade(const std::string& name) {
    take(supervisor_.on_upgrade(index(name), std::chrono::seconds(65), now_));
  }
  void successor_ready(const std::string& name) {
    take(supervisor_.on_successor_ready(index(name), now_));
  }
  void successor_gone(const std::string& name) {
    take(supervisor_.on_successor_gone(index(name), "exit status 2", now_));
  }
  void left(const std::string& name, int pid) { take(supervisor_.on_left(index(name), pid, now_)); }
  /// Everything is started and ready.
  void come_up() {
    for (const auto& process : supervisor_.plan()) ready(process.name);
    done();
  }
  /// From now on programs cannot be executed, or are not said to have been.
  void break_starting() { starts_ = Starts::fail; }
  void hold_starting() { starts_ = Starts::never_said; }
  void say_started(const std::string& name) {
    take(supervisor_.on_started(index(name), ++last_pid_, now_));
  }

 private:
  enum class Starts { work, fail, never_said };

  std::size_t index(const std::string& name) const {
    const auto& plan = supervisor_.plan();
    const auto found = std::ranges::find(plan, name, &Process::name);
    EXPECT_NE(found, plan.end()) << name;
    return static_cast<std::size_t>(found - plan.begin());
  }

  void take(const Supervisor::Actions& actions) {
    for (const Supervisor::Action& action : actions) {
      const std::string& name = supervisor_.plan()[action.process].name;
      switch (action.kind) {
        case Kind::start:
          done_ += "start " + name + "\n";
          if (starts_ == Starts::work) say_started(name);
          if (starts_ == Starts::fail) {
            take(supervisor_.on_start_failed(action.process, "no such program", now_));
          }
          break;
        case Kind::start_beside:
          done_ += "beside " + name + "\n";
          if (starts_ == Starts::work) {
            take(supervisor_.on_successor_started(action.process, ++last_pid_, now_));
          } else if (starts_ == Starts::fail) {
            take(supervisor_.on_successor_gone(action.process, "no such program", now_));
          }
          break;
        case Kind::terminate:
          signal("term ", action);
          break;
        case Kind::kill:
          signal("kill ", action);
          break;
        case Kind::report:
          done_ += "report " + action.record.event + " " + name + "\n";
          break;
      }
    }
  }

  void signal(const char* what, const Supervisor::Action& action) {
    done_ += what + supervisor_.plan()[action.process].name + "\n";
    EXPECT_NE(action.pid, 0) << "a signal to our own group";
  }

  Instant now_ = Instant(1h);
  Supervisor supervisor_;
  std::string done_;
  int last_pid_ = 100;
  Starts starts_ = Starts::work;
};

TEST(Supervisor, StartsOnReadinessInOrderOfThePlan) {
  Machine machine;
  EXPECT_EQ(machine.done(), "start fra/web-1\nstart fra/web-2\n");

  machine.ready("fra/web-1");
  EXPECT_EQ(machine.done(), "report ready fra/web-1\n");
  machine.ready("fra/web-2");
  EXPECT_EQ(machine.done(), "report ready fra/web-2\nstart fra/balancer\n");
  machine.ready("fra/balancer");
  EXPECT_EQ(machine.done(), "report ready fra/balancer\nstart dns\n");
  machine.ready("dns");
  EXPECT_TRUE(machine.supervisor().settled());
  EXPECT_EQ(machine.supervisor().deadline(), never);
}

TEST(Supervisor, RoomsComeUpWithoutWaitingForEachOther) {
  Machine machine(two_rooms);
  machine.done();

  machine.ready("iad/web-1");
  machine.ready("iad/web-2");

  EXPECT_EQ(machine.state("iad/balancer"), State::starting);
  EXPECT_EQ(machine.state("fra/balancer"), State::waiting);
}

TEST(Supervisor, WaitsForASlowOneOnlySoLong) {
  Machine machine;
  machine.ready("fra/web-1");

  machine.pass(1999ms);
  EXPECT_EQ(machine.state("fra/balancer"), State::waiting);
  machine.pass(1ms);
  EXPECT_EQ(machine.state("fra/balancer"), State::starting);
  machine.pass(2s);
  EXPECT_EQ(machine.state("dns"), State::starting);
}

TEST(Supervisor, DoesNotWaitForOneThatEnded) {
  Machine machine;
  machine.ready("fra/web-1");
  machine.done();

  machine.exit("fra/web-2");

  EXPECT_EQ(machine.done(), "report ended fra/web-2\nstart fra/balancer\n");
}

TEST(Supervisor, DoesNotWaitForOneThatCannotBeStarted) {
  Machine machine;
  machine.done();
  machine.ready("fra/web-1");
  machine.break_starting();

  machine.exit("fra/web-2");

  EXPECT_EQ(machine.status("fra/balancer").last_exit, "no such program");
  EXPECT_EQ(machine.state("fra/balancer"), State::backoff);
  EXPECT_EQ(machine.state("dns"), State::backoff);
  EXPECT_TRUE(machine.supervisor().settled());
}

TEST(Supervisor, NamesAnOverdueProcessOnceAndKeepsIt) {
  Machine machine;
  machine.ready("fra/web-1");
  machine.pass(9999ms);
  machine.done();
  EXPECT_FALSE(machine.status("fra/web-2").overdue);

  machine.pass(1ms);

  EXPECT_EQ(machine.done(), "report not-ready fra/web-2\n");
  EXPECT_TRUE(machine.status("fra/web-2").overdue);
  EXPECT_EQ(machine.state("fra/web-2"), State::starting);
  machine.pass(1h);
  EXPECT_EQ(machine.done().find("fra/web-2"), std::string::npos);
}

TEST(Supervisor, AnOverdueProcessMayStillBecomeReady) {
  Machine machine;
  machine.pass(11s);

  machine.ready("fra/web-2");

  EXPECT_EQ(machine.state("fra/web-2"), State::ready);
  EXPECT_FALSE(machine.status("fra/web-2").overdue);
  EXPECT_EQ(machine.status("fra/web-2").ready_after, 11s);
}

TEST(Supervisor, StartsAgainWhatEndsAfterABackoff) {
  Machine machine;
  machine.come_up();
  const int first_pid = machine.status("fra/balancer").pid;

  machine.exit("fra/balancer");
  EXPECT_EQ(machine.done(), "report ended fra/balancer\n");
  EXPECT_EQ(machine.state("fra/balancer"), State::backoff);
  EXPECT_EQ(machine.status("fra/balancer").pid, 0);
  EXPECT_EQ(machine.status("fra/balancer").last_exit, "exit status 1");
  machine.pass(999ms);
  EXPECT_EQ(machine.done(), "");
  machine.pass(251ms);
  EXPECT_EQ(machine.done(), "start fra/balancer\n");

  EXPECT_EQ(machine.status("fra/balancer").restarts, 1);
  EXPECT_NE(machine.status("fra/balancer").pid, first_pid);
}

TEST(Supervisor, WhatKeepsEndingIsStartedEverLessOften) {
  Machine machine;
  machine.come_up();

  machine.exit("dns");
  for (int i = 0; i < 100000 && machine.status("dns").restarts < 8; ++i) {
    machine.pass(10ms);
    if (machine.state("dns") == State::starting) machine.exit("dns");
  }

  // 1 + 2 + 4 + 8 + 16 + 30 + 30 + 30 seconds, and up to a quarter more.
  const Duration took = machine.now() - Instant(1h);
  EXPECT_EQ(machine.status("dns").restarts, 8);
  EXPECT_GE(took, 121s);
  EXPECT_LE(took, 152s);
}

TEST(Supervisor, AnEndLeavesTheOthersAlone) {
  Machine machine;
  machine.come_up();

  machine.exit("fra/web-1");
  machine.pass(5s);

  EXPECT_EQ(machine.done(), "report ended fra/web-1\nstart fra/web-1\n");
  EXPECT_EQ(machine.state("fra/balancer"), State::ready);
}

TEST(Supervisor, StopAsksEverythingAtOnceTheDnsFirst) {
  Machine machine;
  machine.come_up();

  machine.stop();

  EXPECT_EQ(machine.done(), "term dns\nterm fra/balancer\nterm fra/web-2\nterm fra/web-1\n");
  EXPECT_FALSE(machine.supervisor().all_stopped());
}

TEST(Supervisor, IsDoneWhenNothingIsLeft) {
  Machine machine;
  machine.come_up();
  machine.stop();

  for (const char* name : {"fra/web-1", "fra/web-2", "dns"}) machine.exit(name);
  EXPECT_FALSE(machine.supervisor().all_stopped());
  machine.exit("fra/balancer");

  EXPECT_TRUE(machine.supervisor().all_stopped());
  machine.done();
  machine.pass(1h);
  EXPECT_EQ(machine.done(), "");
}

TEST(Supervisor, KillsWhatDoesNotEndInTime) {
  Machine machine;
  machine.come_up();
  machine.stop();
  machine.exit("dns");
  machine.exit("fra/balancer");
  machine.exit("fra/web-1");
  machine.done();

  machine.pass(9999ms);
  EXPECT_EQ(machine.done(), "");
  machine.pass(1ms);

  EXPECT_EQ(machine.done(), "kill fra/web-2\nreport killed fra/web-2\n");
}

TEST(Supervisor, ASecondStopKillsAtOnce) {
  Machine machine;
  machine.come_up();
  machine.stop();
  machine.exit("dns");
  machine.done();

  machine.stop();

  EXPECT_EQ(machine.done(), "kill fra/balancer\nkill fra/web-2\nkill fra/web-1\n");
}

TEST(Supervisor, StopForgetsWhatWaitsOrBacksOff) {
  Machine machine;
  machine.exit("fra/web-1");
  machine.done();

  machine.stop();
  EXPECT_EQ(machine.done(), "term fra/web-2\n");
  machine.exit("fra/web-2");

  EXPECT_TRUE(machine.supervisor().all_stopped());
  machine.pass(1min);
  EXPECT_EQ(machine.done(), "");
}

TEST(Supervisor, WhatIsBeingStartedDuringAStopIsEndedWhenItsPidIsKnown) {
  Machine machine;
  machine.hold_starting();
  machine.exit("fra/web-1");
  machine.pass(2s);
  machine.ready("fra/web-2");
  machine.done();

  machine.stop();
  EXPECT_EQ(machine.done(), "term fra/web-2\n");
  machine.say_started("fra/web-1");

  EXPECT_EQ(machine.done(), "term fra/web-1\n");
}

TEST(Supervisor, LateMessagesDoNoHarm) {
  Machine machine;
  machine.come_up();

  machine.ready("fra/web-1");
  EXPECT_EQ(machine.done(), "");
  machine.exit("fra/web-1");
  machine.done();
  machine.exit("fra/web-1");
  machine.ready("fra/web-1");

  EXPECT_EQ(machine.done(), "");
  EXPECT_EQ(machine.state("fra/web-1"), State::backoff);
}

TEST(Supervisor, TheSameSeedDecidesTheSame) {
  const auto story = [](std::uint64_t seed) {
    Machine machine(two_rooms, seed);
    std::string told;
    for (int i = 0; i < 50; ++i) {
      machine.pass(300ms);
      if (machine.status("fra/web-1").pid != 0) machine.exit("fra/web-1");
      told += machine.done() + to_rough_text(machine.now().time_since_epoch()) + "\n";
    }
    return told + hither::to_text(machine.status("fra/web-1").since.time_since_epoch());
  };

  EXPECT_EQ(story(5), story(5));
  EXPECT_NE(story(5), story(6));
}

TEST(Supervisor, ReportsSayNameAndReason) {
  Supervisor supervisor(make_plan(read_sound(one_room)), {}, 1, Instant());
  static_cast<void>(supervisor.on_time(Instant()));
  static_cast<void>(supervisor.on_started(0, 4711, Instant()));

  const auto ready = supervisor.on_ready(0, Instant(150ms));
  const auto ended = supervisor.on_exited(0, "killed by SIGKILL", Instant(1s));

  ASSERT_FALSE(ready.empty());
  EXPECT_EQ(to_text(ready.at(0).record), "ready process=fra/web-1 pid=4711 after=150ms");
  ASSERT_FALSE(ended.empty());
  EXPECT_EQ(to_text(ended.at(0).record).substr(0, 48),
            "ended process=fra/web-1 how=\"killed by SIGKILL\" ");
}

TEST(Supervisor, ASuccessorCountsOnceItIsReadyAndTheOtherLeaves) {
  Machine machine;
  machine.come_up();
  const int old = machine.status("fra/balancer").pid;

  machine.upgrade("fra/balancer");
  EXPECT_EQ(machine.done(), "beside fra/balancer\n");
  EXPECT_EQ(machine.status("fra/balancer").pid, old);
  const int fresh = machine.status("fra/balancer").successor->pid;
  machine.pass(3s);
  machine.successor_ready("fra/balancer");

  EXPECT_EQ(machine.done(), "report upgraded fra/balancer\n");
  EXPECT_EQ(machine.status("fra/balancer").pid, fresh);
  EXPECT_EQ(machine.state("fra/balancer"), State::ready);
  EXPECT_EQ(machine.status("fra/balancer").restarts, 0);
  EXPECT_EQ(machine.status("fra/balancer").upgrades, 1);
  ASSERT_EQ(machine.status("fra/balancer").leaving.size(), 1U);
  EXPECT_EQ(machine.status("fra/balancer").leaving[0].pid, old);
  machine.left("fra/balancer", old);
  EXPECT_EQ(machine.done(), "report left fra/balancer\n");
  EXPECT_TRUE(machine.status("fra/balancer").leaving.empty());
  EXPECT_EQ(machine.supervisor().deadline(), never);
}

TEST(Supervisor, WhatLeavesIsKilledOnlyAfterItsTime) {
  Machine machine;
  machine.come_up();
  machine.upgrade("fra/balancer");
  machine.successor_ready("fra/balancer");
  machine.done();

  machine.pass(65s - 1ms);
  EXPECT_EQ(machine.done(), "");
  machine.pass(1ms);

  EXPECT_EQ(machine.done(), "kill fra/balancer\nreport killed fra/balancer\n");
  machine.pass(1h);
  EXPECT_EQ(machine.done(), "");
}

TEST(Supervisor, ASuccessorThatEndsChangesNothing) {
  Machine machine;
  machine.come_up();
  const int old = machine.status("fra/balancer").pid;
  machine.upgrade("fra/balancer");
  machine.done();

  machine.successor_gone("fra/balancer");

  EXPECT_EQ(machine.done(), "report upgrade-failed fra/balancer\n");
  EXPECT_EQ(machine.status("fra/balancer").pid, old);
  EXPECT_EQ(machine.status("fra/balancer").upgrade_error, "exit status 2");
  EXPECT_EQ(machine.status("fra/balancer").upgrades_failed, 1);
  EXPECT_TRUE(machine.supervisor().may_upgrade(2));
  machine.break_starting();
  machine.upgrade("fra/balancer");
  EXPECT_EQ(machine.status("fra/balancer").upgrade_error, "no such program");
}

TEST(Supervisor, ASuccessorThatIsNotReadyInTimeIsKilled) {
  Machine machine;
  machine.come_up();
  machine.upgrade("fra/balancer");
  machine.done();

  machine.pass(10s);
  EXPECT_EQ(machine.done(), "kill fra/balancer\n");
  machine.successor_gone("fra/balancer");

  EXPECT_EQ(machine.status("fra/balancer").upgrade_error, "it was not ready within 10s");
  EXPECT_EQ(machine.state("fra/balancer"), State::ready);
}

TEST(Supervisor, ASuccessorStandsInForAProcessThatEnds) {
  Machine machine;
  machine.come_up();
  machine.upgrade("fra/balancer");
  const int fresh = machine.status("fra/balancer").successor->pid;
  machine.done();

  machine.exit("fra/balancer");

  EXPECT_EQ(machine.done(), "report ended fra/balancer\n");
  EXPECT_EQ(machine.status("fra/balancer").pid, fresh);
  EXPECT_EQ(machine.state("fra/balancer"), State::starting);
  machine.ready("fra/balancer");
  EXPECT_EQ(machine.state("fra/balancer"), State::ready);
}

TEST(Supervisor, OnlyWhatIsReadyIsUpgradedAndNotTwiceAtOnce) {
  Machine machine;
  machine.done();
  machine.upgrade("fra/balancer");
  EXPECT_EQ(machine.done(), "");
  machine.come_up();

  machine.upgrade("fra/balancer");
  machine.done();
  machine.upgrade("fra/balancer");

  EXPECT_EQ(machine.done(), "");
}

TEST(Supervisor, AStopEndsSuccessorsAndThoseThatLeaveToo) {
  Machine machine;
  machine.come_up();
  machine.upgrade("fra/balancer");
  const int old = machine.status("fra/balancer").pid;
  machine.successor_ready("fra/balancer");
  machine.upgrade("fra/balancer");
  machine.done();

  machine.stop();
  EXPECT_EQ(machine.done(),
            "term dns\nterm fra/balancer\nterm fra/balancer\nterm fra/balancer\n"
            "term fra/web-2\nterm fra/web-1\n");
  for (const char* name : {"fra/web-1", "fra/web-2", "dns", "fra/balancer"}) machine.exit(name);
  EXPECT_FALSE(machine.supervisor().all_stopped());
  machine.successor_gone("fra/balancer");
  machine.left("fra/balancer", old);

  EXPECT_TRUE(machine.supervisor().all_stopped());
}

}  // namespace
}  // namespace hither::topology
