// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "lb/access_record.h"
#include "lb/picker.h"

namespace hither::lb {

/// Servers tried for one request before we give up.
constexpr std::size_t tries_max = 3;

/// What became of the search for a server.
enum class Search {
  found,  ///< lease() holds it
  full,   ///< every server there is has all it is given at once: wait, or give up
  none,   ///< there is none, or enough were tried
};

/// The servers one request (or TCP connection) has been offered to: the present one as a lease, and
/// those that did not take the connection, which are not offered it again; and its place in the
/// farm's queue while all are full. One owner.
class Attempts {
 public:
  Attempts() = default;
  ~Attempts() { end(); }
  Attempts(const Attempts&) = delete;
  Attempts& operator=(const Attempts&) = delete;

  /// What the request is called, for who asks later how it came to its server.
  void name(std::string_view request_id) { request_.set(request_id); }
  /// How many servers it may be offered to, up to tries_max: one if it is somebody's retry already.
  void allow(std::size_t tries) { allowed_ = tries; }
  /// How many did not take it.
  std::size_t failed() const { return failed_; }
  /// Picks a server for the first time.
  Search begin(Picker& picker, const Affinity& affinity, Instant now);
  /// The present one did not take the connection: picks another. `none` also if the farm's retry
  /// budget is spent.
  Search next(Picker& picker, std::string_view why, Instant now);
  /// No connection to the present one could begin, for a reason of ours: it is given back, and this
  /// counts neither against it nor as a retry. `none`.
  Search give_up(std::string_view why);
  /// The same where another server may be reached: picks one.
  Search pass_on(Picker& picker, std::string_view why, Instant now);
  /// Takes server `index` again, whatever its state, for a connection to it is still there. False
  /// if it is full.
  bool resume(Picker& picker, std::uint32_t index, const Affinity& affinity, Instant now);
  /// Gives the present server back, or the place in the queue.
  void end();
  /// If this was a retry it is none any more, for the budget: what goes on may last for hours.
  void settled();

  /// After `full`: waits in the farm's queue, and `owner` is called when its turn comes. Whoever
  /// waited before for the same request stands where it would stand now, and waits no longer in
  /// all. False if too many wait.
  bool wait(Picker& picker, std::uint64_t owner, Instant now);
  bool waits() const { return ticket_ != 0; }
  /// When that wait is over.
  Instant wait_until() const { return wait_until_; }
  /// Whose turn was it? `full`: not its own, it still waits. Precondition: waits().
  Search called(Instant now);
  /// The wait was in vain.
  void waited_in_vain();

  Lease& lease() { return lease_; }
  const Lease& lease() const { return lease_; }
  /// The field that makes the client come back to this server; empty if it will anyway, or if the
  /// one that it comes from is only full.
  std::string_view set_cookie() const;
  /// Why there is no server, for people.
  std::string why_none(const Farm& farm) const;

 private:
  void reset(const Affinity& affinity);
  Search hold(const Picker& picker, Lease lease);
  void leave_queue(bool late);

  std::array<std::uint32_t, tries_max> tried_{};
  std::size_t count_ = 0;
  std::size_t failed_ = 0;  ///< of these: the others could not be asked
  std::size_t allowed_ = tries_max;
  Affinity affinity_;
  ShortText<64> request_;
  bool shed_ = false;         ///< it was refused to spare the servers that are left
  bool away_ = false;         ///< the server that its cookie names is well, but full
  std::string last_failure_;  ///< empty unless a connect failed
  std::string our_failure_;   ///< empty unless none could begin
  std::string vain_wait_;     ///< why waiting did not help; empty unless it was tried
  Lease lease_;
  RetryBudget* retry_of_ = nullptr;  ///< while a retry is in progress
  Picker* queue_of_ = nullptr;       ///< while it waits
  Admission::Ticket ticket_ = 0;     ///< likewise
  Admission::Ticket earlier_ = 0;
  Instant wait_since_{};
  Instant wait_until_{};
};

}  // namespace hither::lb
