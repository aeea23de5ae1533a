// SPDX-License-Identifier: Apache-2.0
//
// The pipeline as a whole: the traps of RFC 7871 as one packet each, and what it promises.
#include "dns/responder.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "base/rng.h"
#include "tests/dns/support.h"

namespace {

/// Counts every allocation of this program, so that a test can say that there was none.
thread_local std::size_t allocations = 0;

void* counted(std::size_t size) {
  ++allocations;
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) std::abort();
  return memory;
}

}  // namespace

void* operator new(std::size_t size) { return counted(size); }
void* operator new[](std::size_t size) { return counted(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return counted(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return counted(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace hither::dns {
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

TEST(Responder, AnswersIpv6Subnets) {
  const Reply reply = world().respond(www().subnet("2001:db8:3:400::/56"));
  EXPECT_EQ(reply.only_data(), "127.12.0.1");
  EXPECT_EQ(reply.scope(), 48);
}

TEST(Responder, BadVersionsGetTheirExtendedCode) {
  Ask query = www().with_edns();
  query.version = 1;
  const Reply reply = world().respond(query);
  EXPECT_EQ(reply.rcode, 16);
  EXPECT_TRUE(reply.answer.empty());
}

TEST(Responder, NotImplementedOpcodesAreAnsweredWithABareHeader) {
  Ask notify = www();
  notify.flags = 4U << 11U;
  const Reply reply = world().respond(notify);
  EXPECT_EQ(reply.rcode, 4);
  EXPECT_EQ(reply.size, header_size);
}

TEST(Responder, ResponsesAndScrapsGetSilence) {
  Ask response = www();
  response.flags = 0x8000;
  EXPECT_TRUE(world().respond(response).silent);
}

TEST(Responder, TakesAnySnapshotBetweenTwoQueries) {
  World changing;
  Responder responder(changing.snapshot());
  std::vector<std::byte> out(message_size_max);
  const Bytes packet = www().subnet("10.3.0.0/16").packet();
  const auto answer = [&] {
    const std::size_t size =
        responder.respond(packet, {.client = *parse_address("192.0.2.1")}, out);
    return testing::parse_reply(ByteView(out).first(size)).only_data();
  };

  EXPECT_EQ(answer(), "127.12.0.1");
  changing.down = {"nrt"};
  responder.set_snapshot(changing.snapshot());
  EXPECT_EQ(answer(), "127.10.0.1");
}

TEST(Responder, DoesNotAllocate) {
  Responder responder(world().snapshot());
  std::vector<std::byte> out(message_size_max);
  std::vector<Bytes> packets;
  for (const std::string name :
       {"www.example.test", "shop.example.test", "spare.example.test", "mail.example.test",
        "alias.example.test", "loop1.example.test", "nothing.example.test", "x.wild.example.test",
        "a.child.example.test", "a.moved.example.test", "c.moved.example.test",
        "x.yy.wildmx.example.test", "x.child2.example.test", "other.invalid"}) {
    for (const Type type : {Type::a, Type::aaaa, Type::mx, Type::any, Type::axfr}) {
      packets.push_back(ask(name, type).packet());
      packets.push_back(ask(name, type).with_edns().subnet("10.3.0.0/24").packet());
      packets.push_back(ask(name, type).option(8, {std::byte{1}}).packet());
    }
  }
  const Arrival arrival{.client = *parse_address("10.1.0.1")};
  for (const Bytes& packet : packets) responder.respond(packet, arrival, out);  // warm

  const std::size_t before = allocations;
  for (const Bytes& packet : packets) responder.respond(packet, arrival, out);

  EXPECT_EQ(allocations - before, 0U);
  EXPECT_GT(before, 0U) << "the counter counts";
}

/// A world in which every rule of every policy has something to do.
World busy_world(int addresses) {
  topology::Description description = testing::make_description();
  for (topology::Room& room : description.rooms) {
    room.farms[0].spill = topology::Spill{};
    const std::uint32_t first = room.address[0].v4_value();
    for (int i = 1; i < addresses; ++i) {
      room.address.push_back(Address::v4(first + static_cast<std::uint32_t>(i)));
    }
  }
  description.policies = {
      {.name = "pair", .rule = topology::Rule::weighted, .of = {"fra", "iad"}},
      {.name = "deep",
       .rule = topology::Rule::weighted,
       .of = {"pair", "nearest"},
       .fences = {{.from = {{.country = {}, .network = *parse_prefix("10.3.0.0/17")}},
                   .never = {"iad"}}}}};
  description.names[0].policy = "deep";
  description.names[0].answers = 3;
  World world(description);
  world.draining = {"iad"};
  world.shares = Shares(3, 1);
  for (std::size_t room = 0; room < 3; ++room) {
    world.shares.at(room, 0) = {.drained = RoomShare::all / 2,
                                .shed = room == 0 ? RoomShare::all / 2 : 0,
                                .open = RoomShare::all / 3,
                                .thin = room == 2};
  }
  return world;
}

TEST(Responder, DoesNotAllocateForAnyPolicy) {
  const World busy = busy_world(1);
  Responder responder(busy.snapshot());
  std::vector<std::byte> out(message_size_max);
  const Arrival arrival{.client = *parse_address("10.1.0.1")};
  std::vector<Bytes> packets;
  for (int i = 0; i < 100; ++i) {
    packets.push_back(www().subnet("10.3." + std::to_string(i * 2) + ".0/24").packet());
  }
  for (const Bytes& packet : packets) responder.respond(packet, arrival, out);  // warm

  const std::size_t before = allocations;
  for (const Bytes& packet : packets) responder.respond(packet, arrival, out);

  EXPECT_EQ(allocations - before, 0U);
}

TEST(Responder, SeveralRoomsAreOneSetThatIsSentWholeOrNotAtAll) {
  topology::Description description = testing::make_description();
  for (topology::Room& room : description.rooms) {
    const std::uint32_t first = room.address[0].v4_value();
    for (std::uint32_t i = 1; i < 16; ++i) room.address.push_back(Address::v4(first + i));
  }
  description.names[0].answers = 3;
  const World world(description);

  const Reply whole = world.respond(www().with_edns(1232), "10.3.0.1");
  EXPECT_EQ(whole.answer.size(), 48U);
  EXPECT_FALSE(whole.truncated);
  for (const std::string& record : whole.answer) {
    EXPECT_TRUE(record.starts_with("www.example.test. 10 IN A ")) << record;
  }
  EXPECT_TRUE(whole.answer[0].ends_with("127.12.0.1")) << "the best comes first";

  const Reply cut = world.respond(www(), "10.3.0.1");
  EXPECT_TRUE(cut.truncated);
  EXPECT_EQ(cut.answer.size(), 0U);
}

TEST(Responder, MangledPacketsGetReadableAnswersOrSilence) {
  Responder responder(world().snapshot());
  std::vector<std::byte> out(udp_payload_max);
  const Arrival arrival{.client = *parse_address("10.1.0.1")};
  Rng rng(7);
  for (int i = 0; i < 20'000; ++i) {
    Bytes packet = www().subnet("10.3.0.0/16").packet();
    for (std::uint64_t hits = rng.below(4); hits > 0; --hits) {
      packet[rng.below(packet.size())] = static_cast<std::byte>(rng.below(256));
    }
    if (rng.below(4) == 0) packet.resize(rng.below(packet.size()));
    const std::size_t size = responder.respond(packet, arrival, out);
    if (size == 0) continue;
    ASSERT_GE(size, header_size);
    ASSERT_EQ(out[0], packet[0]);
    testing::parse_reply(ByteView(out).first(size));
  }
}

}  // namespace
}  // namespace hither::dns
