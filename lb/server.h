// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <thread>
#include <vector>

#include "base/result.h"
#include "io/admin.h"
#include "io/loop.h"
#include "io/resolver.h"
#include "lb/farm.h"
#include "lb/report.h"
#include "lb/routes.h"
#include "lb/server_access_log.h"
#include "lb/server_probes.h"
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
class Balancer {
 public:
  Balancer(Settings settings, unsigned threads);
  ~Balancer();
  Balancer(const Balancer&) = delete;
  Balancer& operator=(const Balancer&) = delete;

  /// Binds every port there is; fails with the port that is taken and the cure.
  [[nodiscard]] Result<void> listen();
  /// Serves until SIGTERM or SIGINT and the drain that follows; a second signal ends it at once.
  /// Says READY=1 once every copy was probed. Precondition: listen() succeeded.
  void run();

 private:
  void watch_farm(std::size_t farm);
  void add_pages();
  RoomView view() const;
  void on_change(std::size_t farm, std::size_t server, const Health::Change& change);
  void judge_outliers();
  void log_down(std::size_t farm, std::size_t server) const;
  void say_ready_once();
  void on_signal();
  void stop();

  Settings settings_;
  std::vector<Port> ports_;  ///< what it listens on
  io::Loop loop_;
  io::Resolver resolver_;
  io::AdminServer admin_;
  std::vector<std::unique_ptr<Farm>> farms_;
  std::vector<std::unique_ptr<FarmProbes>> probes_;
  AccessWriter access_log_;
  std::vector<std::unique_ptr<io::Loop>> loops_;  ///< of all workers but the first
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::thread> threads_;
  std::vector<std::unique_ptr<Outliers>> outliers_;  ///< by farm
  std::vector<FarmView> views_;
  std::size_t workers_busy_ = 0;  ///< while draining
  bool draining_ = false;
  bool ready_ = false;
  io::Timer drain_limit_;
  io::Timer judge_timer_;
};

}  // namespace hither::lb
