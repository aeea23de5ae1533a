// SPDX-License-Identifier: Apache-2.0
#include "topology/policy_tree.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace hither::topology {
namespace {

std::optional<std::uint16_t> room_index(const Description& description, std::string_view name) {
  const auto found = std::ranges::find(description.rooms, name, &Room::name);
  if (found == description.rooms.end()) return std::nullopt;
  return static_cast<std::uint16_t>(found - description.rooms.begin());
}

RoomSet set_of(const Description& description, const std::vector<std::string>& names) {
  RoomSet set;
  for (const std::string& name : names) {
    if (const auto index = room_index(description, name)) set.set(*index);
  }
  return set;
}

/// Puts one tree together, depth first.
class Resolver {
 public:
  explicit Resolver(const Description& description) : description_(description) {}

  std::optional<PolicyTree> run(std::string_view policy) {
    if (!add(policy, 1)) return std::nullopt;
    return std::move(tree_);
  }

 private:
  /// What one node comes to when everything in it is counted as often as it is reached.
  struct Made {
    std::uint16_t index = 0;
    std::size_t size = 0;
    int height = 0;
    bool finished = false;
  };

  const Made* add(std::string_view name, int depth) {
    const auto known = std::ranges::find(names_, name);
    if (known != names_.end()) {
      const Made& made = made_[static_cast<std::size_t>(known - names_.begin())];
      const bool fits = made.finished && depth + made.height - 1 <= policy_depth_max;
      return fits ? &made : nullptr;
    }
    if (depth > policy_depth_max) return nullptr;
    const Policy* policy = description_.find_policy(name);
    const auto rule = rule_of(name);
    if (policy == nullptr && !rule) return nullptr;
    const std::size_t index = tree_.nodes.size();
    names_.emplace_back(name);
    made_.push_back({.index = static_cast<std::uint16_t>(index)});
    tree_.nodes.push_back(
        {.name = std::string(name), .rule = policy != nullptr ? policy->rule : *rule});
    if (!add_members(policy, index, depth)) return nullptr;
    if (policy != nullptr) add_rules(*policy, tree_.nodes[index]);
    made_[index].finished = true;
    return &made_[index];
  }

  bool add_members(const Policy* policy, std::size_t index, int depth) {
    std::vector<PolicyNode::Member> members;
    std::size_t size = 0;
    int height = 0;
    if (policy == nullptr || policy->of.empty()) {
      for (std::size_t r = 0; r < description_.rooms.size(); ++r) members.push_back(room(r));
      size = members.size();
    } else {
      for (const std::string& name : policy->of) {
        if (const auto found = room_index(description_, name)) {
          members.push_back(room(*found));
          ++size;
          continue;
        }
        const Made* made = add(name, depth + 1);
        if (made == nullptr) return false;
        const Policy* inner = description_.find_policy(name);
        members.push_back({.room = false,
                           .index = made->index,
                           .weight = inner != nullptr ? inner->weight : 100});
        size += made->size;
        height = std::max(height, made->height);
      }
    }
    made_[index].size = size;
    made_[index].height = height + 1;
    tree_.nodes[index].members = std::move(members);
    return size <= policy_members_max;
  }

  PolicyNode::Member room(std::size_t index) const {
    return {.room = true,
            .index = static_cast<std::uint16_t>(index),
            .weight = description_.rooms[index].weight};
  }

  void add_rules(const Policy& policy, PolicyNode& node) const {
    for (const Fence& fence : policy.fences) {
      for (const Origin& origin : fence.from) {
        node.fence_rules.push_back({.origin = origin, .entry = node.fences.size()});
      }
      RoomSet allowed = set_of(description_, fence.only);
      if (fence.only.empty()) allowed.set();
      node.fences.push_back(allowed & ~set_of(description_, fence.never));
    }
    for (const Prefer& prefer : policy.prefers) {
      for (const Origin& origin : prefer.from) {
        node.prefer_rules.push_back({.origin = origin, .entry = node.prefers.size()});
      }
      node.prefers.push_back(member_indexes(policy, node, prefer.order));
    }
  }

  std::vector<std::uint16_t> member_indexes(const Policy& policy, const PolicyNode& node,
                                            const std::vector<std::string>& order) const {
    std::vector<std::uint16_t> indexes;
    for (const std::string& name : order) {
      const auto member = std::ranges::find(policy.of, name);
      const auto room = room_index(description_, name);
      if (policy.of.empty() && room && *room < node.members.size()) {
        indexes.push_back(*room);
      } else if (member != policy.of.end()) {
        indexes.push_back(static_cast<std::uint16_t>(member - policy.of.begin()));
      }
    }
    return indexes;
  }

  const Description& description_;
  PolicyTree tree_;
  std::vector<std::string> names_;
  std::vector<Made> made_;
};

}  // namespace

const OriginRule* rule_for(std::span<const OriginRule> rules, const ClientKind& kind) {
  const OriginRule* best = nullptr;
  int best_length = -1;
  for (const OriginRule& rule : rules) {
    const Origin& origin = rule.origin;
    const bool network = origin.country.empty();
    const bool holds = network ? kind.network && origin.network.is_v4() == kind.network->is_v4() &&
                                     origin.network.length <= kind.network->length &&
                                     origin.network.contains(kind.network->address)
                               : origin.country == kind.country;
    const int length = network ? origin.network.length : -1;
    if (!holds || (best != nullptr && length <= best_length)) continue;
    best = &rule;
    best_length = length;
  }
  return best;
}

int find_rule(std::span<const OriginRule> rules, const ClientKind& kind) {
  const OriginRule* rule = rule_for(rules, kind);
  return rule == nullptr ? -1 : static_cast<int>(rule->entry);
}

RoomSet PolicyNode::allowed(const ClientKind& kind) const {
  const int entry = find_rule(fence_rules, kind);
  return entry < 0 ? RoomSet().set() : fences[static_cast<std::size_t>(entry)];
}

bool operator==(const PolicyNode& one, const PolicyNode& other) {
  const auto values = [](const PolicyNode& node) {
    return std::tie(node.rule, node.members, node.fence_rules, node.fences, node.prefer_rules,
                    node.prefers);
  };
  if (one.rule == Rule::weighted && one.name != other.name) return false;
  return values(one) == values(other);
}

RoomSet PolicyTree::rooms(std::size_t node, const ClientKind& kind) const {
  RoomSet all;
  for (const PolicyNode::Member& member : nodes[node].members) {
    if (member.room) {
      all.set(member.index);
    } else {
      all |= rooms(member.index, kind);
    }
  }
  return all & nodes[node].allowed(kind);
}

bool PolicyTree::uses_nearest() const {
  return std::ranges::any_of(nodes,
                             [](const PolicyNode& node) { return node.rule == Rule::nearest; });
}

std::vector<Origin> PolicyTree::origins() const {
  std::vector<Origin> origins;
  for (const PolicyNode& node : nodes) {
    for (const auto* rules : {&node.fence_rules, &node.prefer_rules}) {
      for (const OriginRule& rule : *rules) origins.push_back(rule.origin);
    }
  }
  const auto order = [](const Origin& one, const Origin& other) {
    return one.country != other.country ? one.country < other.country : one.network < other.network;
  };
  std::ranges::sort(origins, order);
  origins.erase(std::unique(origins.begin(), origins.end()), origins.end());
  return origins;
}

std::optional<PolicyTree> resolve_policy(const Description& description, std::string_view policy) {
  if (description.rooms.size() > rooms_max) return std::nullopt;
  return Resolver(description).run(policy);
}

}  // namespace hither::topology
