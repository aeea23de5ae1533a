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
#include "lb/farm.h"
#include "lb/report.h"
#include "lb/server_access_log.h"
#include "lb/server_probes.h"
#include "lb/server_setup.h"
#include "lb/server_worker.h"
#include "lb/settings.h"

namespace hither::lb {

/// How long sessions may go on after SIGTERM: less than the 10 s after which a supervisor kills.
constexpr Duration drain_max = std::chrono::seconds(6);

/// How often requests that failed are looked at, and so how late an ejection may come.
constexpr Duration judge_interval = std::chrono::milliseconds(200);

/// The balancer of one room: the driver that joins the pure half of lb/ with the kernel. The
/// calling thread carries the first worker, the probes and the status pages; further threads carry
/// a worker each.
///
/// All that the description says of the room's farms may change while it serves: farms, copies,
/// weights, algorithms, limits, ports. A change is taken as a whole or not at all, and harms no
/// request: copies that leave finish what they have, ports that close let in who waits.
class Balancer {
 public:
  Balancer(Settings settings, unsigned threads);
  ~Balancer();
  Balancer(const Balancer&) = delete;
  Balancer& operator=(const Balancer&) = delete;

  /// Binds every port there is; fails with the port that is taken and the cure.
  [[nodiscard]] Result<void> listen();
  /// From run() on, reads its settings again when a file changes, or on SIGHUP. `first` is what it
  /// was made with.
  void follow(std::function<SetupReading()> read, const SetupReading& first);
  /// Serves until SIGTERM or SIGINT and the drain that follows; a second signal ends it at once.
  /// Says READY=1 once every copy was probed. Precondition: listen() succeeded.
  void run();
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
  void step_outliers(std::size_t farm, Instant now);
  void step_allotments(std::size_t farm, Instant now);
  void log_down(std::size_t farm, std::size_t server) const;
  void say_ready_once();
  void on_signal(int number);
  void drain();
  void stop();

  // server_change.cc
  void on_read(SetupReading reading, Duration took);
  void on_taken();
  void refuse(const std::vector<Error>& mistakes);
  void look_at_files();
  std::size_t number_of(const std::string& farm) const;
  std::size_t add_farm(const FarmSettings& farm);
  void change_farm(std::size_t number, const FarmSettings& fresh, const CopyPlan& plan);
  [[nodiscard]] Result<Opened> open_doors(const Settings& fresh) const;
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
  bool draining_ = false;
  bool running_ = false;
  bool ready_ = false;
  io::Timer drain_limit_;
  io::Timer judge_timer_;
  io::Timer file_timer_;
};

}  // namespace hither::lb
