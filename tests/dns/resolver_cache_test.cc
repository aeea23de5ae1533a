// SPDX-License-Identifier: Apache-2.0
//
// The property that no single packet shows: behind a caching resolver that follows RFC 7871 s7.3 to
// the letter, every client gets exactly the answer that the server gives it directly, in whatever
// order clients ask and rooms fail.
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/rng.h"
#include "dns/view.h"
#include "tests/dns/support.h"

namespace hither::dns {
namespace {

using testing::Ask;
using testing::ask;
using testing::Reply;
using testing::World;

struct Asker {
  Prefix subnet;  ///< what the resolver says about it: /24 or /56, or shorter
};

/// The cache of RFC 7871 s7.3.1: an answer is kept for the scope's bits of the address it was asked
/// for; where the scope is longer than the source, for that very source prefix and no other. What
/// was answered to source 0, an opt-out, is kept for those who opt out as well.
class ResolverCache {
 public:
  struct Entry {
    std::string data;
    int epoch = 0;  ///< which states it was answered from
  };

  const Entry* find(const Asker& client) const {
    if (const auto exact = exact_.find(client.subnet); exact != exact_.end()) return &exact->second;
    const int shortest = client.subnet.is_v4() ? 96 : 0;
    for (int length = client.subnet.length; length >= shortest; --length) {
      const auto found = blocks_.find(key(client.subnet, length));
      if (found != blocks_.end()) return &found->second;
    }
    return nullptr;
  }

  void keep(const Asker& client, int scope, const Entry& entry) {
    const int length = client.subnet.is_v4() ? scope + 96 : scope;
    const bool opted_out = client.subnet.family_length() == 0;
    if (length <= client.subnet.length && !opted_out) {
      blocks_[key(client.subnet, length)] = entry;
    } else {
      exact_[client.subnet] = entry;
    }
  }

  /// A TTL ends, for one in `share` of what is kept.
  void forget(Rng& rng, std::uint64_t share) {
    std::erase_if(blocks_, [&](const auto&) { return rng.below(share) == 0; });
    std::erase_if(exact_, [&](const auto&) { return rng.below(share) == 0; });
  }

  /// Do two different scopes overlap (s7.2.1)?
  bool overlaps() const {
    for (const auto& [block, entry] : blocks_) {
      for (int length = block.second.length - 1; length >= (block.first ? 96 : 0); --length) {
        if (blocks_.contains({block.first, prefix_of(block.second.address, length)})) return true;
      }
    }
    return false;
  }

 private:
  using Key = std::pair<bool, Prefix>;  ///< IPv4?, block
  static Key key(const Prefix& subnet, int length) {
    return {subnet.is_v4(), prefix_of(subnet.address, length)};
  }

  std::map<Key, Entry> blocks_;
  std::map<Prefix, Entry> exact_;  ///< only for clients whose own subnet it is
};

/// Somewhere in or near the described networks, or anywhere at all.
Asker draw_client(Rng& rng, const topology::Description& description) {
  if (rng.below(5) == 0) {
    const auto value = static_cast<std::uint32_t>(rng.next());
    return {prefix_of(Address::v4(value), 96 + static_cast<int>(rng.below(25)))};
  }
  const Prefix& near = description.networks[rng.below(description.networks.size())].prefix;
  std::array<std::byte, 16> octets{};
  const int keep = static_cast<int>(rng.below(5)) * 2;  // wander off by up to 8 bits
  const Address base = near.address.masked(std::max(near.length - keep, near.is_v4() ? 96 : 0));
  for (std::size_t i = 0; i < 16; ++i) octets[i] = static_cast<std::byte>(base.octets()[i]);
  const std::size_t first_free = static_cast<std::size_t>(near.length - keep + 7) / 8;
  const std::uint64_t spread = rng.below(2) == 0 ? 8 : 256;
  for (std::size_t i = first_free; i < 16; ++i) {
    octets[i] = static_cast<std::byte>(rng.below(spread));
  }
  const int longest = near.is_v4() ? 96 + 24 : 56;
  const int shortest = near.is_v4() ? 96 + 1 : 1;
  const auto lengths = static_cast<std::uint64_t>(longest) + 1 - static_cast<unsigned>(shortest);
  const int drawn = shortest + static_cast<int>(rng.below(lengths));
  const int length = rng.below(3) == 0 ? drawn : longest;
  return {prefix_of(Address::v6(octets), length)};
}

using topology::Rule;

topology::Origin from_network(const std::string& prefix) {
  return {.country = {}, .network = *parse_prefix(prefix)};
}

/// The world of the other tests with a name for every policy, latencies, and a farm that spills.
topology::Description every_policy() {
  topology::Description description = testing::make_description();
  description.farms.emplace_back("big");
  for (topology::Room& room : description.rooms) {
    room.farms.push_back({.name = "big", .port = 81, .spill = topology::Spill{}});
    room.weight = room.name == "fra" ? 70 : 100;
  }
  description.latencies = {
      {.from = {from_network("10.1.128.0/17")}, .room = "nrt", .rtt = std::chrono::milliseconds(1)},
      {.from = {from_network("2001:db8:2:8000::/49")},
       .room = "fra",
       .rtt = std::chrono::milliseconds(5)}};
  description.policies = {
      {.name = "fenced",
       .fences = {{.from = {from_network("10.2.0.0/17"), from_network("2001:db8:2::/48")},
                   .only = {"nrt", "fra"}},
                  {.from = {from_network("10.2.3.0/25")}, .never = {"nrt"}}},
       .prefers = {{.from = {from_network("10.3.3.0/24")}, .order = {"iad"}}}},
      {.name = "pair", .rule = Rule::weighted, .of = {"fra", "iad"}},
      {.name = "far", .rule = Rule::weighted, .of = {"nrt", "pair"}},
      {.name = "nested", .rule = Rule::nearest, .of = {"pair", "nrt"}},
      {.name = "deep", .rule = Rule::ordered, .of = {"fenced", "far", "nearest"}}};
  const auto add = [&](const std::string& name, const std::string& policy, int answers) {
    description.names.push_back(
        {.name = name + ".example.test", .farm = "web", .policy = policy, .answers = answers});
  };
  add("fenced", "fenced", 1);
  add("nested", "nested", 1);
  add("weights", "far", 2);
  add("deep", "deep", 3);
  add("two", "nearest", 2);
  add("spills", "nearest", 1);
  description.names.back().farm = "big";
  add("spilldeep", "deep", 2);
  description.names.back().farm = "big";
  add("spillordered", "ordered", 1);
  description.names.back().farm = "big";
  return description;
}

/// Rooms that shed, drain and are thin, as an epoch may have them.
Shares draw_shares(Rng& rng, const topology::Description& description) {
  if (rng.below(4) == 0) return {};
  Shares shares(description.rooms.size(), description.farms.size());
  for (std::size_t room = 0; room < description.rooms.size(); ++room) {
    for (std::size_t farm = 0; farm < description.farms.size(); ++farm) {
      RoomShare& share = shares.at(room, farm);
      share.drained = rng.below(RoomShare::all + 1);
      share.thin = rng.below(5) == 0;
      if (farm == 0) continue;  // It does not spill.
      if (rng.below(2) == 0) share.shed = rng.below(RoomShare::all);
      if (rng.below(2) == 0) share.open = rng.below(RoomShare::all);
    }
  }
  return shares;
}

std::string all_data(const Reply& reply) {
  std::string text;
  for (const std::string& record : reply.answer) text += record.substr(record.rfind(' '));
  return text.empty() ? reply.only_data() : text;
}

class BehindAResolver : public ::testing::TestWithParam<const char*> {};

TEST_P(BehindAResolver, EveryClientGetsTheDirectAnswer) {
  const std::string name = GetParam();
  World world(every_policy());
  Rng rng(20261123);
  ResolverCache cache;
  std::vector<std::unique_ptr<Responder>> epochs;
  epochs.push_back(std::make_unique<Responder>(world.snapshot()));
  std::vector<std::byte> out(message_size_max);
  const auto answer = [&](const Asker& client, int epoch) {
    const Bytes packet = ask(name).subnet(to_text(client.subnet)).packet();
    const Arrival arrival{.client = *parse_address("198.51.100.53")};
    const std::size_t size = epochs[static_cast<std::size_t>(epoch)]->respond(packet, arrival, out);
    return testing::parse_reply(ByteView(out).first(size));
  };

  int hits = 0;
  for (int i = 0; i < 20'000; ++i) {
    if (rng.below(500) == 0) {  // a room fails or returns
      const std::string& room = world.description().rooms[rng.below(3)].name;
      std::set<std::string>& changed = rng.below(2) == 0 ? world.down : world.draining;
      if (!changed.erase(room)) changed.insert(room);
      world.shares = draw_shares(rng, world.description());
      epochs.push_back(std::make_unique<Responder>(world.snapshot()));
    }
    if (rng.below(1000) == 0) cache.forget(rng, 3);
    const Asker client = draw_client(rng, world.description());
    const auto* known = cache.find(client);
    const int epoch = known != nullptr ? known->epoch : static_cast<int>(epochs.size()) - 1;
    const Reply direct = answer(client, epoch);
    if (known != nullptr) {
      ++hits;
      ASSERT_EQ(known->data, all_data(direct)) << to_text(client.subnet) << " query " << i;
      continue;
    }
    ASSERT_TRUE(direct.scope()) << to_text(client.subnet);
    cache.keep(client, *direct.scope(), {.data = all_data(direct), .epoch = epoch});
    ASSERT_FALSE(i % 2000 == 0 && cache.overlaps()) << "query " << i;
  }

  EXPECT_GT(hits, 2000) << "the cache was of use";
  EXPECT_GT(epochs.size(), 10U);
  EXPECT_FALSE(cache.overlaps());
}

INSTANTIATE_TEST_SUITE_P(Policies, BehindAResolver,
                         ::testing::Values("www.example.test", "shop.example.test",
                                           "spare.example.test", "fenced.example.test",
                                           "nested.example.test", "weights.example.test",
                                           "deep.example.test", "two.example.test",
                                           "spills.example.test", "spilldeep.example.test",
                                           "spillordered.example.test"),
                         [](const auto& test) {
                           const std::string name = test.param;
                           return name.substr(0, name.find('.'));
                         });

/// A world of rooms, networks and policies without sense.
topology::Description draw_world(Rng& rng) {
  topology::Description description = testing::make_description();
  const auto network = [&] {
    const int length = 96 + 5 + static_cast<int>(rng.below(24));
    return prefix_of(Address::v4((10U << 24U) + static_cast<std::uint32_t>(rng.below(1U << 24U))),
                     length);
  };
  const auto room = [&] { return description.rooms[rng.below(3)].name; };
  const auto origin = [&] { return topology::Origin{.country = {}, .network = network()}; };
  description.networks.clear();
  for (int i = 0; i < 20; ++i) {
    topology::Network drawn;
    drawn.prefix = network();
    drawn.location = {rng.unit() * 180 - 90, rng.unit() * 360 - 180};
    description.networks.push_back(drawn);
  }
  for (int i = 0; i < 4; ++i) {
    description.latencies.push_back(
        {.from = {origin()}, .room = room(), .rtt = std::chrono::milliseconds(1 + rng.below(200))});
  }
  const std::array<Rule, 3> rules = {Rule::nearest, Rule::weighted, Rule::ordered};
  for (int i = 0; i < 3; ++i) {
    topology::Policy policy{.name = "p" + std::to_string(i), .rule = rules[rng.below(3)]};
    policy.of = {room(), i < 2 ? "p" + std::to_string(i + 1) : "weighted"};
    policy.fences = {{.from = {origin(), origin()}, .never = {room()}}};
    policy.prefers = {{.from = {origin()}, .order = {policy.of[rng.below(2)]}}};
    description.policies.push_back(policy);
  }
  description.policies.push_back(
      {.name = "root", .rule = rules[rng.below(3)], .of = {"p0", "nearest"}});
  description.names = {{.name = "www.example.test", .farm = "web", .policy = "root"}};
  if (rng.below(2) == 0) description.rooms[0].farms[0].spill = topology::Spill{};
  return description;
}

TEST(Scopes, NoTwoDifferentOnesOverlapWhateverTheWorld) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    Rng rng(seed);
    World world(draw_world(rng));
    const auto snapshot = world.snapshot();
    const SteeredName& name = snapshot->directory->names[0];
    std::set<Prefix> scopes;
    for (int i = 0; i < 3000; ++i) {
      const Prefix& near = world.description().networks[rng.below(20)].prefix;
      const auto spread = static_cast<std::uint32_t>(rng.below(1U << (8 + rng.below(17))));
      const Address client = Address::v4(near.address.v4_value() ^ spread);
      const View view = make_view(*snapshot, name, Type::a, {.address = client, .ipv4 = true});
      ASSERT_TRUE(view.tailored && view.depth > 96) << "seed " << seed;
      scopes.insert(prefix_of(client, view.depth));
    }
    for (const Prefix& scope : scopes) {
      for (int length = scope.length - 1; length > 96; --length) {
        ASSERT_FALSE(scopes.contains(prefix_of(scope.address, length)))
            << "seed " << seed << ": " << to_text(scope) << " in /" << length - 96;
      }
    }
  }
}

}  // namespace
}  // namespace hither::dns
