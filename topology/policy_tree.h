// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "topology/description.h"

namespace hither::topology {

/// A policy with all that it refers to, by number instead of by name: what the DNS orders rooms by,
/// and what check_policy.h looks for clients without a room in. Pure values; docs/steering.md says
/// what the rules mean to people.

/// Policies inside each other, and rooms and policies counted as often as they are reached: more
/// than anybody can follow, and a bound on what one client's order can come to.
constexpr int policy_depth_max = 8;
constexpr std::size_t policy_members_max = 4096;

using RoomSet = std::bitset<rooms_max>;

/// A sort of clients: a country ("" where nobody knows it) and the longest network that the rules
/// mention and that holds them, if any. All clients of one kind are treated alike by all rules.
struct ClientKind {
  std::string_view country;
  std::optional<Prefix> network;
};

/// The rule of a list that is about clients of `kind`: the one with the longest network that holds
/// them, or else the one with their country; nullptr if there is none. One at most ever holds.
struct OriginRule {
  Origin origin;
  std::size_t entry = 0;

  friend bool operator==(const OriginRule&, const OriginRule&) = default;
};
const OriginRule* rule_for(std::span<const OriginRule> rules, const ClientKind& kind);
/// The entry of that rule; -1 if there is none.
int find_rule(std::span<const OriginRule> rules, const ClientKind& kind);

struct PolicyNode {
  struct Member {
    bool room = true;
    std::uint16_t index = 0;  ///< of the room, or of the node in PolicyTree::nodes
    int weight = 100;

    friend bool operator==(const Member&, const Member&) = default;
  };

  std::string name;  ///< "nearest", or of the [policy.*]
  Rule rule = Rule::nearest;
  std::vector<Member> members;
  std::vector<OriginRule> fence_rules;
  std::vector<RoomSet> fences;  ///< by entry: the rooms that they may be sent to
  std::vector<OriginRule> prefer_rules;
  std::vector<std::vector<std::uint16_t>> prefers;  ///< by entry: indexes in `members`

  /// The rooms that clients of that kind may be sent to by this node's own fence.
  RoomSet allowed(const ClientKind& kind) const;

  /// Do both order alike? Names count only where a choice by weight is made from them.
  friend bool operator==(const PolicyNode& one, const PolicyNode& other);
};

/// nodes[0] is the policy itself. A policy that is reached twice is one node; none reaches itself.
struct PolicyTree {
  std::vector<PolicyNode> nodes;

  /// All rooms that the node can lead a client of this kind to, by its fences and those inside.
  RoomSet rooms(std::size_t node, const ClientKind& kind) const;
  /// Does any node order by distance?
  bool uses_nearest() const;
  /// Networks and countries that its fences and preferences mention, each once.
  std::vector<Origin> origins() const;
  /// The same for every client, whatever its address?
  bool same_for_all() const { return !uses_nearest() && origins().empty(); }

  friend bool operator==(const PolicyTree&, const PolicyTree&) = default;
};

/// The tree of `policy`, a rule's word or the name of a [policy.*]. nullopt if something in it does
/// not exist, if it reaches itself or is beyond the limits above: check_policy.h says what.
std::optional<PolicyTree> resolve_policy(const Description& description, std::string_view policy);

}  // namespace hither::topology
