// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/ring.h"
#include "io/loop.h"
#include "io/socket.h"
#include "lb/access_record.h"
#include "lb/farm.h"

namespace hither::lb {

/// Writes the access logs of all farms to one descriptor, on a thread of its own: the threads that
/// serve leave plain records in a ring each, and never wait for whoever reads the log. What does
/// not fit into a ring is dropped and counted (FarmTotals::unlogged), and the log says so.
class AccessWriter {
 public:
  /// `fd` must outlive it; nobody else's lines are torn, for ours go out whole.
  explicit AccessWriter(int fd);
  ~AccessWriter();
  AccessWriter(const AccessWriter&) = delete;
  AccessWriter& operator=(const AccessWriter&) = delete;

  /// Where thread `thread` leaves what it has to say about `farm`, which must outlive this. It says
  /// nothing while the farm wants no access log. On the thread that calls start() and stop().
  AccessSink* add(Farm& farm, unsigned thread);
  /// From now on records are written; but the thread is only there once somebody has any.
  void start();
  bool running() const { return thread_.joinable(); }
  /// Writes what is there, as far as the descriptor takes it, and ends the thread. Once nobody
  /// leaves records any more.
  void stop();

 private:
  struct FarmRing;

  void ensure_thread();
  void write_all();
  bool write_some(std::string& text);
  void say_drops();

  io::Fd own_;  ///< others write there as well: what poll(2) saw may be gone at the write
  int fd_;
  io::Loop loop_;
  io::Timer timer_;
  std::vector<std::shared_ptr<FarmRing>> rings_;  ///< the writer thread's
  std::vector<Farm*> farms_;                      ///< likewise
  bool wanted_ = false;                           ///< somebody may leave records
  bool started_ = false;
  std::uint64_t drops_said_ = 0;
  Instant drops_said_at_{};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace hither::lb
