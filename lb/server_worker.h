// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.h"
#include "io/loop.h"
#include "io/pipe.h"
#include "io/socket.h"
#include "lb/buffer.h"
#include "lb/deadlines.h"
#include "lb/drain.h"
#include "lb/farm.h"
#include "lb/http_proxy.h"
#include "lb/idle_pool.h"
#include "lb/picker.h"
#include "lb/preface.h"
#include "lb/routes.h"
#include "lb/shared_idle.h"
#include "lb/tcp_proxy.h"

namespace hither::lb {

/// Where clients come in: an address and what is done with who connects to it.
struct Door {
  Endpoint endpoint;
  std::shared_ptr<const Port> port;
};

/// One thread's share of the balancer: its own listening sockets (SO_REUSEPORT), the client
/// connections they accept, the connections to servers, and the idle ones among these. Shares only
/// the farms with other threads, and what is idle: a thread that has no idle connection to a server
/// takes over one of another thread's before it opens one (lb/shared_idle.h). Everything but
/// take(), drop_idle(), stop() and what stands in server_worker_drain.cc belongs to the loop's
/// thread.
///
/// The hot path: one recv per readiness, straight into the session's buffer; the clock is read once
/// behind it; send at once after the session saw the bytes; write readiness is asked for only after
/// EAGAIN; no allocation, no lock.
class Worker {
 public:
  /// A farm that there was not before, and where its access log goes; null: nowhere yet.
  struct NewFarm {
    Farm* farm = nullptr;
    SharedIdle* idle = nullptr;
    AccessSink* log = nullptr;
  };
  /// What may change while it serves. Farms are known by their place in the order they came in.
  struct Change {
    /// More clients than that wait in the kernel until others leave; those that are there stay.
    std::size_t clients_max = 10'000;
    std::size_t pipes_max = 256;  ///< for bulk in use at once, two descriptors each
    std::vector<NewFarm> farms;
    std::vector<Door> doors;  ///< all there are from now on
    /// For doors that were not there before. One that has none is left shut.
    std::vector<std::pair<Endpoint, io::Fd>> sockets;
    std::vector<std::size_t> ended;  ///< farms whose clients are to leave, by `ended_by`
    DrainRule ended_by;
    std::vector<std::pair<std::size_t, AccessSink*>> logs;  ///< of farms, where they changed
  };

  /// `loop` must outlive it, and so must all farms and sinks it hears of. `thread` is its number, 0
  /// for the first.
  Worker(io::Loop& loop, unsigned thread, std::uint64_t seed);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Makes a change true; then calls `taken`, on this thread. A door that is not there any more is
  /// closed once everybody who waits behind it is let in; its clients stay. Any thread.
  void take(Change change, std::function<void()> taken);
  /// The same at once. Before the loop runs.
  void apply(Change change);

  /// The loops of all threads, by their numbers. Before the loop runs.
  void meet(std::vector<io::Loop*> loops) { loops_ = std::move(loops); }

  // server_worker_drain.cc

  /// Accepts nothing until set_accepting(true). Before the loop runs.
  void hold() { held_ = true; }
  /// Whether it takes connections; those that come meanwhile wait. It does at first. Any thread.
  void set_accepting(bool accepting);
  /// Other descriptors of all the sockets it listens at, on this thread. Any thread.
  using Sockets = std::vector<std::pair<Endpoint, io::Fd>>;
  void lend_sockets(std::function<void(Sockets)> give);
  /// Closes its sockets, those that are not `handed_over` once everybody who waits behind them is
  /// let in, and lets all clients leave by `rule`; `when_empty` is called on this thread once none
  /// is left. A second call replaces the rule. Any thread.
  void drain(const DrainRule& rule, std::vector<Endpoint> handed_over,
             std::function<void()> when_empty);
  /// Cuts all clients that are left, or those of one farm. `tell` is called first, on this thread.
  /// Any thread.
  void cut(std::optional<std::size_t> farm, std::function<void(std::vector<Straggler>)> tell);
  /// Closes the idle connections to a server that went down. Any thread.
  void drop_idle(std::size_t farm, std::size_t server);
  void stop() { loop_.stop(); }
  io::Loop& loop() { return loop_; }

 private:
  struct Listener;
  struct Share;
  struct Backend;
  struct Flow;
  /// When a client is asked to leave.
  struct Turn {
    Instant when;
    std::uint64_t flow = 0;
    Duration patience{};
  };

  bool accept_some(Listener& listener);
  void start_flow(const std::shared_ptr<const Port>& port, io::Accepted accepted);
  void change_doors(const std::vector<Door>& doors,
                    std::vector<std::pair<Endpoint, io::Fd>>& sockets);
  void give_turns(const DrainRule& rule, const std::function<bool(const Flow&)>& which);
  void take_turns();
  void read_preface(Flow& flow);
  void start_session(Flow& flow, std::size_t farm, const Preface* preface);
  void on_readable(Flow& flow, Side side);
  void on_client_trouble(Flow& flow);
  bool read_through_pipe(Flow& flow, Side side);
  bool drain_pipe(Flow& flow, Side from, Instant now);
  void drive(Flow& flow, Instant now);
  bool grant_wish(Flow& flow, Instant now);
  void obtain(Flow& flow, Instant now);
  void take_calls(Share& share);
  void connect(Flow& flow, std::uint32_t server, Instant now);
  void on_connect(Backend& backend);
  bool flush(Flow& flow, Side side, Instant now);
  void await(Flow& flow, Instant now);
  void on_backend_readable(Backend& backend);
  void on_backend_writable(Backend& backend);
  void on_backend_trouble(Backend& backend);
  void give_back(Flow& flow, Instant now);
  bool take_idle(Flow& flow, std::uint32_t server, Instant now);
  bool take_over(Flow& flow, std::uint32_t server, Instant now);
  void forget_taken(Share& share);
  void make_room();
  void close_backend(std::uint64_t id);
  void remove(Flow& flow);
  void on_time();
  void wake_by(Instant when);

  io::Loop& loop_;
  std::vector<io::Loop*> loops_;  ///< by thread
  unsigned thread_;
  std::uint64_t seed_;
  BlockPool blocks_;
  io::PipePool pipes_;
  Deadlines deadlines_;
  std::vector<std::unique_ptr<Share>> shares_;  ///< one per farm
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Backend>> backends_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Flow>> flows_;
  std::uint64_t next_id_ = 1;
  std::size_t clients_max_ = 0;
  std::vector<Deadlines::Entry*> due_;  ///< scratch
  std::function<void()> when_empty_;
  bool draining_ = false;
  bool held_ = false;        ///< it accepts nothing
  std::vector<Turn> turns_;  ///< a heap, the next on top
  Instant wake_at_ = never;
  Instant trim_at_{};     ///< when blocks that nobody needs may go
  Instant complained_{};  ///< when the log last heard of exhausted descriptors
  io::Timer timer_;
  io::Timer turn_timer_;  ///< always set: a loop that waits for nothing ends
};

}  // namespace hither::lb
