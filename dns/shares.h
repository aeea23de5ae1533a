// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/time.h"

namespace hither::dns {

/// What of its clients one farm of one room keeps, in shares of 2^32 of all client blocks. A block
/// leaves when its hash lies below the share, so the same blocks leave first and return last, on
/// every server.
struct RoomShare {
  static constexpr std::uint64_t all = std::uint64_t{1} << 32U;

  std::uint64_t drained = all;  ///< while the room is draining: of its own clients, those gone
  std::uint64_t shed = 0;       ///< of its own clients, those that spill into others
  std::uint64_t open = all;     ///< of the clients that spill out of others, those it takes
  bool thin = false;            ///< has fewer usable copies than the farm's min_healthy asks
  Duration ttl_most = Duration::max();  ///< of answers that name it: short before it drains

  friend bool operator==(const RoomShare&, const RoomShare&) = default;
};

/// The shares of every farm in every room at one moment: made by ShareControl
/// (dns/share_control.h), read by the view. plain() is the usual case, in which states alone count.
class Shares {
 public:
  Shares() = default;
  Shares(std::size_t rooms, std::size_t farms) : farms_(farms), shares_(rooms * farms) {}

  bool plain() const { return shares_.empty(); }
  /// Indexes are those of Description::rooms and Description::farms.
  RoomShare at(std::size_t room, std::size_t farm) const {
    return shares_.empty() ? RoomShare{} : shares_[room * farms_ + farm];
  }
  /// Precondition: made for that many rooms and farms.
  RoomShare& at(std::size_t room, std::size_t farm) { return shares_[room * farms_ + farm]; }

  friend bool operator==(const Shares&, const Shares&) = default;

 private:
  std::size_t farms_ = 0;
  std::vector<RoomShare> shares_;
};

}  // namespace hither::dns
