// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/reload.h"
#include "base/result.h"
#include "io/admin.h"
#include "io/loop.h"
#include "io/reloader.h"
#include "io/resolver.h"
#include "lb/drain.h"
#include "lb/farm.h"
#include "lb/report.h"
#include "lb/server_access_log.h"
#include "lb/server_handover.h"
#include "lb/server_probes.h"
#include "lb/server_setup.h"
#include "lb/server_worker.h"
#include "lb/settings.h"

namespace hither::lb {

/// How often it is looked whether the last client of a farm that is gone has left.
constexpr Duration leaving_interval = std::chrono::seconds(1);

/// How often requests that failed are looked at, and so how late an ejection may come.
constexpr Duration judge_interval = std::chrono::milliseconds(200);

/// The balancer of one room: the driver that joins the pure half of lb/ with the kernel. The
/// calling thread carries the first worker, the probes and the status pages; further threads carry
/// a worker each.
///
/// All that the description says of the room's farms may change while it serves: farms, copies,
/// weights, algorithms, limits, ports. A change is taken as a whole or not at all, and harms no
/// request: copies that leave finish what they have, ports that close let in who waits.
///
/// With a Succession another process takes its place, its sockets and what it knows of the copies
/// (lb/handover.h), and its clients leave one after the other (lb/drain.h).
class Balancer {
 public:
  /// How it takes the place of another process, and lets another take its own.
  struct Succession {
    std::string place;              ///< where they meet (io/fd_passing.h); empty: nowhere
    std::optional<Duration> limit;  ///< for its clients to leave after that; see rule_for_leaving()
    std::vector<std::string> argv;  ///< what SIGUSR2 starts as its successor; empty: nothing
  };

  Balancer(Settings settings, unsigned threads, Succession succession);
  Balancer(Settings settings, unsigned threads)
      : Balancer(std::move(settings), threads, Succession{}) {}
  ~Balancer();
  Balancer(const Balancer&) = delete;
  Balancer& operator=(const Balancer&) = delete;

  /// Binds every port there is, or gets it from a predecessor; fails with the port that is taken
  /// and the cure.
  [[nodiscard]] Result<void> listen();
  /// From run() on, reads its settings again when a file changes, or on SIGHUP. `first` is what it
  /// was made with.
  void follow(std::function<SetupReading()> read, const SetupReading& first);
  /// Serves until SIGTERM or SIGINT, or until another has taken its place, and all clients have
  /// left; a second signal ends it at once. Says READY=1 once every copy was probed, or is known
  /// from a predecessor. False if that went on instead. Precondition: listen() succeeded.
  bool run();
  /// Makes these settings true, or says why not and leaves all as it is. On the thread that called
  /// run().
  [[nodiscard]] Result<void> change(Settings fresh);

 private:
  struct Opened;

  // server.cc
  void watch_farm(std::size_t farm);
  void add_pages();
  io::Page show_decisions(const io::PageRequest& request);
  RoomView view() const;
  void on_change(std::size_t farm, std::size_t server, Prober::Belief to);
  void drop_idle(std::size_t farm, std::size_t server);
  void judge_outliers();
  void step_outliers(std::size_t number, Instant now);
  void step_allotments(std::size_t number, Instant now);
  void log_down(std::size_t farm, std::size_t server) const;
  void say_ready_once();
  void serve();
  void on_signal(int number);
  void stop();

  // server_drain.cc
  void drain();
  void leave(const DrainRule& rule, const std::vector<Endpoint>& handed_over);
  Duration longest_window() const;
  void stop_when_empty();
  void cut_stragglers();
  void end_at_once();
  void report_stragglers(const std::vector<Straggler>& cut) const;
  DrainRule let_go(const std::vector<std::size_t>& ended);
  void end_farms();

  // server_upgrade.cc
  [[nodiscard]] Result<void> meet_predecessor();
  [[nodiscard]] Result<void> open_pages();
  void recall();
  HandoverPost::Wishes wishes();
  void begin_offer();
  void offer();
  void set_accepting(bool accepting);
  void take_over();
  void give_up(const std::string& why);
  void start_successor();

  // server_change.cc
  void on_read(SetupReading reading, Duration took);
  void on_taken();
  void refuse(const std::vector<Error>& mistakes);
  void look_at_files();
  std::size_t number_of(const std::string& farm) const;
  std::size_t add_farm(const FarmSettings& farm);
  void change_farm(std::size_t number, const FarmSettings& fresh, const CopyPlan& plan);
  [[nodiscard]] Result<Opened> open_doors(const Settings& fresh) const;
  bool hand_out(const Endpoint& endpoint, Opened& opened) const;
  void rebuild_views();
  AccessSink* sink_for(std::size_t farm, unsigned thread);

  Settings settings_;
  unsigned threads_count_;
  io::Loop loop_;
  io::Resolver resolver_;
  io::AdminServer admin_;
  /// Every farm there ever was keeps its number, so that counts go on if it returns.
  std::vector<std::unique_ptr<Farm>> farms_;
  std::vector<std::unique_ptr<SharedIdle>> idle_;    ///< by farm
  std::vector<std::unique_ptr<Outliers>> outliers_;  ///< by farm
  std::vector<std::unique_ptr<FarmProbes>> probes_;  ///< by farm
  std::vector<std::size_t>
      present_;                  ///< numbers of the farms there are, as the description has them
  std::vector<Endpoint> doors_;  ///< where it listens
  AccessWriter access_log_;
  std::vector<std::vector<AccessSink*>> sinks_;   ///< by farm and thread; null: none yet
  std::vector<std::unique_ptr<io::Loop>> loops_;  ///< of all workers but the first
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::thread> threads_;
  std::vector<FarmView> views_;  ///< of the farms that are present
  std::optional<io::Reloader<SetupReading>> reloader_;
  ReloadReport reloads_;
  std::size_t workers_behind_ = 0;  ///< that have not taken the last change yet
  bool read_again_ = false;         ///< once they have
  std::size_t workers_busy_ = 0;    ///< while draining
  std::size_t drains_ = 0;          ///< how often it was begun
  std::vector<Straggler> cut_;
  std::size_t workers_to_cut_ = 0;
  bool cutting_ = false;
  bool draining_ = false;
  bool stopping_ = false;  ///< told by a signal, so in less time
  bool hurried_ = false;   ///< told so a second time
  /// A farm that is not described any more, while its clients leave.
  struct Leaving {
    std::size_t farm = 0;
    Instant from{};   ///< until then some may come who were let in before
    Instant limit{};  ///< then the last are cut
  };
  std::vector<Leaving> leaving_;
  Succession succession_;
  std::unique_ptr<Predecessor> predecessor_;  ///< until it is settled who serves
  std::unique_ptr<HandoverPost> post_;        ///< where a successor finds this one
  Worker::Sockets lent_;
  std::size_t workers_to_lend_ = 0;
  std::uint64_t offers_ = 0;      ///< how often that was begun
  std::uint64_t generation_ = 1;  ///< how many had this room since the first without a predecessor
  bool gave_up_ = false;
  bool running_ = false;
  bool ready_ = false;
  io::Timer drain_limit_;
  io::Timer judge_timer_;
  io::Timer file_timer_;
  io::Timer leave_timer_;
};

}  // namespace hither::lb
