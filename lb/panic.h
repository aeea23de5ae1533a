// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/time.h"
#include "topology/description.h"

namespace hither::lb {

/// Are so few copies of one farm left in one room that something else has to be done than to give
/// them everything? What is done then is a choice of the description (topology::Panic::Mode) and
/// made true by Farm and Picker; this says when.
///
/// It begins once less than the share `below` of the copies is usable, those of weight 0 not
/// counted. It ends when clearly more are: one copy more than needed, or all; or when just enough
/// are, for as long as `hold` without a break. So one copy that comes and goes at the edge does not
/// switch it. Pure; one owner, who steps it a few times a second.
class Panic {
 public:
  static constexpr Duration hold = std::chrono::seconds(10);

  struct Seen {
    std::size_t copies = 0;  ///< of a weight above 0
    std::size_t usable = 0;  ///< of these
    /// Was each of them probed at least once? Before that nobody knows how many are usable, and
    /// nothing changes.
    bool known = true;
  };
  enum class Change : std::uint8_t { none, begins, ends };

  Change step(const topology::Panic& rule, const Seen& seen, Instant now);

  bool active() const { return active_; }
  /// When what active() says began; the clock's zero if it never changed.
  Instant since() const { return since_; }
  /// How often it began.
  std::uint64_t times() const { return times_; }

 private:
  bool over(double needed, const Seen& seen, Instant now);

  bool active_ = false;
  bool enough_ = false;  ///< just enough are usable, though it is active
  Instant enough_since_{};
  Instant since_{};
  std::uint64_t times_ = 0;
};

/// The share of the requests, 0 to 1, that is let in while `usable` of `all` weight is there and
/// `below` of it is needed: so that each usable copy gets no more than it would if just that were
/// usable. 1 if enough is.
double admitted_share(double below, double usable, double all);

}  // namespace hither::lb
