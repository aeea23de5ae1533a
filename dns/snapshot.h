// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "dns/client_map.h"
#include "dns/name_index.h"
#include "dns/record.h"
#include "dns/room_states.h"
#include "dns/shares.h"
#include "dns/types.h"
#include "dns/zone.h"
#include "topology/description.h"

namespace hither::dns {

struct Protocol;

/// The two address families as an index: 0 for A, 1 for AAAA.
constexpr std::size_t family_of(Type type) { return type == Type::aaaa ? 1 : 0; }

/// A name whose address depends on the client.
struct SteeredName {
  Name name;           ///< in lower case
  std::string policy;  ///< as the description calls it, for people
  Duration ttl{};
  std::uint16_t farm = 0;    ///< index in Directory::farms
  std::uint16_t map = 0;     ///< index in Directory::maps: the policy
  std::uint8_t answers = 1;  ///< rooms that an answer names
  /// Is every client block (client_block_length) told apart? So it is where the farm may spill,
  /// all the time and not only while it does: the scope must not depend on load.
  bool in_blocks = false;
  std::uint64_t seed = 0;  ///< of the weighted choice, so that names are spread independently
  /// Per family, the rooms that run the farm and have such an address. The same for every client,
  /// so that nobody is told NODATA where others get an address (RFC 7871 s7.4).
  std::array<std::bitset<rooms_max>, 2> candidates;
};

/// A room as answers need it.
struct AnsweringRoom {
  std::string name;
  std::string title;
  topology::Location location;
  std::uint64_t seed = 0;          ///< from its name, so that the order of rooms does not matter
  std::array<RrSet, 2> addresses;  ///< per family; their TTL is the view's
};

/// Everything an answer is made from but the rooms' states. Built at load, never changed.
struct Directory {
  std::vector<Zone> zones;
  std::vector<SteeredName> names;
  std::vector<AnsweringRoom> rooms;  ///< a room's index is that of the description
  std::vector<std::string> farms;
  NameIndex zone_index;               ///< origins to indexes in `zones`
  std::vector<int> zone_depths;       ///< how many labels origins have, the most first
  std::vector<ClientMap> maps;        ///< one for each policy in use
  topology::Description description;  ///< what it was built from, for explain

  /// The closest zone that holds the name, or nullptr. For DS at the top of a zone its parent,
  /// where that is here too (RFC 4035 s3.1.4.1).
  const Zone* find_zone(const Key& name, Type type) const;
  const SteeredName* find_name(const Name& name) const;
  /// The index of the zone with the longest origin that holds the name without its first `skip`
  /// labels.
  std::optional<std::uint32_t> closest_zone(const Key& name, int skip) const;
};

/// Builds the directory. `zone_texts` holds for each zone of the description the text of its file,
/// or nothing where none is named. All mistakes are added to `mistakes`; then there is no
/// directory. So it is without a word if `mistakes` says already why there are no maps.
std::shared_ptr<const Directory> build_directory(const topology::Description& description,
                                                 std::span<const std::string> zone_texts,
                                                 ClientMaps maps, std::vector<Error>& mistakes);

/// All that one answer is a function of, apart from the query and who sent it. Immutable and
/// shared: data threads hold one and are handed the next between two batches.
struct Snapshot {
  std::shared_ptr<const Directory> directory;
  RoomStates rooms;
  std::shared_ptr<const Protocol> protocol = nullptr;  ///< nullptr: plain DNS, nothing told
  Shares shares = {};                                  ///< made from the same states
  std::vector<std::uint16_t> slots;  ///< where rooms are counted; empty: in their own order

  std::size_t slot_of(std::uint16_t room) const { return slots.empty() ? room : slots[room]; }
};

}  // namespace hither::dns
