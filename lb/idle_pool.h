// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "base/time.h"
#include "lb/keepalive_horizon.h"

namespace hither::lb {

/// Which idle connections to servers may be used again: numbers that the driver gives its
/// connections, no sockets. Last in, first out, so that few connections stay warm and the rest age
/// out; at most `per_server_max` each; none is kept longer than `idle_max`, or than its server lets
/// it live, which is learned (lb/keepalive_horizon.h). Belongs to one thread.
class IdlePool {
 public:
  using Connection = std::uint64_t;
  struct Limits {
    std::size_t per_server_max = 256;
    Duration idle_max = std::chrono::seconds(4);
  };

  explicit IdlePool(Limits limits) : limits_(limits) {}

  /// Keeps `connection` for the next request to `server`. Returns the one to close instead, if any:
  /// the oldest of a full server.
  std::optional<Connection> put(std::size_t server, Connection connection, Instant now);
  /// The one put last, unless it is too old.
  std::optional<Connection> take(std::size_t server, Instant now);
  /// The server closed it, or broke the silence. Unknown ones are ignored.
  void closed(std::size_t server, Connection connection, Instant now);
  /// Takes out what has been idle too long, and says what that was.
  std::vector<Connection> expired(Instant now);
  /// Takes out all of one server, which went down.
  std::vector<Connection> drop(std::size_t server);

  /// When expired() next has something to say; `never` if nothing is idle.
  Instant next() const;
  std::size_t size() const;
  /// For how long connections to `server` are kept.
  Duration idle_max(std::size_t server) { return of(server).horizon.limit(); }

 private:
  struct Idle {
    Connection connection;
    Instant since;
  };

  struct OfServer {
    explicit OfServer(Duration idle_max) : horizon(idle_max) {}
    std::deque<Idle> idle;  ///< oldest first
    KeepaliveHorizon horizon;
  };

  /// Servers are known from the first time they are spoken of.
  OfServer& of(std::size_t server);

  Limits limits_;
  std::vector<OfServer> servers_;
};

}  // namespace hither::lb
