// SPDX-License-Identifier: Apache-2.0
#include "topology/check_policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "base/text.h"
#include "topology/policy_tree.h"

namespace hither::topology {
namespace {

using Mistakes = std::vector<Mistake>;
using OriginKey = std::pair<std::string, Prefix>;

OriginKey key_of(const Origin& origin) { return {origin.country, origin.network}; }

std::vector<std::string> policy_words(const Description& description) {
  std::vector<std::string> words = {"nearest", "weighted", "ordered"};
  for (const Policy& policy : description.policies) words.push_back(policy.name);
  return words;
}

/// "did you mean 'fra'?", or all there are.
std::string cure(std::string_view word, const std::vector<std::string>& words,
                 std::string_view plural) {
  if (const auto near = nearest_word(word, words)) return fmt::format("did you mean '{}'?", *near);
  constexpr std::size_t listed_max = 20;
  if (words.size() > listed_max) {
    return fmt::format("none of the {} {} is like it", words.size(), plural);
  }
  return fmt::format("the {} are {}", plural, join_words(words));
}

class PolicyCheck {
 public:
  PolicyCheck(const Description& description, Mistakes& mistakes)
      : description_(description), mistakes_(mistakes), rooms_(room_names(description)) {}

  void run() {
    const std::size_t before = mistakes_.size();
    for (const Policy& policy : description_.policies) check_members(policy);
    const bool members_exist = mistakes_.size() == before;
    for (const Policy& policy : description_.policies) {
      if (members_exist && !resolve_policy(description_, policy.name)) {
        report(policy.where_of, too_deep(policy));
      }
      check_policy(policy);
    }
    for (const Name& name : description_.names) check_name(name);
    check_latencies();
    check_spill();
  }

 private:
  void report(const Position& where, std::string message) {
    mistakes_.push_back({where, std::move(message)});
  }
  bool is_room(std::string_view name) const { return std::ranges::count(rooms_, name) > 0; }
  bool is_policy(std::string_view name) const {
    return rule_of(name).has_value() || description_.find_policy(name) != nullptr;
  }

  void check_policy(const Policy& policy) {
    if (rule_of(policy.name)) {
      report(policy.where,
             fmt::format("policy '{0}' is called like the rule {0}, which is a policy "
                         "of all rooms; give it another name",
                         policy.name));
    } else if (is_room(policy.name)) {
      report(policy.where,
             fmt::format("policy '{}' is called like a room; give it another name", policy.name));
    }
    check_fences(policy);
    check_prefers(policy);
    check_rule(policy.rule, policy.name, policy);
  }

  void check_members(const Policy& policy) {
    std::set<std::string> seen;
    for (const std::string& member : policy.of) {
      if (!is_room(member) && !is_policy(member)) {
        std::vector<std::string> words = rooms_;
        for (const std::string& word : policy_words(description_)) words.push_back(word);
        report(policy.where_of,
               fmt::format("policy '{}' has the member '{}', which is neither a "
                           "room nor a policy; {}",
                           policy.name, member, cure(member, words, "rooms and policies")));
      } else if (!seen.insert(member).second) {
        report(policy.where_of,
               fmt::format("policy '{}' has '{}' twice; take one away", policy.name, member));
      }
    }
  }

  bool reaches(std::string_view from, std::string_view wanted, std::set<std::string>& seen) const {
    const Policy* policy = description_.find_policy(from);
    if (policy == nullptr || !seen.insert(policy->name).second) return false;
    return std::ranges::any_of(policy->of, [&](const std::string& member) {
      return member == wanted || reaches(member, wanted, seen);
    });
  }

  std::string too_deep(const Policy& policy) const {
    std::set<std::string> seen;
    if (reaches(policy.name, policy.name, seen)) {
      return fmt::format(
          "policy '{}' is a member of itself, on the way through its members; take "
          "it out of one of them",
          policy.name);
    }
    return fmt::format(
        "policy '{}' is more than {} policies deep, or has more than {} members in all; make it "
        "simpler",
        policy.name, policy_depth_max, policy_members_max);
  }

  /// What a rule needs of the rooms that it orders.
  void check_rule(Rule rule, const std::string& name, const Policy& policy) {
    if (rule == Rule::ordered) return;
    const auto tree = resolve_policy(description_, name);
    if (!tree) return;
    if (rule == Rule::nearest) {
      for_each_room(tree->rooms(0, {}), [&](const Room& room) {
        if (room.has_location) return;
        report(room.where,
               fmt::format("room '{}' has no location, which policy '{}' with rule nearest needs; "
                           "write location = [latitude, longitude]",
                           room.name, name));
      });
      return;
    }
    const auto weightless = [](const PolicyNode::Member& member) { return member.weight == 0; };
    if (std::ranges::all_of(tree->nodes[0].members, weightless)) {
      report(policy.where, fmt::format("policy '{}' has rule weighted, but every member has weight "
                                       "0; give one more",
                                       name));
    }
  }

  template <class F>
  void for_each_room(const RoomSet& set, F f) const {
    for (std::size_t r = 0; r < description_.rooms.size(); ++r) {
      if (set[r]) f(description_.rooms[r]);
    }
  }

  void check_origins(const std::vector<Origin>& from, const Position& where, std::string_view what,
                     std::set<OriginKey>& seen) {
    for (const Origin& origin : from) {
      if (seen.insert(key_of(origin)).second) continue;
      report(where,
             fmt::format("there are two {} for {}; put them together", what, to_text(origin)));
    }
  }

  void check_fences(const Policy& policy) {
    std::set<OriginKey> seen;
    const auto tree = resolve_policy(description_, policy.name);
    for (const Fence& fence : policy.fences) {
      check_origins(fence.from, fence.where, "fences", seen);
      if (fence.only.empty() && fence.never.empty()) {
        report(fence.where, "a fence needs rooms; write only = [\"ROOM\"] or never = [\"ROOM\"]");
      }
      for (const auto* names : {&fence.only, &fence.never}) {
        for (const std::string& name : *names) {
          if (is_room(name)) continue;
          report(fence.where,
                 fmt::format("'{}' in a fence is no room; {}", name, cure(name, rooms_, "rooms")));
        }
      }
      for (const std::string& name : fence.only) {
        const auto room = std::ranges::find(rooms_, name);
        if (!tree || room == rooms_.end()) continue;
        if (tree->rooms(0, {})[static_cast<std::size_t>(room - rooms_.begin())]) continue;
        report(fence.where, fmt::format("the fence of policy '{}' asks for room '{}', which the "
                                        "policy does not have; add it to of, or take it out here",
                                        policy.name, name));
      }
    }
  }

  void check_prefers(const Policy& policy) {
    std::set<OriginKey> seen;
    const std::vector<std::string>& members = policy.of.empty() ? rooms_ : policy.of;
    for (const Prefer& prefer : policy.prefers) {
      check_origins(prefer.from, prefer.where, "preferences", seen);
      std::set<std::string> named;
      if (prefer.order.empty()) report(prefer.where, "order is empty; name a member");
      for (const std::string& name : prefer.order) {
        if (std::ranges::count(members, name) == 0) {
          report(prefer.where, fmt::format("'{}' is no member of policy '{}'; {}", name,
                                           policy.name, cure(name, members, "members")));
        } else if (!named.insert(name).second) {
          report(prefer.where, fmt::format("order has '{}' twice; take one away", name));
        }
      }
    }
  }

  void check_name(const Name& name) {
    if (!is_policy(name.policy)) {
      report(name.where_policy,
             fmt::format("policy cannot be \"{}\"; {}", name.policy,
                         cure(name.policy, policy_words(description_), "policies")));
      return;
    }
    if (const auto rule = rule_of(name.policy)) check_plain(name, *rule);
    const auto tree = resolve_policy(description_, name.policy);
    if (tree && !description_.rooms.empty()) check_reach(name, *tree);
  }

  /// A rule's word as a policy of all rooms. Said once, for the first name.
  void check_plain(const Name& name, Rule rule) {
    if (rule == Rule::ordered || !plain_.insert(rule).second) return;
    if (rule == Rule::nearest) {
      for (const Room& room : description_.rooms) {
        if (room.has_location) continue;
        report(room.where, fmt::format("room '{}' has no location, which name '{}' with policy "
                                       "nearest needs; write location = [latitude, longitude]",
                                       room.name, name.name));
      }
    } else if (std::ranges::all_of(description_.rooms, [](auto& r) { return r.weight == 0; })) {
      report(name.where, fmt::format("name '{}' has policy weighted, but every room has weight 0; "
                                     "give one more",
                                     name.name));
    }
  }

  /// Every kind of client that the fences tell apart must be left a room.
  void check_reach(const Name& name, const PolicyTree& tree) {
    std::vector<std::string> countries = {""};
    std::vector<std::optional<Prefix>> networks = {std::nullopt};
    std::set<OriginKey> seen;
    for (const PolicyNode& node : tree.nodes) {
      for (const OriginRule& rule : node.fence_rules) {
        if (!seen.insert(key_of(rule.origin)).second) continue;
        if (rule.origin.country.empty()) {
          networks.emplace_back(rule.origin.network);
        } else {
          countries.push_back(rule.origin.country);
        }
      }
    }
    for (const std::string& country : countries) {
      for (const auto& network : networks) {
        if (tree.rooms(0, {.country = country, .network = network}).any()) continue;
        const std::string clients = network ? hither::to_text(*network) : country;
        report(fence_of(tree, clients, name),
               fmt::format("the fences of policy '{}' leave clients in {} no room for name '{}'; "
                           "allow them one",
                           name.policy, clients, name.name));
        return;
      }
    }
  }

  /// The place of a fence that is about these clients; else of the name's policy.
  Position fence_of(const PolicyTree& tree, std::string_view clients, const Name& name) const {
    for (const PolicyNode& node : tree.nodes) {
      const Policy* policy = description_.find_policy(node.name);
      if (policy == nullptr) continue;
      for (const Fence& fence : policy->fences) {
        for (const Origin& origin : fence.from) {
          if (to_text(origin) == clients) return fence.where;
        }
      }
    }
    return name.where_policy;
  }

  void check_latencies() {
    std::set<std::tuple<std::string, Prefix, std::string>> seen;
    for (const Latency& latency : description_.latencies) {
      if (!is_room(latency.room)) {
        report(latency.where, fmt::format("'{}' in a latency is no room; {}", latency.room,
                                          cure(latency.room, rooms_, "rooms")));
      }
      for (const Origin& origin : latency.from) {
        if (seen.insert({origin.country, origin.network, latency.room}).second) continue;
        report(latency.where, fmt::format("there are two latencies from {} to room '{}'; take one "
                                          "away",
                                          to_text(origin), latency.room));
      }
    }
  }

  void check_spill() {
    if (description_.rooms.empty()) return;
    for (const Farm& farm : description_.rooms.front().farms) {
      if (!farm.spill || farm.spill->low < farm.spill->high) continue;
      report(farm.spill->where_low,
             fmt::format("low {} is not below high {}; between the two nothing is moved, so leave "
                         "some room",
                         farm.spill->low, farm.spill->high));
    }
  }

  const Description& description_;
  Mistakes& mistakes_;
  std::vector<std::string> rooms_;
  std::set<Rule> plain_;
};

}  // namespace

void check_policies(const Description& description, Mistakes& mistakes) {
  PolicyCheck(description, mistakes).run();
}

}  // namespace hither::topology
