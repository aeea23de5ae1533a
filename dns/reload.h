// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "dns/settings.h"

namespace hither::dns {

/// The pure part of a reload: what may change under a running server, and what is kept.

/// What only a restart can change: the addresses it listens on, the status page, the number of
/// threads, the size of answers over UDP. Each is a line with its cure; none: the change may be
/// taken.
std::vector<Error> find_fixed_changes(const Settings& now, const Settings& fresh);

/// Places in the counters of rooms. A room keeps its place for as long as the program runs, so that
/// its counts go on when a new description moves it in the list or takes it away for a while.
class RoomSlots {
 public:
  /// The place of each room in the list; nullopt if there are no more (rooms_max different rooms
  /// have been seen), then nothing is changed.
  std::optional<std::vector<std::uint16_t>> assign(const std::vector<std::string>& rooms);

  const std::vector<std::string>& rooms() const { return rooms_; }

 private:
  std::vector<std::string> rooms_;  ///< by place
};

/// How reloads went, for status pages and metrics.
struct ReloadReport {
  std::uint64_t done = 0;
  std::uint64_t refused = 0;
  Instant last{};  ///< when the last one ended, either way
  Duration took{};
  std::vector<std::string> mistakes;  ///< of the last one; empty: what is served is what was read
};

/// Sees that files have changed, from stamps somebody takes of them now and then. A change counts
/// when it is as it was at the look before, so that a file is not read while it is being written;
/// one that was tried is not tried again.
template <class Stamp>
class ChangeWatch {
 public:
  using Stamps = std::vector<std::optional<Stamp>>;
  explicit ChangeWatch(Stamps now) : tried_(now), seen_(std::move(now)) {}

  /// True: read them now.
  bool look(const Stamps& now) {
    const bool settled = now == seen_ && now != tried_;
    seen_ = now;
    if (settled) tried_ = now;
    return settled;
  }

 private:
  Stamps tried_;
  Stamps seen_;
};

}  // namespace hither::dns
