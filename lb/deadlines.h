// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/time.h"

namespace hither::lb {

/// The deadlines of one thread's connections: a wheel of slots, each a list that runs through the
/// entries themselves, so that moving a deadline costs a few stores and no allocation, however
/// often it moves. Coarse: a deadline is reported up to one tick late. Pure: it is handed every
/// instant.
class Deadlines {
 public:
  static constexpr Duration tick = std::chrono::milliseconds(50);
  static constexpr std::size_t slots = 512;

  /// Sits inside whatever has a deadline; leaves the wheel when destroyed.
  class Entry {
   public:
    Entry() = default;
    ~Entry() { unlink(); }
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;

    Instant when() const { return when_; }
    std::uint64_t owner = 0;  ///< whose it is, for the caller

   private:
    friend class Deadlines;
    void unlink();

    Entry* next_ = nullptr;
    Entry* previous_ = nullptr;
    Instant when_ = never;
  };

  Deadlines();
  Deadlines(const Deadlines&) = delete;
  Deadlines& operator=(const Deadlines&) = delete;

  /// Replaces the entry's earlier deadline; `never` takes it out.
  void set(Entry& entry, Instant when);
  /// Entries whose deadline has come, taken out of the wheel; they stay owned by the caller.
  void expired(Instant now, std::vector<Entry*>& out);
  /// When to look again: not later than one tick after the earliest deadline, possibly earlier
  /// (once per turn of the wheel for far ones); `never` if the wheel is empty.
  Instant next(Instant now) const;

 private:
  static std::int64_t tick_of(Instant when) { return when.time_since_epoch() / tick; }
  static std::size_t slot_of(Instant when) {
    return static_cast<std::size_t>(tick_of(when)) % slots;
  }

  std::array<Entry, slots> heads_;
  std::int64_t looked_ = 0;  ///< the tick up to which all slots were looked at
};

}  // namespace hither::lb
