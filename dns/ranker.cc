// SPDX-License-Identifier: Apache-2.0
#include "dns/ranker.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

#include "base/assert.h"

namespace hither::dns {

using topology::Origin;
using topology::PolicyNode;
using topology::RoomSet;
using topology::Rule;

std::int64_t with_bias(std::int64_t metres, int bias) {
  ASSERT(bias > -100 && bias < 100);
  const auto distance = static_cast<double>(metres);
  if (bias > 0) return std::llround(distance * (100 - bias) / 100);
  return std::llround(distance * 100 / (100 + bias));
}

Ranker::Ranker(const topology::PolicyTree& tree, const topology::Description& description)
    : tree_(tree), description_(description), costs_needed_(tree.uses_nearest()) {
  distance_alone_ = by_distance_alone();
  latencies_.resize(description.rooms.size());
  for (const topology::Room& room : description.rooms) points_.push_back(on_globe(room.location));
  for (std::size_t i = 0; costs_needed_ && i < description.latencies.size(); ++i) {
    const topology::Latency& latency = description.latencies[i];
    const auto room = std::ranges::find(description.rooms, latency.room, &topology::Room::name);
    if (room == description.rooms.end()) continue;
    auto& rules = latencies_[static_cast<std::size_t>(room - description.rooms.begin())];
    for (const Origin& origin : latency.from) rules.push_back({.origin = origin, .entry = i});
  }
  for (std::size_t node = 0; node < tree.nodes.size(); ++node) {
    topology::PolicyTree fenceless = {.nodes = tree.nodes};
    for (PolicyNode& inner : fenceless.nodes) inner.fence_rules.clear();
    members_.push_back(fenceless.rooms(node, {}));
  }
}

std::vector<Prefix> Ranker::networks() const {
  std::vector<Prefix> networks;
  for (const Origin& origin : tree_.origins()) {
    if (origin.country.empty()) networks.push_back(origin.network);
  }
  for (const auto& rules : latencies_) {
    for (const topology::OriginRule& rule : rules) {
      if (rule.origin.country.empty()) networks.push_back(rule.origin.network);
    }
  }
  std::ranges::sort(networks);
  networks.erase(std::unique(networks.begin(), networks.end()), networks.end());
  return networks;
}

const Ranker::Profile& Ranker::profile_of(const Site& site) {
  if (latest_ != nullptr && latest_->first.first == site.country &&
      latest_->first.second == site.network) {
    return latest_->second;
  }
  const auto [found, fresh] = profiles_.try_emplace({site.country, site.network}, Profile{});
  latest_ = &*found;
  Profile& profile = found->second;
  if (!fresh) return profile;
  const topology::ClientKind kind = site.kind();
  for (const PolicyNode& node : tree_.nodes) {
    profile.allowed.push_back(node.allowed(kind));
    const int entry = find_rule(node.prefer_rules, kind);
    profile.preferred.push_back(entry < 0 ? nullptr : &node.prefers[static_cast<unsigned>(entry)]);
  }
  profile.rtt.resize(description_.rooms.size());
  for (std::size_t room = 0; room < latencies_.size(); ++room) {
    const int entry = find_rule(latencies_[room], kind);
    if (entry >= 0) profile.rtt[room] = description_.latencies[static_cast<unsigned>(entry)].rtt;
  }
  return profile;
}

RoomCost Ranker::cost_of(const Profile& profile, const Site& site, std::size_t room) const {
  RoomCost cost{.rtt = profile.rtt[room]};
  if (cost.rtt) {
    const double ms = std::chrono::duration<double, std::milli>(*cost.rtt).count();
    cost.metres = std::llround(ms * km_per_ms * 1000);
  } else if (site.point) {
    cost.metres = std::llround(globe_distance_km(*site.point, points_[room]) * 1000);
  } else {
    return cost;
  }
  cost.metres = with_bias(cost.metres, description_.rooms[room].bias);
  return cost;
}

RoomCost Ranker::cost(const Site& site, std::size_t room) {
  return cost_of(profile_of(site), site, room);
}

bool Ranker::by_distance_alone() const {
  const PolicyNode& root = tree_.nodes[0];
  const auto plain = [](const topology::Room& room) { return room.bias == 0; };
  const auto is_room = [](const PolicyNode::Member& member) { return member.room; };
  return tree_.nodes.size() == 1 && root.rule == Rule::nearest && tree_.origins().empty() &&
         description_.latencies.empty() && std::ranges::all_of(description_.rooms, plain) &&
         std::ranges::all_of(root.members, is_room);
}

/// What sequence() comes to where distance alone counts: a city database has hundreds of thousands
/// of places, and an arc sine for each room of each costs most. So first the squares of the chords
/// say which rooms can be among the ranked.
Order Ranker::order_by_distance(const GlobePoint& client, std::size_t ranked) {
  // A metre more is at most 2 / 6371 km in the square of a chord of the unit sphere.
  constexpr double two_metres = 4.0 / 6'371'000.0;
  const std::vector<PolicyNode::Member>& members = tree_.nodes[0].members;
  ranked = std::min(ranked, members.size());
  squares_.clear();
  for (const PolicyNode::Member& member : members) {
    squares_.push_back(chord_squared(client, points_[member.index]));
  }
  double bound = ranked == 0 ? -1 : std::numeric_limits<double>::max();
  if (ranked > 0 && ranked < squares_.size()) {
    sorted_ = squares_;
    const auto last = sorted_.begin() + static_cast<std::ptrdiff_t>(ranked) - 1;
    std::ranges::nth_element(sorted_, last);
    bound = *last + two_metres;
  }
  nearest_.clear();
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (squares_[i] > bound) continue;
    nearest_.emplace_back(std::llround(chord_to_km(squares_[i]) * 1000),
                          static_cast<std::uint16_t>(i));
  }
  std::ranges::partial_sort(nearest_, nearest_.begin() + static_cast<std::ptrdiff_t>(ranked));
  Order order;
  order.reserve(members.size());
  RoomSet placed;
  for (std::size_t i = 0; i < ranked; ++i) {
    order.push_back(members[nearest_[i].second].index);
    placed.set(order.back());
  }
  for (const PolicyNode::Member& member : members) {
    if (!placed[member.index]) order.push_back(member.index);
  }
  return order;
}

Order Ranker::order(const Site& site, std::size_t ranked) {
  if (distance_alone_ && site.point) return order_by_distance(*site.point, ranked);
  const Profile& profile = profile_of(site);
  std::vector<std::int64_t> costs;
  for (std::size_t room = 0; costs_needed_ && room < points_.size(); ++room) {
    costs.push_back(cost_of(profile, site, room).metres);
  }
  Building to{.profile = profile, .costs = costs, .ranked = ranked, .seen = {}};
  Order out;
  append(0, RoomSet().set(), to, out);
  return out;
}

std::int64_t Ranker::least_cost(const PolicyNode::Member& member, const RoomSet& allowed,
                                const Building& to) const {
  if (member.room) return to.costs[member.index];
  const RoomSet inside = members_[member.index] & allowed & to.profile.allowed[member.index];
  std::int64_t least = RoomCost::unknown;
  for (std::size_t room = 0; room < to.costs.size(); ++room) {
    if (inside[room]) least = std::min(least, to.costs[room]);
  }
  return least;
}

/// The node's members as its rule has them, without the preferred ones, by index.
std::vector<std::uint16_t> Ranker::sequence(const PolicyNode& node, std::size_t index,
                                            const RoomSet& allowed, Building& to) const {
  const std::vector<std::uint16_t>* preferred = to.profile.preferred[index];
  std::vector<std::uint16_t> rest;
  for (std::size_t i = 0; i < node.members.size(); ++i) {
    const auto number = static_cast<std::uint16_t>(i);
    if (preferred != nullptr && std::ranges::count(*preferred, number) > 0) continue;
    // What the fence takes away must not fill the places of those that are ranked.
    const PolicyNode::Member& member = node.members[i];
    if (member.room && !allowed[member.index]) continue;
    rest.push_back(number);
  }
  if (node.rule != Rule::nearest) return rest;
  std::vector<std::pair<std::int64_t, std::uint16_t>> costs;
  costs.reserve(rest.size());
  for (const std::uint16_t i : rest) {
    costs.emplace_back(least_cost(node.members[i], allowed, to), i);
  }
  const auto tail = costs.begin() + static_cast<std::ptrdiff_t>(std::min(to.ranked, costs.size()));
  std::ranges::partial_sort(costs, tail);
  std::ranges::sort(tail, costs.end(), {}, [](const auto& cost) { return cost.second; });
  std::ranges::transform(costs, rest.begin(), [](const auto& cost) { return cost.second; });
  return rest;
}

void Ranker::append_member(const PolicyNode::Member& member, const RoomSet& allowed, Building& to,
                           Order& out) const {
  if (!member.room) {
    append(member.index, allowed, to, out);
  } else if (allowed[member.index] && !to.seen[member.index]) {
    to.seen.set(member.index);
    out.push_back(member.index);
  }
}

void Ranker::append(std::size_t index, RoomSet allowed, Building& to, Order& out) const {
  const PolicyNode& node = tree_.nodes[index];
  allowed &= to.profile.allowed[index];
  if (const auto* preferred = to.profile.preferred[index]) {
    for (const std::uint16_t i : *preferred) append_member(node.members[i], allowed, to, out);
  }
  const std::vector<std::uint16_t> rest = sequence(node, index, allowed, to);
  if (node.rule == Rule::weighted) {
    append_group(index, rest, allowed, to, out);
  } else {
    for (const std::uint16_t i : rest) append_member(node.members[i], allowed, to, out);
  }
}

/// Rooms of several members are left in all of them: which comes first is known with the block.
void Ranker::append_group(std::size_t index, std::span<const std::uint16_t> members,
                          const RoomSet& allowed, Building& to, Order& out) const {
  const PolicyNode& node = tree_.nodes[index];
  const RoomSet before = to.seen;
  RoomSet after = before;
  Order group;
  std::uint16_t count = 0;
  for (const std::uint16_t i : members) {
    const PolicyNode::Member& member = node.members[i];
    to.seen = before;
    Order inside;
    append_member(member, allowed, to, inside);
    after |= to.seen;
    if (inside.empty()) continue;
    ++count;
    group.push_back(member.room ? member.index : group_flag | member.index);
    group.push_back(static_cast<std::uint16_t>(member.weight));
    group.push_back(static_cast<std::uint16_t>(inside.size()));
    group.insert(group.end(), inside.begin(), inside.end());
  }
  to.seen = after;
  if (count == 0) return;
  const std::size_t head = 3;  // of a member, before its order
  if (count == 1) {
    out.insert(out.end(), group.begin() + head, group.end());
    return;
  }
  out.push_back(group_flag | count);
  out.push_back(static_cast<std::uint16_t>(index));
  out.insert(out.end(), group.begin(), group.end());
}

}  // namespace hither::dns
