// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/time.h"
#include "dns/geography.h"
#include "topology/description.h"
#include "topology/policy_tree.h"

namespace hither::dns {

/// What a room costs for one place. The cost is one number, so that measured and unmeasured rooms
/// can stand in one order: metres, of the great circle or of what a measured round trip is worth,
/// after the room's bias.
struct RoomCost {
  static constexpr std::int64_t unknown = std::int64_t{1} << 50U;  ///< farther than everything
  std::int64_t metres = unknown;
  std::optional<Duration> rtt;  ///< where it was measured
};

/// A round trip of a millisecond counts like so many kilometres: what packets really make on long
/// ways (light in glass would make 100, Frankfurt to Ashburn makes about 72).
constexpr double km_per_ms = 70;

/// Route 53's bias: b > 0 makes d x (1 - b/100) of a distance d, b < 0 makes d / (1 + b/100).
/// Precondition: -99 <= bias <= 99.
std::int64_t with_bias(std::int64_t metres, int bias);

/// A client as far as an order depends on where it is.
struct Site {
  std::optional<GlobePoint> point;  ///< none: nobody knows where it is
  std::string country;              ///< "" where it is not known
  std::optional<Prefix> network;    ///< the longest that rules mention

  topology::ClientKind kind() const { return {.country = country, .network = network}; }
};

/// An order of rooms for one site, written down so that a query needs no more than to read it: a
/// list of room indexes, in which a choice by weight, which depends on the client's block, stands
/// as a group.
///
///   order   = item*
///   item    = room index | group
///   group   = group_flag + members, node, member*
///   member  = room index or group_flag + node, weight, length of its order, its order
using Order = std::vector<std::uint16_t>;
constexpr std::uint16_t group_flag = 0x8000;

/// Orders rooms by a policy (topology/policy_tree.h). Pure; one owner, because it remembers what
/// the rules say of each kind of client. Per node: its fence takes rooms away; members that are
/// preferred come first; then the rule orders the rest: nearest by the cost of the nearest room in
/// each, equal costs by their place in the list, and of more than `ranked` only the nearest ones,
/// the others after them as they are listed; ordered as they are listed; weighted as a group. A
/// room that comes twice counts where it comes first.
class Ranker {
 public:
  /// Both must outlive it.
  Ranker(const topology::PolicyTree& tree, const topology::Description& description);

  /// Does the order depend on where the client is, or on who it is?
  bool same_for_all() const { return tree_.same_for_all(); }
  /// Every network that a rule or a latency is about, each once.
  std::vector<Prefix> networks() const;
  Order order(const Site& site, std::size_t ranked);
  RoomCost cost(const Site& site, std::size_t room);

 private:
  /// What the rules say to one kind of client.
  struct Profile {
    std::vector<topology::RoomSet> allowed;                    // by node, also by those above
    std::vector<const std::vector<std::uint16_t>*> preferred;  // by node; null: nothing
    std::vector<std::optional<Duration>> rtt;                  // by room; empty: none measured
  };
  struct Building {
    const Profile& profile;
    const std::vector<std::int64_t>& costs;
    std::size_t ranked;
    topology::RoomSet seen;
  };

  bool by_distance_alone() const;
  Order order_by_distance(const GlobePoint& client, std::size_t ranked);
  const Profile& profile_of(const Site& site);
  RoomCost cost_of(const Profile& profile, const Site& site, std::size_t room) const;
  std::vector<std::uint16_t> sequence(const topology::PolicyNode& node, std::size_t index,
                                      const topology::RoomSet& allowed, Building& to) const;
  void append(std::size_t index, topology::RoomSet allowed, Building& to, Order& out) const;
  void append_member(const topology::PolicyNode::Member& member, const topology::RoomSet& allowed,
                     Building& to, Order& out) const;
  void append_group(std::size_t index, std::span<const std::uint16_t> members,
                    const topology::RoomSet& allowed, Building& to, Order& out) const;
  std::int64_t least_cost(const topology::PolicyNode::Member& member,
                          const topology::RoomSet& allowed, const Building& to) const;

  const topology::PolicyTree& tree_;
  const topology::Description& description_;
  std::vector<GlobePoint> points_;
  std::vector<std::vector<topology::OriginRule>> latencies_;  // by room; entry: of description
  std::vector<topology::RoomSet> members_;                    // by node: all rooms inside
  bool costs_needed_;
  bool distance_alone_;
  std::vector<double> squares_;  // of the chords to all rooms
  std::vector<double> sorted_;
  std::vector<std::pair<std::int64_t, std::uint16_t>> nearest_;
  using Kind = std::pair<std::string, std::optional<Prefix>>;
  std::map<Kind, Profile> profiles_;
  const std::pair<const Kind, Profile>* latest_ = nullptr;  // neighbours are often of one kind
};

}  // namespace hither::dns
