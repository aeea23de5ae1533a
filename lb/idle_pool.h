// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/time.h"
#include "lb/shared_idle.h"

namespace hither::lb {

/// Which idle connections to servers one thread may use again: its own, which it knows by numbers
/// that the driver gives them, and those of other threads (lb/shared_idle.h), so that several
/// threads open hardly more connections than one would. Last in, first out, so that few connections
/// stay warm and the rest age out; its own first, for those cost nothing to take. At most
/// `per_server_max` each; none is kept longer than `idle_max`, or than its server lets it live,
/// which is learned. Belongs to one thread; `all` must outlive it.
class IdlePool {
 public:
  using Connection = std::uint64_t;

  IdlePool(SharedIdle& all, unsigned thread) : all_(all), thread_(thread) {}

  /// Keeps `connection`, which has descriptor `fd`, for the next request to `server`, whichever
  /// thread has it. Returns the one to close instead, if any: the oldest of a full server.
  std::optional<Connection> put(std::size_t server, Connection connection, int fd, Instant now);
  /// The one put last, unless it is too old.
  std::optional<Connection> take(std::size_t server, Instant now);
  /// The server closed it, or broke the silence. False if it is another thread's by now: it must
  /// not be closed here.
  bool closed(std::size_t server, Connection connection, Instant now);
  /// Takes out what has been idle too long, and says what that was.
  std::vector<Connection> expired(Instant now);
  /// Takes out the oldest of all servers, to make room for another's; nothing if none is left here.
  std::optional<Connection> give_up_oldest();
  /// Takes out all of one server, which went down.
  std::vector<Connection> drop(std::size_t server);

  /// One that another thread had, when there is none here. It is this thread's once the other
  /// thread's loop does not watch it any more and taken_over() has said so.
  struct TakeOver {
    unsigned thread = 0;  ///< whose it was
    std::size_t server = 0;
    IdleShelf::Leaving leaving;
    int fd() const { return leaving.parked.fd; }
  };
  std::optional<TakeOver> take_over(std::size_t server, Instant now);
  void taken_over(const TakeOver& one);
  /// One that was taken over turned out to be closed.
  void found_closed(const TakeOver& one, Instant now);

  /// Own connections that other threads have taken since it was last asked: nobody watches them
  /// here, and their descriptors must not be closed.
  std::vector<Connection> taken_away();
  /// Is it worth asking? Others may be about to take some that it does not say yet.
  bool lost_some() const { return !lost_.empty(); }

  /// When expired() next has something to say; `never` if nothing is idle.
  Instant next() const;
  /// How many are kept here; those that others are taking just now may be counted still.
  std::size_t size() const;
  /// For how long connections to `server` are kept.
  Duration idle_max(std::size_t server) { return of(server).all->idle_max(); }

 private:
  struct Idle {
    Connection connection;
    Instant since;
    std::size_t slot;  ///< on the shelf
  };

  struct OfServer {
    SharedIdle::OfServer* all = nullptr;  ///< what all threads know of it
    IdleShelf* shelf = nullptr;
    std::vector<Idle> idle;          ///< oldest first
    std::vector<std::size_t> empty;  ///< slots
    void tell_count() const { shelf->tell_count(idle.size()); }
  };
  struct Lost {
    std::size_t server;
    Idle idle;
  };

  /// Servers are known from the first time they are spoken of.
  OfServer& of(std::size_t server);
  bool take_back(std::size_t server, const Idle& idle);

  SharedIdle& all_;
  unsigned thread_;
  std::vector<OfServer> servers_;
  std::vector<Lost> lost_;  ///< to other threads, some of which may still be about it
};

}  // namespace hither::lb
