// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/ip.h"
#include "base/prefix_map.h"
#include "dns/geography.h"
#include "topology/description.h"

namespace hither::dns {

/// Says for every client in which order it should try the rooms, and for how wide a block of
/// clients the same is true. Knows nothing of health: the view permutes what it says, so a flapping
/// room never changes a scope. Pure, and never changed after it is built: any number of threads may
/// read one map.
class ClientMap {
 public:
  /// Up to so many rooms a ranking is the order of all of them; with more it is the nearest
  /// `ranked_max` in order and then the rest by index. The orders of n rooms cut the globe into
  /// about n^4 / 8 cells, so full orders of 30 rooms would leave hardly two neighbouring blocks
  /// alike, and every answer would be a class of its own (gdnsd's auto_dc_limit is 3 for the same
  /// reason). Should even that come to more than `rankings_max` of build() (hundreds of rooms), the
  /// nearest 4, 2 or 1 are ranked.
  static constexpr std::size_t ranked_max = 8;

  using RunBoth = std::function<void(const std::function<void()>&, const std::function<void()>&)>;
  static void one_after_the_other(const std::function<void()>& one,
                                  const std::function<void()>& other);

  struct Match {
    std::uint32_t ranking = 0;
    /// Every address with these leading bits (of 128) gets the same ranking, and no wider block
    /// does: this is the SCOPE PREFIX-LENGTH of RFC 7871 s7.2.1 (for IPv4 take 96 off). Always at
    /// least 1 within the client's family. Scopes are paths in one trie, so no two different ones
    /// ever overlap.
    int scope_length = 0;
  };

  /// Orders the rooms for every place of `geography`: cost is the great-circle distance in whole
  /// metres (so that the last bit of a sine cannot make two servers disagree), ties by index. What
  /// nobody knows gets the catch-all ranking 0, the rooms by index. Precondition: 1 to 32766 rooms.
  /// `run_both` runs the two independent halves of the work; a driver may use two threads.
  static ClientMap build(const Geography& geography, std::span<const topology::Room> rooms,
                         std::size_t rankings_max = PrefixMap::value_max + std::size_t{1},
                         const RunBoth& run_both = one_after_the_other);

  /// A few dependent loads, no allocation: see base/prefix_map.h for figures.
  Match find(const Address& client) const {
    const PrefixMap::Match match = map_.find(client);
    return {match.value, match.depth};
  }

  /// All room indexes in the order in which a client with this ranking should try them.
  /// Precondition: ranking < rankings().
  std::span<const std::uint16_t> rooms(std::uint32_t ranking) const {
    return {orders_.data() + std::size_t{ranking} * room_count_, room_count_};
  }

  std::uint32_t rankings() const {
    return static_cast<std::uint32_t>(orders_.size() / room_count_);
  }
  /// Blocks of clients that are told apart: the number of different scopes there can be.
  std::size_t leaves() const { return map_.leaves(); }
  std::size_t bytes() const { return map_.bytes() + orders_.size() * sizeof(std::uint16_t); }

  /// blocks().walk(...) visits (prefix, ranking) in address order, for what-if.
  const PrefixMap& blocks() const { return map_; }

 private:
  ClientMap(PrefixMap map, std::size_t room_count, std::vector<std::uint16_t> orders);

  PrefixMap map_;
  std::size_t room_count_;
  std::vector<std::uint16_t> orders_;  // room_count_ indexes per ranking
};

}  // namespace hither::dns
