// SPDX-License-Identifier: Apache-2.0
//
// The traps of RFC 7871 for an authoritative server, each asked through the whole pipeline.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/rng.h"
#include "dns/private_blocks.h"
#include "dns/responder.h"
#include "tests/dns/support.h"

namespace hither::dns::ecs_traps_test {
namespace {

using testing::Ask;
using testing::ask;
using testing::Reply;
using testing::subnet_data;
using testing::World;

const World& world() {
  static const World made(testing::make_description(), testing::example_zone());
  return made;
}

constexpr int formerr = 1;
constexpr std::uint16_t subnet_option = 8;

Ask www() { return ask("www.example.test"); }

TEST(EcsTrap1, AScopeInTheQueryIsAFormatError) {
  EXPECT_EQ(world().respond(www().option(8, subnet_data(1, 16, 16, {10, 3}))).rcode, formerr);
}

TEST(EcsTrap2, TheOctetsAreExactlyWhatSourceNeeds) {
  EXPECT_EQ(world().respond(www().option(8, subnet_data(1, 24, 0, {10, 3}))).rcode, formerr);
  EXPECT_EQ(world().respond(www().option(8, subnet_data(1, 16, 0, {10, 3, 0}))).rcode, formerr);
  EXPECT_EQ(world().respond(www().option(8, subnet_data(1, 15, 0, {10, 3}))).rcode, formerr);
}

TEST(EcsTrap3, UnknownFamiliesAndLengthsAreFormatErrors) {
  for (const std::uint16_t family : std::initializer_list<std::uint16_t>{0, 3, 65535}) {
    EXPECT_EQ(world().respond(www().option(8, subnet_data(family, 0, 0, {}))).rcode, formerr);
  }
  EXPECT_EQ(world().respond(www().option(8, subnet_data(1, 33, 0, {10, 3, 0, 0, 0}))).rcode,
            formerr);
  EXPECT_EQ(world().respond(www().option(8, {std::byte{0}})).rcode, formerr);
  EXPECT_EQ(world().respond(www().subnet("10.3.0.0/16").subnet("10.3.0.0/16")).rcode, formerr);
}

TEST(EcsTrap3, AFormatErrorDoesNotEchoTheOption) {
  const Reply reply = world().respond(www().option(8, subnet_data(1, 16, 16, {10, 3})));
  EXPECT_TRUE(reply.edns);
  EXPECT_FALSE(reply.scope());
}

TEST(EcsTrap4, EveryAnswerToASubnetCarriesIt) {
  for (const std::string name : {"www.example.test", "mail.example.test", "nothing.example.test",
                                 "b.c.example.test", "a.child.example.test", "other.invalid"}) {
    EXPECT_TRUE(world().respond(ask(name).subnet("10.3.0.0/16")).scope()) << name;
  }
}

TEST(EcsTrap4, AnAnswerWithoutAQuestionForItHasNone) {
  EXPECT_FALSE(world().respond(www().with_edns(), "10.3.0.1").scope());
}

TEST(EcsTrap6, WhatIsNotTailoredHasScopeZero) {
  for (const auto& [name, type] :
       std::vector<std::pair<std::string, Type>>{{"mail.example.test", Type::a},
                                                 {"example.test", Type::soa},
                                                 {"example.test", Type::ns},
                                                 {"www.example.test", Type::mx},
                                                 {"www.example.test", Type::any},
                                                 {"spare.example.test", Type::a},
                                                 {"other.invalid", Type::a}}) {
    EXPECT_EQ(world().respond(ask(name, type).subnet("10.3.0.0/16")).scope(), 0) << name;
  }
}

TEST(EcsTrap7, AnOuterBlockIsSplitRoundAnInnerOne) {
  // 10.2.0.0/16 is near iad, 10.2.3.0/24 in it near nrt: /17 to /24 round it, never the /16.
  EXPECT_EQ(world().respond(www().subnet("10.2.128.0/24")).scope(), 17);
  EXPECT_EQ(world().respond(www().subnet("10.2.2.0/24")).scope(), 24);
  EXPECT_EQ(world().respond(www().subnet("10.2.3.0/24")).scope(), 24);
  EXPECT_EQ(world().respond(www().subnet("10.2.4.0/24")).scope(), 22);
}

TEST(EcsTrap8, TheCatchAllIsABlockToo) {
  for (const std::string subnet : {"192.0.2.0/24", "0.0.0.0/1", "2a00::/32", "::/1"}) {
    const auto scope = world().respond(www().subnet(subnet)).scope();
    ASSERT_TRUE(scope) << subnet;
    EXPECT_GE(*scope, 1) << subnet;
  }
}

TEST(EcsTrap8, AlsoWhereOneFamilyHasASingleAnswer) {
  topology::Description description = testing::make_description();
  std::erase_if(description.networks, [](const auto& network) { return network.prefix.is_v4(); });
  EXPECT_GE(World(description).respond(www().subnet("192.0.2.0/24")).scope(), 1);
}

TEST(EcsTrap9, TheScopeMayExceedTheSource) {
  const Reply reply = world().respond(www().subnet("10.0.0.0/8"));
  EXPECT_GT(reply.scope(), 8);
  EXPECT_EQ(reply.answer.size(), 1U);
}

TEST(EcsTrap10, SourceZeroUsesTheResolverAndScopeZero) {
  for (const std::uint16_t family : std::initializer_list<std::uint16_t>{1, 2}) {
    const Ask opted_out = www().option(8, subnet_data(family, 0, 0, {}));
    const Reply tokyo = world().respond(opted_out, "10.3.0.1");
    EXPECT_EQ(tokyo.only_data(), "127.12.0.1");
    EXPECT_EQ(tokyo.scope(), 0);
    EXPECT_EQ(world().respond(opted_out, "10.1.0.1").only_data(), "127.10.0.1");
  }
}

TEST(EcsTrap11, PrivateAndLoopbackBlocksAreUsedAsGiven) {
  EXPECT_EQ(world().respond(www().subnet("127.3.0.0/16"), "10.1.0.1").only_data(), "127.12.0.1");
  EXPECT_EQ(world().respond(www().subnet("10.3.0.0/16"), "10.1.0.1").only_data(), "127.12.0.1");
}

TEST(EcsTrap12, NegativeAnswersAreForEverybody) {
  EXPECT_EQ(world().respond(ask("nothing.example.test").subnet("10.3.0.0/16")).scope(), 0);
  EXPECT_EQ(world().respond(ask("www.example.test", Type::txt).subnet("10.3.0.0/16")).scope(), 0);
}

TEST(EcsTrap12, DeadRoomsAreNoReasonForNxdomain) {
  World dead;
  dead.down = {"fra", "iad", "nrt"};
  EXPECT_EQ(dead.respond(www().subnet("10.3.0.0/16")).only_data(), "127.12.0.1");
}

TEST(EcsTrap13, DelegationsAreForEverybody) {
  EXPECT_EQ(world().respond(ask("a.child.example.test").subnet("10.3.0.0/16")).scope(), 0);
}

TEST(EcsTrap15, TcpAnswersLikeUdp) {
  const Ask query = www().subnet("10.2.4.0/24");
  const Reply udp = world().respond(query);
  const Reply tcp = world().respond(query, "192.0.2.1", Transport::tcp);
  EXPECT_EQ(udp.answer, tcp.answer);
  EXPECT_EQ(udp.scope(), tcp.scope());
}

TEST(EcsTrap17, FailingRoomsChangeNoScope) {
  World failing;
  const auto before = failing.respond(www().subnet("10.2.4.0/24")).scope();
  failing.down = {"iad", "fra"};
  EXPECT_EQ(failing.respond(www().subnet("10.2.4.0/24")).scope(), before);
}

TEST(EcsTrap4, SoDoesATruncatedOne) {
  std::string zone = testing::example_zone();
  for (int i = 1; i <= 200; ++i) zone += "many IN A 10.9.0." + std::to_string(i) + "\n";
  const World big(testing::make_description(), zone);
  const Reply reply = big.respond(ask("many.example.test").subnet("10.3.0.0/16"));
  EXPECT_TRUE(reply.truncated);
  EXPECT_EQ(reply.scope(), 0);
}

TEST(EcsTrap4, SoDoesOneThatCannotBeGiven) {
  World starting;
  starting.complete = false;
  const Reply reply = starting.respond(www().subnet("10.3.0.0/16"));
  EXPECT_EQ(reply.rcode, 2);
  EXPECT_EQ(reply.scope(), 0);
  for (const Type type : {Type::axfr, Type::any, Type::tkey, Type::opt}) {
    EXPECT_TRUE(world().respond(ask("www.example.test", type).subnet("10.3.0.0/16")).scope())
        << to_text(type);
  }
}

TEST(EcsTrap5, TheOptionIsEchoedBitByBit) {
  for (const Bytes& sent :
       {subnet_data(1, 24, 0, {10, 3, 7}), subnet_data(1, 13, 0, {10, 8}),
        subnet_data(1, 32, 0, {10, 3, 7, 9}), subnet_data(1, 0, 0, {}), subnet_data(2, 0, 0, {}),
        subnet_data(2, 56, 0, {0x20, 1, 0xd, 0xb8, 0, 3, 4}),
        subnet_data(2, 128, 0, {0x20, 1, 0xd, 0xb8, 0, 3, 4, 5, 0, 0, 0, 0, 0, 0, 0, 1})}) {
    Bytes got = world().respond(www().option(subnet_option, sent)).options.at(subnet_option);
    got[3] = std::byte{0};  // the scope is ours
    EXPECT_EQ(got, sent);
  }
}

TEST(EcsTrap6, SoIsAQuestionOfAnotherClass) {
  Ask chaos = ask("version.bind", Type::txt).subnet("10.3.0.0/16");
  chaos.class_of = Class::ch;
  EXPECT_EQ(world().respond(chaos).scope(), 0);
}

/// What a client subnet of 10.3.7.0/24 is answered where private ones are left to the resolver.
class ByResolver : public ::testing::Test {
 protected:
  ByResolver() : world_(testing::make_description(), testing::example_zone()) {
    world_.protocol =
        make_protocol({.private_subnets = topology::DnsProtocol::PrivateSubnets::resolver},
                      {.secrets = {SipKey{}}});
  }
  Reply respond(const std::string& subnet, const std::string& from = "2001:db8:1::1") const {
    return world_.respond(www().subnet(subnet), from);
  }

  World world_;
};

TEST_F(ByResolver, EcsTrap11PrivateBlocksAreLeftToTheResolverAndAnsweredWhole) {
  EXPECT_EQ(respond("10.3.7.0/24").only_data(), "127.10.0.1") << "by 2001:db8:1::1, in fra";
  EXPECT_EQ(respond("10.3.7.0/24", "2001:db8:3::1").only_data(), "127.12.0.1");
  EXPECT_EQ(respond("10.3.7.0/24").scope(), 8);
  EXPECT_EQ(respond("192.168.1.0/24").scope(), 16);
  EXPECT_EQ(respond("127.3.0.0/16").scope(), 8);
  EXPECT_EQ(respond("fd00:1234::/32").scope(), 7);
  EXPECT_EQ(respond("10.0.0.0/7").scope(), 8) << "its address is private";
}

TEST_F(ByResolver, EcsTrap11PublicBlocksAreStillTheirOwn) {
  EXPECT_EQ(respond("2001:db8:3:400::/56").only_data(), "127.12.0.1");
  EXPECT_EQ(respond("2001:db8:3:400::/56").scope(), 48);
}

TEST_F(ByResolver, EcsTrap11NoScopeOfAPublicBlockReachesOverAPrivateOne) {
  Rng rng(11);
  for (int i = 0; i < 2000; ++i) {
    const auto bits = static_cast<std::uint32_t>(rng.next());
    const Address client = Address::v4(bits & 0xffffff00U);
    const auto scope = respond(to_text(client) + "/24").scope();
    ASSERT_TRUE(scope);
    if (private_block_length(client)) {
      EXPECT_EQ(96 + *scope, private_block_length(client)) << to_text(client);
    } else {
      EXPECT_GE(96 + *scope, widest_public_length(client)) << to_text(client);
    }
  }
}

TEST(EcsTrap13, GlueIsTheSameForEverybody) {
  for (const std::string subnet : {"10.1.0.0/16", "10.3.0.0/16"}) {
    const Reply reply = world().respond(ask("a.child.example.test").subnet(subnet));
    EXPECT_EQ(reply.additional.size(), 2U);
    EXPECT_EQ(reply.additional,
              world().respond(ask("a.child.example.test").with_edns()).additional);
  }
}

TEST(EcsTrap14, AChainToASteeredNameEndsBeforeItAndIsForEverybody) {
  const Reply reply = world().respond(ask("towww.example.test").subnet("10.3.0.0/16"));
  EXPECT_EQ(reply.only_data(), "www.example.test.");
  EXPECT_EQ(reply.scope(), 0);
}

TEST(EcsTrap14, AnyIsOneRecordForEverybody) {
  const Reply reply = world().respond(ask("www.example.test", Type::any).subnet("10.3.0.0/16"));
  EXPECT_EQ(reply.answer.size(), 1U);
  EXPECT_EQ(reply.scope(), 0);
}

TEST(EcsTrap15, TheOtherOptionsStandBesideIt) {
  World whole;
  whole.protocol = make_protocol({.tell_nsid = true}, {.node = "ns1", .secrets = {SipKey{}}});
  const Reply reply = whole.respond(
      www().subnet("10.3.0.0/16").option(3, {}).option(10, Bytes(8)).option(12, Bytes(100)));
  EXPECT_EQ(reply.only_data(), "127.12.0.1");
  EXPECT_GT(reply.scope(), 0);
  EXPECT_TRUE(reply.options.contains(3));
  EXPECT_TRUE(reply.options.contains(10));
}

TEST(EcsTrap16, NothingTailoredStandsOutsideOfTheAnswerSection) {
  const Reply reply = world().respond(www().subnet("10.3.0.0/16"));
  EXPECT_EQ(reply.answer.size(), 1U);
  EXPECT_TRUE(reply.authority.empty());
  EXPECT_TRUE(reply.additional.empty());
}

TEST(EcsTrap18, TwoServersOfOneDescriptionAnswerAlike) {
  const World other(testing::make_description(), testing::example_zone());
  Rng rng(18);
  for (int i = 0; i < 500; ++i) {
    const auto bits = static_cast<std::uint32_t>(0x0a000000U | rng.below(1U << 24U));
    const std::string subnet = to_text(Address::v4(bits & 0xffffff00U)) + "/24";
    const Reply one = world().respond(www().subnet(subnet));
    const Reply two = other.respond(www().subnet(subnet));
    ASSERT_EQ(one.answer, two.answer) << subnet;
    ASSERT_EQ(one.scope(), two.scope()) << subnet;
  }
}

/// Of all rules that choose a room and a scope, one room half drained and one that sheds.
World world_of_all_rules(bool spill) {
  topology::Description description = testing::make_description();
  description.policies = {{.name = "root", .of = {"west", "nrt"}},
                          {.name = "west", .rule = topology::Rule::weighted, .of = {"fra", "iad"}}};
  description.names.push_back({.name = "nested.example.test", .farm = "web", .policy = "root"});
  if (spill) description.rooms[0].farms[0].spill = topology::Spill{};
  World made(description);
  made.draining = {"iad"};
  made.shares = Shares(3, 1);
  made.shares.at(1, 0).drained = RoomShare::all / 2;
  if (spill) made.shares.at(2, 0).shed = RoomShare::all / 3;
  return made;
}

std::string draw_subnet(Rng& rng) {
  const auto bits = static_cast<std::uint32_t>(rng.next());
  if (rng.below(4) == 0) {
    std::array<std::byte, 16> octets{std::byte{0x20}, std::byte{0x01}, std::byte{0x0d},
                                     std::byte{0xb8}};
    octets[5] = static_cast<std::byte>(rng.below(5));
    octets[6] = static_cast<std::byte>(rng.below(256));
    return to_text(prefix_of(Address::v6(octets), 56));  // 2001:db8:0::/48 to 2001:db8:4::/48
  }
  const std::uint32_t known = 0x0a000000U | (bits & 0x0003ff00U);  // 10.0.0.0 to 10.3.255.0
  return to_text(Address::v4(rng.below(4) == 0 ? bits & 0xffffff00U : known)) + "/24";
}

// In a rolling upgrade servers of two versions answer the same resolvers. Whoever must change this
// number tells in the CHANGELOG what becomes of such an upgrade.
TEST(EcsTrap18, DecisionsAreThoseOfEveryVersion) {
  constexpr std::uint64_t decisions = 5035075144519638073U;
  std::uint64_t hash = 0;
  for (const bool spill : {false, true}) {
    const World served = world_of_all_rules(spill);
    for (const std::string name :
         {"www.example.test", "shop.example.test", "nested.example.test"}) {
      Rng rng(18);
      for (int i = 0; i < 1000; ++i) {
        const std::string subnet = draw_subnet(rng);
        const Reply reply = served.respond(ask(name).subnet(subnet));
        ASSERT_TRUE(reply.scope()) << subnet;
        hash = hash_pair(hash, hash_bytes(subnet));
        hash = hash_pair(hash, hash_bytes(reply.only_data()));
        hash = hash_pair(hash, static_cast<std::uint64_t>(*reply.scope()));
      }
    }
  }
  EXPECT_EQ(hash, decisions);
}

TEST(EcsTrap19, ScopesAreAsWideAsTheAnswerIsTheSame) {
  // Round 10.2.3.0/24 (nrt) in 10.2.0.0/16 (iad): one bit wider holds another answer.
  for (const auto& [subnet, scope] : std::vector<std::pair<std::string, int>>{
           {"10.2.128.0/24", 17}, {"10.2.64.0/24", 18}, {"10.2.0.0/24", 23}}) {
    EXPECT_EQ(world().respond(www().subnet(subnet)).scope(), scope) << subnet;
  }
}

TEST(EcsTrap20, QueriesWithASubnetAreCounted) {
  Responder responder(world().snapshot());
  std::vector<std::byte> out(message_size_max);
  const Arrival arrival{.client = *parse_address("192.0.2.1")};
  responder.respond(www().subnet("10.3.0.0/16").packet(), arrival, out);
  responder.respond(www().with_edns().packet(), arrival, out);
  EXPECT_EQ(responder.counters().with_subnet.total(), 1U);
}

TEST(EcsTrap21, AHintThatCannotBeRightStillGetsAnAnswer) {
  for (const std::string subnet : {"0.0.0.0/32", "255.255.255.255/32", "224.0.0.1/32", "::/128",
                                   "ff02::1/128", "192.0.2.1/32"}) {
    EXPECT_EQ(world().respond(www().subnet(subnet)).answer.size(), 1U) << subnet;
  }
}

// IPv4 inside IPv6 (dns/ecs.h): a mapped address is where IPv4 lies, all others are IPv6 as any.
TEST(EcsEmbedded, AMappedAddressIsWhereItsIpv4AddressIs) {
  const Reply reply = world().respond(www().option(
      subnet_option, subnet_data(2, 120, 0, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 3, 7})));
  EXPECT_EQ(reply.only_data(), "127.12.0.1");
  EXPECT_EQ(reply.scope(), 96 + *world().respond(www().subnet("10.3.7.0/24")).scope());
}

TEST(EcsEmbedded, TunnelsAndTranslatorsAreIpv6LikeAnyOther) {
  const auto plain = world().respond(www().subnet("2003:db8::/48"));
  for (const std::string subnet : {"2002:a03:700::/48", "64:ff9b::a03:700/120", "2001::/32"}) {
    const Reply reply = world().respond(www().subnet(subnet));
    EXPECT_EQ(reply.only_data(), plain.only_data()) << subnet;
  }
}

}  // namespace
}  // namespace hither::dns::ecs_traps_test
