// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/time.h"
#include "lb/admission.h"
#include "lb/farm.h"
#include "lb/keepalive_horizon.h"

namespace hither::lb {

/// What a thread has to know of another's idle connection to use it: its descriptor, and since when
/// it is idle (within a millisecond, rather too early than too late).
struct Parked {
  int fd = -1;
  Instant since{};
};

/// The idle connections of one thread to one server, where all threads see them. Each stands in a
/// slot of its own, which is one atomic word: whoever exchanges it has the connection, and nobody
/// locks or waits.
///
/// A slot goes from empty to parked by its owner, and back either way: its owner takes what is his
/// at once; another thread first marks it as leaving, and empties it only when nothing of the
/// owner's can be told of the descriptor any more (its loop watches it). Until then the owner keeps
/// what he has of it.
class IdleShelf {
 public:
  explicit IdleShelf(std::size_t slots) : slots_(slots) {}

  // The owner:
  /// Precondition: the slot is empty, and can_hold() was true.
  void park(std::size_t slot, const Parked& parked);
  /// Takes it back. False if another thread has it, or is about to.
  bool take_back(std::size_t slot);
  bool empty(std::size_t slot) const;
  /// So many are parked, or were when the owner last looked: for others, whether to look.
  void tell_count(std::size_t count) { count_.store(count, std::memory_order_relaxed); }

  // Any other thread:
  struct Leaving {
    std::size_t slot = 0;
    Parked parked;
  };
  /// Claims the one that is idle for the shortest time, if that is less than `idle_max`; leave()
  /// must follow.
  std::optional<Leaving> claim(Instant now, Duration idle_max);
  /// The owner's loop does not watch it any more: the slot is the owner's again.
  void leave(const Leaving& leaving);

  std::size_t slots() const { return slots_.size(); }
  /// Descriptors and instants that fit the word. Others are not parked.
  static bool can_hold(const Parked& parked);

 private:
  std::vector<std::atomic<std::uint64_t>> slots_;
  std::atomic<std::size_t> count_{0};
};

/// What all threads know of the idle connections to the servers of one farm: the shelves of each
/// thread, and for how long a server lets its connections live, which all learn together. Shared by
/// all threads; each shelf has one owner. Turns are taken only for what is rare: a server's first
/// connection, one that was closed, one that aged out.
class SharedIdle {
 public:
  struct Limits {
    std::size_t per_server_max = 1024;  ///< over all threads
    Duration idle_max = std::chrono::seconds(4);
  };

  explicit SharedIdle(unsigned threads) : SharedIdle(threads, Limits()) {}
  SharedIdle(unsigned threads, Limits limits);
  ~SharedIdle();
  SharedIdle(const SharedIdle&) = delete;
  SharedIdle& operator=(const SharedIdle&) = delete;

  /// Before threads use it.
  void take_turns(std::unique_ptr<Turns> turns) { turns_ = std::move(turns); }

  /// One server, for all threads. It stays where it is.
  class OfServer {
   public:
    OfServer(unsigned threads, const Limits& limits);
    IdleShelf& shelf(unsigned thread) { return *shelves_[thread]; }
    /// For how long connections to it may be idle and still be used.
    Duration idle_max() const { return Duration(idle_max_.load(std::memory_order_relaxed)); }

   private:
    friend class SharedIdle;
    std::vector<std::unique_ptr<IdleShelf>> shelves_;  ///< by thread
    std::atomic<Duration::rep> idle_max_;
    KeepaliveHorizon horizon_;  ///< in turns
  };
  OfServer& of(std::size_t server);
  unsigned threads() const { return threads_; }

  /// What became of a connection to the server (lb/keepalive_horizon.h).
  void closed_after(OfServer& server, Duration idle);
  void outlived(OfServer& server);
  void forget(OfServer& server);

 private:
  template <class Change>
  void learn(OfServer& server, Change change);

  unsigned threads_;
  Limits limits_;
  std::unique_ptr<Turns> turns_ = std::make_unique<Turns>();
  std::array<std::atomic<OfServer*>, servers_max> servers_{};
};

}  // namespace hither::lb
