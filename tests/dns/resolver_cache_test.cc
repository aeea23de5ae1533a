// SPDX-License-Identifier: Apache-2.0
//
// The property that no single packet shows: behind a caching resolver that follows RFC 7871 s7.3 to
// the letter, every client gets exactly the answer that the server gives it directly, in whatever
// order clients ask and rooms fail.
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "base/rng.h"
#include "dns/view.h"
#include "tests/dns/support.h"
#include "tests/support/sanitized.h"

namespace hither::dns {
namespace {

using testing::Ask;
using testing::ask;
using testing::Reply;
using testing::World;

/// More than two million over all policies; with a sanitizer one of 45, for the same time.
constexpr int queries_each = hither::test::sanitized ? 4'000 : 180'000;
/// Queries between two changes of the rooms, on average; dozens of changes either way.
constexpr int queries_per_epoch = hither::test::sanitized ? 100 : 500;

/// Two different blocks one of which holds the other; "" if there are none. In their order a block
/// comes right before those that lie in it.
std::string overlap_of(const std::set<Prefix>& blocks) {
  const Prefix* before = nullptr;
  for (const Prefix& block : blocks) {
    if (before != nullptr && before->contains(block.address)) {
      return to_text(block) + " in " + to_text(*before);
    }
    before = &block;
  }
  return "";
}

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
    int scope = 0;  ///< of 128 bits
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

  void keep(const Asker& client, int scope, Entry entry) {
    entry.scope = client.subnet.is_v4() ? scope + 96 : scope;
    if (entry.scope <= client.subnet.length && !opted_out(client.subnet)) {
      blocks_[key(client.subnet, entry.scope)] = entry;
    } else {
      exact_[client.subnet] = entry;
    }
  }

  /// A TTL ends, for one in `share` of what is kept.
  void forget(Rng& rng, std::uint64_t share) {
    std::erase_if(blocks_, [&](const auto&) { return rng.below(share) == 0; });
    std::erase_if(exact_, [&](const auto&) { return rng.below(share) == 0; });
  }

  /// Two different scopes that overlap (s7.2.1); "" if there are none. A scope longer than the
  /// source counts as well: it says what the first addresses of the source block get, so it may no
  /// more lie about the scopes round it than any other, though this cache cannot use it. The source
  /// block itself is no scope, and lies over others by right. The scope 0 of an opt-out says
  /// nothing of other clients (s7.1.2).
  std::string overlap() const {
    std::array<std::set<Prefix>, 2> scopes;  // by family, as the cache is
    for (const auto& [key, entry] : blocks_) scopes[key.first ? 1 : 0].insert(key.second);
    for (const auto& [subnet, entry] : exact_) {
      if (opted_out(subnet)) continue;
      scopes[subnet.is_v4() ? 1 : 0].insert(prefix_of(subnet.address, entry.scope));
    }
    const std::string found = overlap_of(scopes[0]);
    return found.empty() ? overlap_of(scopes[1]) : found;
  }

 private:
  using Key = std::pair<bool, Prefix>;  ///< IPv4?, block
  static bool opted_out(const Prefix& subnet) { return subnet.family_length() == 0; }
  static Key key(const Prefix& subnet, int length) {
    return {subnet.is_v4(), prefix_of(subnet.address, length)};
  }

  std::map<Key, Entry> blocks_;
  std::map<Prefix, Entry> exact_;  ///< only for clients whose own subnet it is
};

/// The two halves of an IPv6 address.
Address v6_of(std::uint64_t high, std::uint64_t low) {
  std::array<std::byte, 16> octets{};
  for (unsigned i = 0; i < 8; ++i) {
    octets[i] = static_cast<std::byte>(high >> (56U - 8U * i) & 0xffU);
    octets[i + 8] = static_cast<std::byte>(low >> (56U - 8U * i) & 0xffU);
  }
  return Address::v6(octets);
}

/// Somewhere in or near the described networks, or anywhere at all.
Asker draw_client(Rng& rng, const topology::Description& description) {
  if (rng.below(10) == 0) {
    return {prefix_of(v6_of(rng.next(), rng.next()), static_cast<int>(rng.below(57)))};
  }
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
/// All rooms but one have IPv6 addresses as well.
topology::Description every_policy() {
  topology::Description description = testing::make_description();
  description.farms.emplace_back("big");
  description.rooms[1].address.resize(1);
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

struct Case {
  const char* name;
  const char* policy;
  bool private_by_resolver = false;  ///< dns.private_subnets
};
void PrintTo(const Case& of, std::ostream* out) { *out << of.name; }

class BehindAResolver : public ::testing::TestWithParam<Case> {};

TEST_P(BehindAResolver, EveryClientGetsTheDirectAnswer) {
  const std::string name = std::string(GetParam().policy) + ".example.test";
  World world(every_policy());
  if (GetParam().private_by_resolver) {
    world.protocol =
        make_protocol({.private_subnets = topology::DnsProtocol::PrivateSubnets::resolver},
                      {.secrets = {SipKey{}}});
  }
  Rng rng(20261123);
  std::array<ResolverCache, 2> caches;  // of A and of AAAA: an answer is kept for its type
  std::array<int, 2> hits{};
  std::vector<std::unique_ptr<Responder>> epochs;
  epochs.push_back(std::make_unique<Responder>(world.snapshot()));
  std::vector<std::byte> out(message_size_max);
  const auto answer = [&](Type type, const Asker& client, int epoch) {
    const Bytes packet = ask(name, type).subnet(to_text(client.subnet)).packet();
    const Arrival arrival{.client = *parse_address("198.51.100.53")};
    const std::size_t size = epochs[static_cast<std::size_t>(epoch)]->respond(packet, arrival, out);
    return testing::parse_reply(ByteView(out).first(size));
  };

  for (int i = 0; i < queries_each; ++i) {
    if (rng.below(queries_per_epoch) == 0) {  // a room fails or returns
      const std::string& room = world.description().rooms[rng.below(3)].name;
      std::set<std::string>& changed = rng.below(2) == 0 ? world.down : world.draining;
      if (!changed.erase(room)) changed.insert(room);
      world.shares = draw_shares(rng, world.description());
      epochs.push_back(std::make_unique<Responder>(world.snapshot()));
    }
    const Type type = rng.below(4) == 0 ? Type::aaaa : Type::a;
    ResolverCache& cache = caches[family_of(type)];
    if (rng.below(2 * queries_per_epoch) == 0) cache.forget(rng, 3);
    ASSERT_EQ(i % (10 * queries_per_epoch) == 0 ? cache.overlap() : "", "") << "query " << i;
    const Asker client = draw_client(rng, world.description());
    const auto* known = cache.find(client);
    const int epoch = known != nullptr ? known->epoch : static_cast<int>(epochs.size()) - 1;
    const Reply direct = answer(type, client, epoch);
    if (known != nullptr) {
      ++hits[family_of(type)];
      ASSERT_EQ(known->data, all_data(direct))
          << to_text(type) << " for " << to_text(client.subnet) << " query " << i;
      continue;
    }
    ASSERT_TRUE(direct.scope()) << to_text(client.subnet);
    cache.keep(client, *direct.scope(), {.data = all_data(direct), .epoch = epoch});
  }

  EXPECT_GT(hits[0] + hits[1], queries_each / 10) << "the cache was of use";
  EXPECT_GT(hits[1], queries_each / 100) << "for AAAA as well";
  EXPECT_GT(epochs.size(), 10U);
  EXPECT_EQ(caches[0].overlap() + caches[1].overlap(), "");
}

INSTANTIATE_TEST_SUITE_P(Policies, BehindAResolver,
                         ::testing::Values(Case{"www", "www"}, Case{"shop", "shop"},
                                           Case{"spare", "spare"}, Case{"fenced", "fenced"},
                                           Case{"nested", "nested"}, Case{"weights", "weights"},
                                           Case{"deep", "deep"}, Case{"two", "two"},
                                           Case{"spills", "spills"}, Case{"spilldeep", "spilldeep"},
                                           Case{"spillordered", "spillordered"},
                                           Case{"private_deep", "deep", true}),
                         [](const auto& test) { return std::string(test.param.name); });

/// IPv4 or IPv6, and near enough to each other that many lie inside of one another. IPv6 from ::/0
/// on, and rarely longer than any subnet that is sent.
Prefix draw_network(Rng& rng) {
  if (rng.below(2) == 0) {
    const int length =
        96 + static_cast<int>(rng.below(10) == 0 ? rng.below(33) : 5 + rng.below(24));
    const auto host = static_cast<std::uint32_t>(rng.below(1U << 24U));
    return prefix_of(Address::v4((10U << 24U) + host), length);
  }
  const std::uint64_t high = 0x2001'0db8'0000'0000U ^ rng.next() >> rng.below(64);
  const auto length = static_cast<int>(rng.below(rng.below(8) == 0 ? 129 : 65));
  return prefix_of(v6_of(high, rng.next()), length);
}

/// In the network or near it.
Address draw_address(Rng& rng, const Prefix& near) {
  if (near.is_v4()) {
    const auto spread = static_cast<std::uint32_t>(rng.below(1U << (8 + rng.below(17))));
    return Address::v4(near.address.v4_value() ^ spread);
  }
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    high = high << 8U | near.address.octets()[i];
    low = low << 8U | near.address.octets()[i + 8];
  }
  const bool inside = rng.below(2) == 0;  // of what is longer than /64
  if (!inside) high ^= rng.next() >> rng.below(64);
  return v6_of(high, low ^ rng.next() >> rng.below(64));
}

/// A world of rooms, networks and policies without sense.
topology::Description draw_world(Rng& rng) {
  topology::Description description = testing::make_description();
  const auto room = [&] { return description.rooms[rng.below(3)].name; };
  const auto origin = [&] { return topology::Origin{.country = {}, .network = draw_network(rng)}; };
  description.networks.clear();
  for (int i = 0; i < 40; ++i) {
    topology::Network drawn;
    drawn.prefix = draw_network(rng);
    drawn.location = {rng.unit() * 180 - 90, rng.unit() * 360 - 180};
    description.networks.push_back(drawn);
  }
  for (int i = 0; i < 8; ++i) {
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
    for (int i = 0; i < 6000; ++i) {
      const Address client = draw_address(rng, world.description().networks[rng.below(40)].prefix);
      const bool ipv4 = client.is_v4();
      const View view = make_view(*snapshot, name, Type::a, {.address = client, .ipv4 = ipv4});
      ASSERT_TRUE(view.tailored && view.depth > (ipv4 ? 96 : 0)) << "seed " << seed;
      scopes.insert(prefix_of(client, view.depth));
    }
    ASSERT_EQ(overlap_of(scopes), "") << "seed " << seed;
  }
}

}  // namespace
}  // namespace hither::dns
