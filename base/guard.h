// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "base/time.h"

namespace hither {

/// When the failures of several members are doubted (Guard). hold 0, or 100 percent: never.
struct GuardRule {
  int percent = 50;  ///< of those that were up, more than so many must fail
  int members = 2;   ///< and at least so many
  Duration window = std::chrono::seconds(1);
  Duration hold = std::chrono::minutes(2);

  friend bool operator==(const GuardRule&, const GuardRule&) = default;
};

/// Doubts the prober when most of what it watches fails at once (the correlated-failure guard): a
/// pure state machine over what the probes found, one owner. It is used by the DNS for the rooms of
/// a farm and by the balancer for the copies of one. Members seldom die together; a broken uplink,
/// a firewall rule, a full disk or a starved processor beside the prober looks exactly like it, and
/// believing it would move every client for nothing. What is doubted is our own sight: a member
/// that says itself that it is down, in whatever way it can, is believed, however many do.
///
/// 1. A member fails when it was up and is found down, but not by its own word. What was never up
///    has not failed.
/// 2. The guard begins to hold when, within `window` of each other, at least `members` of them and
///    more than `percent` of those that were up have failed. Those are taken for up.
/// 3. While it holds, members that fail are held too; those that pass again are up by themselves.
///    Good news is always believed.
/// 4. It ends when those held are no longer most by rule 2, or after `hold`. Those that are still
///    down then are down, and are not held again before they have been up.
/// 5. Members that do not count (an operator has spoken on them, they are none of ours) are not
///    held; nor are those that are down by their own word, until they have been up again.
///
/// A step costs time in proportion to the members and allocates nothing.
class Guard {
 public:
  /// What is known of a member now.
  struct Seen {
    bool counts = false;
    bool down = false;
    bool own_word = false;  ///< it is down because it says so, not for want of an answer
  };
  enum class Change { none, begins, ends_members_back, ends_time_over };

  Guard(const GuardRule& rule, std::size_t members) : rule_(rule), members_(members) {}

  /// Feeds what was found, in the order of the members and as many as there are.
  Change step(std::span<const Seen> seen, Instant now);
  /// Is it taken for up although it was found down?
  bool held(std::size_t member) const { return members_[member].held; }

  const GuardRule& rule() const { return rule_; }
  bool holding() const { return holding_since_.has_value(); }
  std::size_t members_held() const;
  /// When step() must be asked even if nothing happens; `never` while it does not hold.
  Instant deadline() const;

  /// The same guard for another list of members: `before[i]` is the old index of member i.
  Guard moved_to(const GuardRule& rule, std::span<const std::optional<std::size_t>> before) const;

 private:
  struct Member {
    bool was_up = false;               ///< and has not gone down believed since then
    std::optional<Instant> failed_at;  ///< down since then, and not believed yet
    bool held = false;
  };

  void note(std::span<const Seen> seen, Instant now);
  bool most(std::size_t failed, std::span<const Seen> seen) const;
  void end();

  GuardRule rule_;
  std::vector<Member> members_;
  std::optional<Instant> holding_since_;
};

}  // namespace hither
