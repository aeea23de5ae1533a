// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "io/loop.h"
#include "io/pipe.h"
#include "io/socket.h"
#include "lb/buffer.h"
#include "lb/deadlines.h"
#include "lb/farm.h"
#include "lb/http_proxy.h"
#include "lb/idle_pool.h"
#include "lb/picker.h"
#include "lb/preface.h"
#include "lb/routes.h"
#include "lb/tcp_proxy.h"

namespace hither::lb {

/// One thread's share of the balancer: its own listening sockets (SO_REUSEPORT), the client
/// connections they accept, the connections to servers, and the idle ones among these. Shares only
/// the farms with other threads. Everything but drain(), drop_idle() and stop() belongs to the
/// loop's thread.
///
/// The hot path: one recv per readiness, straight into the session's buffer; send at once after the
/// session saw the bytes; write readiness is asked for only after EAGAIN; no allocation.
class Worker {
 public:
  /// All must outlive it. `thread` is its number, 0 for the first.
  Worker(io::Loop& loop, const std::vector<std::unique_ptr<Farm>>& farms, unsigned thread,
         std::uint64_t seed);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Takes connections for the farms of `port` at `endpoint`, which other threads listen on too if
  /// it is `shared`. Before the loop runs; `port` must outlive it.
  [[nodiscard]] Result<void> listen(const Port& port, const Endpoint& endpoint, bool shared);

  /// More clients than that wait in the kernel until others leave. Before the loop runs.
  void limit_clients(std::size_t most) { clients_max_ = most; }
  /// Pipes for bulk in use at once, two descriptors each. Before the loop runs.
  void limit_pipes(std::size_t most) { pipes_.limit(most); }

  /// Where the access log of a farm goes. Must outlive it. Before the loop runs.
  void log_to(std::size_t farm, AccessSink& sink);

  /// Stops accepting and ends every session at its next polite moment; `when_empty` is called on
  /// this thread once none is left. Any thread, once.
  void drain(std::function<void()> when_empty);
  /// Closes the idle connections to a server that went down. Any thread.
  void drop_idle(std::size_t farm, std::size_t server);
  void stop() { loop_.stop(); }
  io::Loop& loop() { return loop_; }

 private:
  struct Listener;
  struct Share;
  struct Backend;
  struct Flow;

  void accept_some(Listener& listener);
  void start_flow(const Port& port, io::Accepted accepted);
  void read_preface(Flow& flow);
  void start_session(Flow& flow, std::size_t farm, const Preface* preface);
  void on_readable(Flow& flow, Side side);
  bool read_through_pipe(Flow& flow, Side side);
  bool drain_pipe(Flow& flow, Side from);
  void drive(Flow& flow);
  bool grant_wish(Flow& flow);
  void obtain(Flow& flow);
  void connect(Flow& flow, std::uint32_t server);
  void on_connect(Backend& backend);
  bool flush(Flow& flow, Side side);
  void await(Flow& flow);
  void on_backend_readable(Backend& backend);
  void on_backend_writable(Backend& backend);
  void give_back(Flow& flow);
  void close_backend(std::uint64_t id);
  void remove(Flow& flow);
  void on_time();
  void wake_by(Instant when);

  io::Loop& loop_;
  BlockPool blocks_;
  io::PipePool pipes_;
  Deadlines deadlines_;
  std::vector<std::unique_ptr<Share>> shares_;  ///< one per farm
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Backend>> backends_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Flow>> flows_;
  std::uint64_t next_id_ = 1;
  std::size_t clients_max_ = 10'000;
  std::vector<Deadlines::Entry*> due_;  ///< scratch
  std::function<void()> when_empty_;
  bool draining_ = false;
  Instant wake_at_ = never;
  Instant complained_{};  ///< when the log last heard of exhausted descriptors
  io::Timer timer_;
};

}  // namespace hither::lb
