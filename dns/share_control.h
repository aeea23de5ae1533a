// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "dns/room_states.h"
#include "dns/shares.h"
#include "dns/spill.h"
#include "topology/description.h"

namespace hither::dns {

/// From the rooms' states to what of its clients each room keeps: spill (dns/spill.h), drains that
/// take time (dns/drain.h), and min_healthy. A pure state machine; one owner, who hands its result
/// into the next snapshot beside the states it was made from.
///
/// A room is thin for a farm if less than min_healthy of its copies there is usable; but if all
/// rooms that are not down are thin, none is: then there is no better one to send clients to.
class ShareControl {
 public:
  /// With `before`, rooms and farms that stay go on from where they are: what is shed stays shed.
  explicit ShareControl(const topology::Description& description,
                        const ShareControl* before = nullptr);

  /// The shares from now on. plain() where all are as if this did not exist. Precondition: states
  /// of that description; `now` never falls.
  Shares step(const RoomStates& states, Instant now);
  /// When step() should be called next though no state changes; `never` if not at all.
  Instant deadline() const { return deadline_; }
  /// The longest TTL that answers may have that name the farm's rooms.
  Duration ttl_of(std::size_t farm) const { return farms_[farm].ttl; }

 private:
  struct Farm {
    std::string name;
    Duration ttl{};
    std::optional<Spill> spill;
    std::vector<double> min_healthy;  ///< by room
  };

  void take_over(const ShareControl& before);
  bool add_thin(const RoomStates& states, std::size_t farm, Shares& shares) const;
  bool add_drains(const RoomStates& states, std::size_t farm, Instant now, Shares& shares);
  bool add_spill(const RoomStates& states, std::size_t farm, Instant now, Shares& shares);

  std::vector<std::string> rooms_;
  std::vector<Farm> farms_;
  Instant deadline_ = never;
};

}  // namespace hither::dns
