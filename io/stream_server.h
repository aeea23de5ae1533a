// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/counter.h"
#include "base/ip.h"
#include "base/result.h"
#include "base/time.h"
#include "io/client_quota.h"
#include "io/loop.h"
#include "io/socket.h"

namespace hither::io {

/// One connection's protocol without the socket: bytes and instants in, bytes and a deadline out.
/// What it appends to `out` is sent in order.
class Session {
 public:
  virtual ~Session() = default;
  /// Pieces of any size, as they came.
  virtual void on_bytes(ByteView bytes, Instant now, Bytes& out) = 0;
  /// The peer will send nothing more (its FIN).
  virtual void on_end(Instant now, Bytes& out) = 0;
  /// The deadline has passed.
  virtual void on_time(Instant now, Bytes& out) = 0;
  /// When on_time() wants to be called; `never` if not at all. Asked after every call above.
  virtual Instant deadline() const = 0;
  /// Close as soon as everything in `out` is sent. Asked after every call above.
  virtual bool finished() const = 0;
  /// False: leave the bytes in the kernel for now (back-pressure).
  virtual bool wants_input() const { return true; }
  /// on_drained() is wanted, and makes something of it: what is left of an answer is too much to
  /// wait in memory, or input was left in the kernel.
  virtual bool has_more() const { return !wants_input(); }
  /// Everything in `out` has been sent while has_more() was true: go on.
  virtual void on_drained(Instant /*now*/, Bytes& /*out*/) {}
};

/// What became of a server's connections. The loop's thread counts, any may read.
struct StreamCounts {
  Counter accepted;    ///< and driven; those over their quota are not
  Counter closed;      ///< of these, for whatever reason; so the others are open
  Counter over_quota;  ///< closed as soon as they were accepted
  Counter shed;        ///< closed to make room for a new one
  Counter timed_out;   ///< finished by their session's deadline
  Counter stalled;     ///< cut off because the peer did not take what was sent
};

/// Accepts stream connections and drives a Session for each: for protocols that are spoken with one
/// peer (status pages, DNS over TCP, the stand-in backend). Sends at once and arms write readiness
/// only when the kernel is full. While more than `output_bytes_max` wait to be sent it does not
/// read, and a peer that does not take `stall_bytes` of them in `stall_time` is cut off. When a
/// session is finished the socket is half-closed and drained for up to a second, so that no reset
/// eats the last bytes. Belongs to one loop's thread.
class StreamServer {
 public:
  struct Limits {
    std::size_t connections_max = 10'000;
    std::size_t output_bytes_max = 256 * 1024;
    Duration stall_time = std::chrono::seconds(10);
    std::size_t stall_bytes = 64 * 1024;
    /// With connections_max open, a new one takes the place of that which has been idle longest;
    /// one that is over its client's quota does not.
    bool shed_idle = false;
    ClientQuota* quota = nullptr;  ///< limits each client; must outlive the server
  };
  using Factory = std::function<std::unique_ptr<Session>(const Endpoint& peer)>;

  StreamServer(Loop& loop, Factory factory, Limits limits);
  StreamServer(Loop& loop, Factory factory) : StreamServer(loop, std::move(factory), Limits{}) {}
  ~StreamServer();
  StreamServer(const StreamServer&) = delete;
  StreamServer& operator=(const StreamServer&) = delete;

  /// Takes connections from this listener as well.
  void add_listener(Fd listener);
  /// Other descriptors of all listeners.
  std::vector<Fd> lend_listeners() const;
  /// Whether connections are taken from the listeners there are.
  void set_accepting(bool accepting);
  /// Closes all listeners; connections go on.
  void close_listeners();
  /// Closes all connections at once.
  void close_connections();
  std::size_t connections() const { return connections_.size(); }
  /// From now on; those that are too many go as new ones come.
  void set_connections_max(std::size_t connections_max) {
    limits_.connections_max = connections_max;
  }
  /// Any thread may read them.
  const StreamCounts& counts() const { return counts_; }
  /// Calls `on_time` of every session now: something they wait for may have changed.
  void wake_all();

 private:
  struct Listener;
  struct Connection;

  void accept_all(Listener& listener);
  void on_readable(Connection& connection);
  void on_timer(Connection& connection);
  Accepted accept_allowed(Listener& listener);
  void make_room();
  void flush(Connection& connection);
  void watch_progress(Connection& connection, std::size_t sent);
  void go_on(Connection& connection);
  void settle(Connection& connection);
  void start_lingering(Connection& connection);
  void remove(std::uint64_t id);

  Loop& loop_;
  Factory factory_;
  Limits limits_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Connection>> connections_;
  std::list<std::uint64_t> by_activity_;  ///< the one that is idle longest comes first
  std::uint64_t next_id_ = 1;
  StreamCounts counts_;
};

}  // namespace hither::io
