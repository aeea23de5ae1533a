// SPDX-License-Identifier: Apache-2.0
#include "topology/warnings.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "base/bits128.h"
#include "topology/policy_tree.h"
#include "topology/private_space.h"

namespace hither::topology {
namespace {

using Warnings = std::vector<Mistake>;

/// The finest block that public resolvers ask for, in 128-bit lengths: /24 and /56 (RFC 7871 s11.1,
/// and what they do).
constexpr int finest_length(bool v4) { return v4 ? 96 + 24 : 56; }

// --- Networks: rules 1 to 3. ---

/// What a network is mentioned for.
enum class Use { network, fence, preference, latency };

std::string_view to_text(Use use) {
  switch (use) {
    case Use::network:
      return "network";
    case Use::fence:
      return "the fence for";
    case Use::preference:
      return "the preference for";
    case Use::latency:
      return "the latency from";
  }
  return "";
}

/// Resolvers that send /24 or /56 are decided by the first address of that block, those that send
/// nothing by their own. So one address is a resolver's, unless it is the first.
void warn_fine(const Prefix& prefix, Use use, const Position& where, Warnings& warnings) {
  const int finest = finest_length(prefix.is_v4());
  if (prefix.length <= finest) return;
  const Prefix whole = prefix_of(prefix.address, finest);
  const bool first = whole.address == prefix.address;
  if (prefix.length == 128 && !first && use != Use::fence) return;
  warnings.push_back(
      {where, fmt::format("{} {} is finer than /{}, the most that public resolvers send of a "
                          "client's address: it decides {}; clients in one /{} cannot be told "
                          "apart",
                          to_text(use), hither::to_text(prefix), whole.family_length(),
                          first ? "for all that they send from " + hither::to_text(whole)
                                : "only for resolvers that send none and lie in it",
                          whole.family_length())});
}

/// A network that the file mentions.
void warn_network(const Description& description, const Prefix& prefix, Use use,
                  const Position& where, Warnings& warnings) {
  if (!is_private(prefix)) return warn_fine(prefix, use, where, warnings);
  if (description.dns.protocol.private_subnets == DnsProtocol::PrivateSubnets::use) return;
  warnings.push_back(
      {where, fmt::format("{} {} is private, and by dns.private_subnets = \"resolver\" such "
                          "client subnets do not decide: it holds only for who asks from there "
                          "itself; write private_subnets = \"use\", or take it out",
                          to_text(use), hither::to_text(prefix))});
}

void warn_networks(const Description& description, Warnings& warnings) {
  const auto origins = [&](const std::vector<Origin>& from, Use use, const Position& where) {
    for (const Origin& origin : from) {
      if (!origin.country.empty()) continue;
      warn_network(description, origin.network, use, where, warnings);
    }
  };
  for (const Network& network : description.networks) {
    warn_network(description, network.prefix, Use::network, network.where, warnings);
  }
  for (const Policy& policy : description.policies) {
    for (const Fence& fence : policy.fences) origins(fence.from, Use::fence, fence.where);
    for (const Prefer& prefer : policy.prefers) {
      origins(prefer.from, Use::preference, prefer.where);
    }
  }
  for (const Latency& latency : description.latencies) {
    origins(latency.from, Use::latency, latency.where);
  }
}

/// Every [[network]] among those around it, in the order of addresses and the outer ones first. One
/// that says what the one around it says is reported and then left out: it covers nothing, or both
/// might be taken out.
class Layers {
 public:
  explicit Layers(Warnings& warnings) : warnings_(warnings) {}

  void add(const Network& network) {
    const Bits128 first = to_bits(network.prefix.address);
    const Bits128 last = block_last(first, network.prefix.length);
    while (!open_.empty() && open_.back().last < first) close();
    if (!open_.empty()) {
      Layer& outer = open_.back();
      if (says_the_same(network, *outer.network)) {
        return report_same(network, *outer.network);
      }
      if (outer.next == first) {
        outer.next = last + 1;
        outer.covered = last == outer.last;
      }
    }
    open_.push_back({&network, last, first, false});
  }
  void close_all() {
    while (!open_.empty()) close();
  }

 private:
  struct Layer {
    const Network* network;
    Bits128 last;
    Bits128 next;  ///< the first address that no longer network has been seen to hold
    bool covered;
  };

  /// Titles are for people: one that was written is a reason of its own.
  static bool says_the_same(const Network& inner, const Network& outer) {
    const bool titled = inner.title != hither::to_text(inner.prefix) && inner.title != outer.title;
    return inner.location == outer.location && inner.country == outer.country && !titled;
  }
  void report_same(const Network& inner, const Network& outer) {
    warnings_.push_back(
        {inner.where, fmt::format("network {} is where {} around it is, so it changes nothing; "
                                  "take it out, or write what is different",
                                  hither::to_text(inner.prefix), hither::to_text(outer.prefix))});
  }
  void close() {
    const Layer& layer = open_.back();
    if (layer.covered) {
      warnings_.push_back({layer.network->where,
                           fmt::format("network {} decides for nobody, because longer ones cover "
                                       "all of it; take it out, or one of those",
                                       hither::to_text(layer.network->prefix))});
    }
    open_.pop_back();
  }

  Warnings& warnings_;
  std::vector<Layer> open_;
};

void warn_layers(const Description& description, Warnings& warnings) {
  std::vector<const Network*> sorted;
  for (const Network& network : description.networks) sorted.push_back(&network);
  std::ranges::sort(sorted, {}, [](const Network* network) {
    return std::tuple(network->prefix.address, network->prefix.length);
  });
  Layers layers(warnings);
  for (const Network* network : sorted) layers.add(*network);
  layers.close_all();
}

// --- Names: what of rule 4 is about them. ---

void add_used(const Description& description, const std::string& word,
              std::set<std::string>& used) {
  const Policy* policy = description.find_policy(word);
  if (policy == nullptr || !used.insert(word).second) return;
  for (const std::string& member : policy->of) add_used(description, member, used);
}

void warn_policies(const Description& description, Warnings& warnings) {
  std::set<std::string> used;
  for (const Name& name : description.names) add_used(description, name.policy, used);
  for (const Policy& policy : description.policies) {
    if (used.contains(policy.name)) continue;
    warnings.push_back({policy.where, fmt::format("policy '{0}' is used by no name; write policy = "
                                                  "\"{0}\" in one, or take it out",
                                                  policy.name)});
  }
}

/// Rooms that a name leads somebody to, and names that want more of them than there are.
void warn_rooms(const Description& description, Warnings& warnings) {
  RoomSet reached;
  for (const Name& name : description.names) {
    const auto tree = resolve_policy(description, name.policy);
    if (!tree) return;
    const RoomSet rooms = tree->rooms(0, {});
    reached |= rooms;
    if (static_cast<std::size_t>(name.answers) <= rooms.count()) continue;
    warnings.push_back(
        {name.where, fmt::format("name '{}' wants {} rooms in an answer, and its "
                                 "policy has {}; write answers = {}",
                                 name.name, name.answers, rooms.count(), rooms.count())});
  }
  for (std::size_t r = 0; r < description.rooms.size(); ++r) {
    if (reached[r] || description.names.empty()) continue;
    const Room& room = description.rooms[r];
    warnings.push_back({room.where, fmt::format("room '{}' is in the policy of no name, so nobody "
                                                "is sent there; add it to 'of' in one, or take it "
                                                "out",
                                                room.name)});
  }
}

// --- Farms: the rest of rule 4, and rule 5. ---

/// The farm as each room has it. Precondition: there is a room.
std::vector<const Farm*> in_rooms(const Description& description, std::string_view name) {
  std::vector<const Farm*> farms;
  for (const Room& room : description.rooms) {
    if (const Farm* farm = room.find_farm(name)) farms.push_back(farm);
  }
  return farms;
}

bool runs(const Farm* farm) { return farm->copies > 0 || !farm->servers.empty(); }

void warn_use(const Description& description, const std::string& name,
              const std::vector<const Farm*>& farms, Warnings& warnings) {
  if (std::ranges::none_of(farms, runs)) {
    warnings.push_back({farms[0]->where_copies,
                        fmt::format("farm '{}' runs in no room, because copies is 0 everywhere; "
                                    "write how many, or servers",
                                    name)});
  }
  if (description.names.empty() || std::ranges::count(description.names, name, &Name::farm) > 0) {
    return;
  }
  warnings.push_back(
      {farms[0]->where_port, fmt::format("farm '{0}' is used by no name, so the DNS sends nobody "
                                         "to it; write farm = \"{0}\" in a name, or take it out",
                                         name)});
}

/// Is what it would be filled by nobody's word?
bool capacity_unsaid(const Farm* farm) {
  const bool limited = farm->concurrency.adaptive ||
                       (farm->concurrency.most > 0 && farm->concurrency.most <= Farm{}.capacity);
  return runs(farm) && farm->where_capacity.line == 0 && !limited;
}

void warn_spill(const Description& description, const std::string& name,
                const std::vector<const Farm*>& farms, Warnings& warnings) {
  if (!farms[0]->spill) return;
  const Position where = farms[0]->spill->where_low;
  if (std::ranges::any_of(farms, capacity_unsaid)) {
    warnings.push_back(
        {where, fmt::format("farm '{}' spills by a capacity that is not written, and {} requests "
                            "at once for each copy is a guess; write capacity, what one copy "
                            "carries",
                            name, Farm{}.capacity)});
  }
  for (const Room& room : description.rooms) {
    const Farm* farm = room.find_farm(name);
    if (farm == nullptr || !runs(farm) || farm->probe.kind == ProbeRule::Kind::report) continue;
    warnings.push_back(
        {where,
         fmt::format("farm '{}' spills, but a probe of kind \"{}\" does not tell the load "
                     "of room '{}'; write kind = \"report\" there, or take spill out",
                     name, farm->probe.kind == ProbeRule::Kind::tcp ? "tcp" : "http", room.name)});
    return;  // One room is enough to say it.
  }
}

void warn_farms(const Description& description, Warnings& warnings) {
  for (const std::string& name : description.farms) {
    const auto farms = in_rooms(description, name);
    if (farms.empty()) continue;
    warn_use(description, name, farms, warnings);
    warn_spill(description, name, farms, warnings);
  }
}

}  // namespace

std::vector<Mistake> find_warnings(const Description& description) {
  Warnings warnings;
  warn_networks(description, warnings);
  warn_layers(description, warnings);
  warn_policies(description, warnings);
  warn_rooms(description, warnings);
  warn_farms(description, warnings);
  std::ranges::stable_sort(warnings, {}, [](const Mistake& warning) {
    return std::tuple(warning.where.line, warning.where.column);
  });
  if (warnings.size() > mistakes_max) warnings.resize(mistakes_max);
  return warnings;
}

std::string warning_text(const Mistake& warning, const std::string& file) {
  return to_text(Mistake{warning.where, "warning: " + warning.message}, file);
}

}  // namespace hither::topology
