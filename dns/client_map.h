// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ip.h"
#include "base/prefix_map.h"
#include "base/result.h"
#include "dns/geography.h"
#include "dns/ranker.h"
#include "dns/types.h"
#include "topology/description.h"

namespace hither::dns {

/// How the two halves of a build, IPv4 and IPv6, are run. This is one after the other; a driver may
/// run them in two threads.
struct Halves {
  using Task = std::function<void()>;

  std::function<void(const Task&, const Task&)> run_both = [](const Task& one, const Task& other) {
    one();
    other();
  };
  /// Runs what only one half may do at a time; both call it now and then.
  std::function<void(const Task&)> run_alone = [](const Task& task) { task(); };
};

/// Says for every client in which order it should try the rooms, and for how wide a block of
/// clients the same is true. One for each policy in use (dns/ranker.h makes the orders). Knows
/// nothing of health: the view permutes what it says, so a flapping room never changes a scope.
/// Pure, and never changed after it is built: any number of threads may read one map.
class ClientMap {
 public:
  /// Up to so many members an order is that of all of them; with more it is the nearest
  /// `ranked_max` in order and then the rest by index. The orders of n rooms cut the globe into
  /// about n^4 / 8 cells, so full orders of 30 rooms would leave hardly two neighbouring blocks
  /// alike, and every answer would be a class of its own (gdnsd's auto_dc_limit is 3 for the same
  /// reason). Should even that come to more than `rankings_max` of build() (hundreds of rooms), the
  /// nearest 4, 2, 1 or none are ranked.
  static constexpr std::size_t ranked_max = 8;
  static constexpr std::size_t rankings_most = PrefixMap::value_max + std::size_t{1};

  struct Match {
    std::uint32_t ranking = 0;
    /// Every address with these leading bits (of 128) gets the same ranking, and no wider block
    /// does: this is the SCOPE PREFIX-LENGTH of RFC 7871 s7.2.1 (for IPv4 take 96 off). Always at
    /// least 1 within the client's family. Scopes are paths in one trie, so no two different ones
    /// ever overlap.
    int scope_length = 0;
  };

  /// Orders the rooms for every place of `geography` by the policy. What nobody knows gets the
  /// catch-all ranking 0. Fails if the policy's rules alone make more than `rankings_max` different
  /// orders. Preconditions: 1 to 1000 rooms, resolve_policy() knows the policy.
  [[nodiscard]] static Result<ClientMap> build(const Geography& geography,
                                               const topology::Description& description,
                                               std::string_view policy,
                                               std::size_t rankings_max = rankings_most,
                                               const Halves& halves = Halves());
  /// The same for policy nearest of these rooms, without latencies: cost is the great-circle
  /// distance in whole metres (so that the last bit of a sine cannot make two servers disagree),
  /// ties by index.
  static ClientMap build(const Geography& geography, std::span<const topology::Room> rooms,
                         std::size_t rankings_max = rankings_most);

  /// A few dependent loads, no allocation: see base/prefix_map.h for figures.
  Match find(const Address& client) const {
    const PrefixMap::Match match = map_.find(client);
    return {match.value, match.depth};
  }

  /// Does the order of a ranking depend on the client's block, beside the place?
  bool grouped(std::uint32_t ranking) const { return entries_[ranking].grouped; }
  /// The rooms in the order in which a client with this ranking should try them; those that it may
  /// not be sent to are missing. Preconditions: ranking < rankings(), not grouped.
  std::span<const std::uint16_t> rooms(std::uint32_t ranking) const { return items(ranking); }
  /// The same for any ranking: groups are decided by rendezvous hashing (Thaler and Ravishankar),
  /// each member scored -weight / ln(hash of `key` and its name), so that a change of one weight
  /// moves only what must move; weight 0 comes last. `key` is a hash of the client's block. No
  /// allocation.
  struct Buffer {
    std::array<std::uint16_t, rooms_max> rooms;
  };
  std::span<const std::uint16_t> rooms(std::uint32_t ranking, std::uint64_t key,
                                       Buffer& buffer) const;
  /// As it is written down (dns/ranker.h).
  std::span<const std::uint16_t> items(std::uint32_t ranking) const {
    const Entry& entry = entries_[ranking];
    return {orders_.data() + entry.first, entry.count};
  }

  std::uint32_t rankings() const { return static_cast<std::uint32_t>(entries_.size()); }
  /// Blocks of clients that are told apart: the number of different scopes there can be.
  std::size_t leaves() const { return map_.leaves(); }
  std::size_t bytes() const {
    return map_.bytes() + orders_.size() * sizeof(std::uint16_t) + entries_.size() * sizeof(Entry);
  }

  /// blocks().walk(...) visits (prefix, ranking) in address order, for what-if.
  const PrefixMap& blocks() const { return map_; }

 private:
  friend class ClientMapBuilder;
  struct Entry {
    std::uint32_t first;  ///< in orders_
    std::uint16_t count;
    bool grouped;
  };
  struct Choice;

  explicit ClientMap(PrefixMap map) : map_(std::move(map)) {}
  void choose(std::span<const std::uint16_t> items, Choice& choice) const;

  PrefixMap map_;
  std::vector<Entry> entries_;         // by ranking
  std::vector<std::uint16_t> orders_;  // of all rankings
  std::vector<std::uint64_t> room_seeds_;
  std::vector<std::uint64_t> node_seeds_;
};

/// The maps of all names; names whose policies come to the same share one.
struct ClientMaps {
  std::vector<ClientMap> maps;
  std::vector<std::uint16_t> map_of_name;  ///< by index in Description::names

  /// One line for every policy that cannot be made into a map is added to `mistakes`.
  static ClientMaps build(const Geography& geography, const topology::Description& description,
                          std::vector<Error>& mistakes, const Halves& halves = Halves());
};

}  // namespace hither::dns
