// SPDX-License-Identifier: Apache-2.0
//
// The property that no single packet shows: behind a caching resolver that follows RFC 7871 s7.3 to
// the letter, every client gets exactly the answer that the server gives it directly, in whatever
// order clients ask and rooms fail.
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <vector>

#include "base/rng.h"
#include "tests/dns/support.h"

namespace hither::dns {
namespace {

using testing::Ask;
using testing::ask;
using testing::Reply;
using testing::World;

struct Client {
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

  const Entry* find(const Client& client) const {
    if (const auto exact = exact_.find(client.subnet); exact != exact_.end()) return &exact->second;
    const int shortest = client.subnet.is_v4() ? 96 : 0;
    for (int length = client.subnet.length; length >= shortest; --length) {
      const auto found = blocks_.find(key(client.subnet, length));
      if (found != blocks_.end()) return &found->second;
    }
    return nullptr;
  }

  void keep(const Client& client, int scope, const Entry& entry) {
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
Client draw_client(Rng& rng, const topology::Description& description) {
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

class BehindAResolver : public ::testing::TestWithParam<const char*> {};

TEST_P(BehindAResolver, EveryClientGetsTheDirectAnswer) {
  const std::string name = GetParam();
  World world;
  Rng rng(20261123);
  ResolverCache cache;
  std::vector<std::unique_ptr<Responder>> epochs;
  epochs.push_back(std::make_unique<Responder>(world.snapshot()));
  std::vector<std::byte> out(message_size_max);
  const auto answer = [&](const Client& client, int epoch) {
    const Bytes packet = ask(name).subnet(to_text(client.subnet)).packet();
    const Arrival arrival{.client = *parse_address("198.51.100.53")};
    const std::size_t size = epochs[static_cast<std::size_t>(epoch)]->respond(packet, arrival, out);
    return testing::parse_reply(ByteView(out).first(size));
  };

  int hits = 0;
  for (int i = 0; i < 20'000; ++i) {
    if (rng.below(500) == 0) {  // a room fails or returns
      const std::string& room = world.description().rooms[rng.below(3)].name;
      if (!world.down.erase(room)) world.down.insert(room);
      epochs.push_back(std::make_unique<Responder>(world.snapshot()));
    }
    if (rng.below(1000) == 0) cache.forget(rng, 3);
    const Client client = draw_client(rng, world.description());
    const auto* known = cache.find(client);
    const int epoch = known != nullptr ? known->epoch : static_cast<int>(epochs.size()) - 1;
    const Reply direct = answer(client, epoch);
    if (known != nullptr) {
      ++hits;
      ASSERT_EQ(known->data, direct.only_data()) << to_text(client.subnet) << " query " << i;
      continue;
    }
    ASSERT_TRUE(direct.scope()) << to_text(client.subnet);
    cache.keep(client, *direct.scope(), {.data = direct.only_data(), .epoch = epoch});
    ASSERT_FALSE(i % 2000 == 0 && cache.overlaps()) << "query " << i;
  }

  EXPECT_GT(hits, 2000) << "the cache was of use";
  EXPECT_GT(epochs.size(), 10U);
  EXPECT_FALSE(cache.overlaps());
}

INSTANTIATE_TEST_SUITE_P(Policies, BehindAResolver,
                         ::testing::Values("www.example.test", "shop.example.test",
                                           "spare.example.test"),
                         [](const auto& test) { return std::string(test.param, 3); });

}  // namespace
}  // namespace hither::dns
