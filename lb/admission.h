// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/time.h"

namespace hither::lb {

/// How threads take turns at what they share. Pure code knows no lock: a driver with several
/// threads hands one in (lb/server_turns.h), and where there is one thread nothing has to be done.
class Turns {
 public:
  virtual ~Turns() = default;
  virtual void begin() {}
  virtual void end() {}
};

/// One turn, until the end of its scope.
class Turn {
 public:
  explicit Turn(Turns& turns) : turns_(turns) { turns_.begin(); }
  ~Turn() { turns_.end(); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  Turns& turns_;
};

/// The queue of one farm in one room: who waits while every copy has all it is ever given at once.
///
/// First come, first served, over all threads together. A place that gets free is not left to
/// whoever is quickest: call() claims it for the first in the queue that may have it, and it stays
/// counted in flight until that one takes it, so nobody overtakes and no thread starves another's.
/// Who tried a server in vain is not called to it again; those behind go first then.
///
/// The queue is bounded, and so is every wait, by the session's own deadline. Nobody is stranded: a
/// place is offered when a request ends, when somebody enters (so none can get free unseen in
/// between), and by the main thread a few times a second; if no server is left to wait for, the
/// main thread dismisses all.
///
/// Any thread may call everything, for each does it in its turn; waiting() takes none. Nothing here
/// runs while nobody waits. Costs a logarithm of those who wait, and of those in front of the one
/// that is called.
class Admission {
 public:
  /// A number that grows with every arrival; 0: none.
  using Ticket = std::uint64_t;

  struct Waiter {
    unsigned thread = 0;               ///< who is told when its turn comes
    std::uint64_t owner = 0;           ///< and of whom
    Instant since{};                   ///< when it began to wait
    std::vector<std::uint32_t> tried;  ///< servers that it is not called to
  };
  struct Answer {
    std::optional<std::uint32_t> server;  ///< a place there is counted for it; none: dismissed
  };
  /// Since the start, but for the first two.
  struct Report {
    std::size_t waiting = 0;
    Duration oldest{};  ///< how long the first in the queue has waited
    std::uint64_t entered = 0;
    std::uint64_t refused = 0;  ///< because `most` waited already
    std::uint64_t late = 0;     ///< gave up at their deadline
  };

  /// So many `threads` may wait in it. Nobody does before set_most().
  explicit Admission(unsigned threads) : inboxes_(threads) {}

  /// How many may wait from now on; those who do already may stay.
  void set_most(std::size_t most);

  /// Before threads use it.
  void take_turns(std::unique_ptr<Turns> turns) { turns_ = std::move(turns); }
  /// `tell` is called, on any thread, when calls(thread) has something new. Before that thread
  /// waits in it.
  void on_call(unsigned thread, std::function<void()> tell);

  /// How many wait now. Seen at once: who frees a place and then asks sees everybody who entered
  /// and then did not find that place.
  std::size_t waiting() const { return waiting_count_.load(); }

  /// Waits behind all others; with an `earlier` ticket of its own, where that one would stand. 0 if
  /// too many wait already.
  Ticket enter(Waiter waiter, Ticket earlier = 0);
  /// Calls the first that may have server `server`, if there is one and `claim` gets it a place.
  bool call(std::uint32_t server, const std::function<bool()>& claim);
  /// Calls all, to no server.
  void dismiss();
  /// The owners of one thread that were called since it was last asked. Some may have left.
  std::vector<std::uint64_t> calls(unsigned thread);
  /// What the ticket was called to; nothing while it waits. The answer is given once, and the
  /// ticket is over with it.
  std::optional<Answer> answer(Ticket ticket);
  /// Gives the ticket up; a place that was claimed for it is now the caller's to give back.
  std::optional<std::uint32_t> leave(Ticket ticket, bool late);

  Report report(Instant now) const;

 private:
  struct Inbox {
    std::vector<std::uint64_t> owners;
    std::function<void()> tell;
  };
  using Waiting = std::map<Ticket, Waiter>;

  bool move_to_called(Waiting::iterator who, std::optional<std::uint32_t> server);

  std::unique_ptr<Turns> turns_ = std::make_unique<Turns>();
  std::atomic<std::size_t> waiting_count_{0};
  // In turns:
  std::size_t most_ = 0;
  Ticket last_ = 0;
  Waiting waiting_;  ///< by arrival
  std::map<Ticket, Answer> called_;
  std::vector<Inbox> inboxes_;
  Report totals_;
};

}  // namespace hither::lb
