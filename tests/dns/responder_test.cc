// SPDX-License-Identifier: Apache-2.0
//
// The pipeline as a whole: the traps of RFC 7871 as one packet each, and what it promises.
#include "dns/responder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>

#include "base/rng.h"
#include "dns/protocol.h"
#include "tests/dns/support.h"
#include "tests/support/allocations.h"

namespace hither::dns {
namespace {

using test::allocations;
using testing::Ask;
using testing::ask;
using testing::Reply;
using testing::World;

const World& world() {
  static const World made(testing::make_description(), testing::example_zone());
  return made;
}

Ask www() { return ask("www.example.test"); }

TEST(Arrival, NobodyCanHearAtPort0) {
  static_assert(!can_hear({}));
  EXPECT_FALSE(can_hear({.address = *parse_address("192.0.2.1"), .port = 0}));
  EXPECT_FALSE(can_hear({.address = *parse_address("2001:db8::1"), .port = 0}));
  EXPECT_TRUE(can_hear(*parse_endpoint("192.0.2.1:1")));
  EXPECT_TRUE(can_hear(*parse_endpoint("[2001:db8::1]:53"))) << "a server may ask from its port";
  EXPECT_TRUE(can_hear(*parse_endpoint("192.0.2.1:65535")));
}

TEST(Responder, AnswersIpv6Subnets) {
  const Reply reply = world().respond(www().subnet("2001:db8:3:400::/56"));
  EXPECT_EQ(reply.only_data(), "127.12.0.1");
  EXPECT_EQ(reply.scope(), 48);
}

/// A packet, and what must become of it: an RCODE, or silence.
struct Fate {
  std::string name;
  Bytes packet;
  int rcode = 0;
};
constexpr int silence = -1;

Bytes bent(Bytes packet, std::size_t at, unsigned value) {
  packet[at] = static_cast<std::byte>(value);
  return packet;
}

Bytes with_flags(unsigned flags) {
  Ask query = www();
  query.flags = static_cast<std::uint16_t>(flags);
  return query.packet();
}

Bytes of_class(Class class_of) {
  Ask query = www();
  query.class_of = class_of;
  return query.packet();
}

/// NOTIFY and UPDATE bring records where queries have none.
Bytes with_opcode(unsigned opcode) {
  Bytes packet = bent(with_flags(opcode << 11U), 7, 1);
  append(packet, as_bytes(std::string_view("\xc0\x0c\0\1\0\1\0\0\0\0\0\4abcd", 16)));
  return packet;
}

std::vector<Fate> fates() {
  const Bytes plain = www().packet();
  Ask later = www().with_edns();
  later.version = 1;
  Bytes trailing = plain;
  trailing.push_back(std::byte{0});
  Bytes two_opts = www().with_edns().packet();
  two_opts[11] = std::byte{2};
  append(two_opts, as_bytes(std::string_view("\0\0\51\4\0\0\0\0\0\0\0", 11)));
  Bytes long_name = bent(Bytes(header_size), 5, 1);
  for (int label = 0; label < 5; ++label) {
    long_name.push_back(std::byte{63});
    append(long_name, Bytes(63, std::byte{'a'}));
  }
  append(long_name, Bytes(5));
  std::vector<Fate> all = {{"nothing", {}, silence},
                           {"one octet", Bytes(1), silence},
                           {"all but one octet of a header", Bytes(11), silence},
                           {"a response", with_flags(0x8000), silence},
                           {"a response of another opcode", with_flags(0xa800), silence},
                           {"a response that is a scrap", bent(Bytes(12), 2, 0x80), silence},
                           {"a header with no question", Bytes(12), 1},
                           {"a header with a question that is not there", bent(Bytes(12), 5, 1), 1},
                           {"two questions", bent(plain, 5, 2), 1},
                           {"65,280 questions", bent(plain, 4, 0xff), 1},
                           {"an answer that is not there", bent(plain, 7, 1), 1},
                           {"an authority that is not there", bent(plain, 9, 1), 1},
                           {"an additional record that is not there", bent(plain, 11, 1), 1},
                           {"an octet too many", trailing, 1},
                           {"a pointer in the question", bent(plain, 12, 0xc0), 1},
                           {"a label of a reserved kind", bent(plain, 12, 0x41), 1},
                           {"a name of 320 octets", long_name, 1},
                           {"two OPT records", two_opts, 1},
                           {"EDNS of another version", later.packet(), 16},
                           {"class CHAOS", of_class(Class::ch), 5},
                           {"class ANY", of_class(Class::any), 5},
                           {"class 0", of_class(Class{}), 5},
                           {"type 0", ask("www.example.test", Type{}).packet(), 1},
                           {"type OPT", ask("www.example.test", Type::opt).packet(), 1},
                           {"type TKEY", ask("www.example.test", Type::tkey).packet(), 4},
                           {"type AXFR over UDP", ask("example.test", Type::axfr).packet(), 5},
                           {"an answer bit that means nothing in a query", with_flags(0x0780), 0},
                           {"reserved bits", with_flags(0x0070), 0},
                           {"a good query", plain, 0}};
  for (unsigned opcode = 1; opcode < 16; ++opcode) {
    all.push_back({"opcode " + std::to_string(opcode), with_opcode(opcode), 4});
    all.push_back({"a bare opcode " + std::to_string(opcode), bent(Bytes(12), 2, opcode << 3U), 4});
  }
  return all;
}

TEST(Responder, EveryPacketGetsItsAnswerOrItsSilence) {
  Responder responder(world().snapshot());
  std::vector<std::byte> out(message_size_max);
  for (const Transport transport : {Transport::udp, Transport::tcp}) {
    for (const Fate& fate : fates()) {
      const Arrival arrival{.client = *parse_address("10.1.0.1"), .transport = transport};
      const std::size_t size = responder.respond(fate.packet, arrival, out);
      const Reply reply = testing::parse_reply(ByteView(out).first(size));
      EXPECT_EQ(reply.silent ? silence : reply.rcode, fate.rcode) << fate.name;
      if (reply.silent) continue;
      EXPECT_TRUE(std::equal(out.begin(), out.begin() + 2, fate.packet.begin())) << fate.name;
    }
  }
}

TEST(Responder, WhatIsMalformedIsAnsweredWithAnOptRecordWhereItBroughtOne) {  // RFC 6891 s7
  World told;
  told.protocol = make_protocol({.node = "ns1", .tell_nsid = true},
                                {.node = "ns1", .secrets = {SipKey{}}, .rates = {}});
  Responder responder(told.snapshot());
  std::vector<std::byte> out(message_size_max);
  constexpr std::string_view opt_with_nsid("\0\0\51\4\xd0\0\0\0\0\0\4\0\3\0\0", 15);
  for (const std::size_t count_at : {5U, 7U, 9U}) {
    Bytes packet = bent(www().packet(), 11, 1);
    // A second question, an answer, an authority.
    packet = bent(packet, count_at, count_at == 5 ? 2 : 1);
    append(packet, as_bytes(std::string_view("\xc0\x0c\0\1\0\1", 6)));
    if (count_at != 5) append(packet, as_bytes(std::string_view("\0\0\0\0\0\4abcd", 10)));
    append(packet, as_bytes(opt_with_nsid));

    const std::size_t size =
        responder.respond(packet, {.client = *parse_address("192.0.2.1")}, out);

    const Reply reply = testing::parse_reply(ByteView(out).first(size));
    EXPECT_EQ(reply.rcode, 1) << count_at;
    EXPECT_TRUE(reply.edns) << count_at;
    EXPECT_EQ(reply.payload_size, udp_payload_default) << count_at;
    EXPECT_TRUE(reply.options.empty()) << count_at;
    EXPECT_TRUE(reply.answer.empty());
  }
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

TEST(Responder, NotImplementedOpcodesAreAnsweredWithAnOptRecordWhereTheyBroughtOne) {
  World told;
  told.protocol = make_protocol({.node = "ns1", .tell_nsid = true},
                                {.node = "ns1", .secrets = {SipKey{}}, .rates = {}});
  for (const unsigned opcode : {1U, 2U, 4U, 5U, 15U}) {
    Ask other = www().subnet("10.1.0.0/16").option(3, {}).option(10, Bytes(8));
    other.flags = static_cast<std::uint16_t>(opcode << 11U);
    const Reply reply = told.respond(other);
    EXPECT_EQ(reply.rcode, 4) << opcode;
    ASSERT_TRUE(reply.edns) << opcode;
    EXPECT_EQ(reply.payload_size, udp_payload_default);
    EXPECT_EQ(reply.question, "");
    EXPECT_EQ(reply.scope(), 0) << "as in every answer that is not tailored";
    EXPECT_EQ(reply.options.at(3), Bytes(as_bytes(std::string_view("ns1")).begin(),
                                         as_bytes(std::string_view("ns1")).end()));
    EXPECT_EQ(reply.options.at(10).size(), 24U);
    EXPECT_EQ(reply.options.size(), 3U);
    // The same options as of an answer that is refused for another reason.
    const Reply refused =
        told.respond(ask("other.invalid").subnet("10.1.0.0/16").option(3, {}).option(10, Bytes(8)));
    EXPECT_EQ(refused.rcode, 5);
    for (const auto& [code, data] : reply.options) {
      EXPECT_TRUE(refused.options.contains(code)) << code;
    }
  }
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

/// More than malloc() aligns to.
struct alignas(64) Line {
  std::array<std::byte, 64> octets;
};

TEST(Allocations, AreCountedWhateverFormOfNewMakesThem) {
  const std::size_t before = allocations();
  const std::unique_ptr<int> plain(new int);
  const std::unique_ptr<int[]> array(new int[3]);
  const std::unique_ptr<int> quiet(new (std::nothrow) int);
  const std::unique_ptr<int[]> quiet_array(new (std::nothrow) int[3]);
  const std::unique_ptr<Line> aligned(new Line);
  const std::unique_ptr<Line[]> aligned_array(new Line[3]);
  const std::unique_ptr<Line> quiet_aligned(new (std::nothrow) Line);
  const std::unique_ptr<Line[]> quiet_aligned_array(new (std::nothrow) Line[3]);
  EXPECT_EQ(allocations() - before, 8U);
  for (const void* memory :
       {static_cast<const void*>(aligned.get()), static_cast<const void*>(aligned_array.get()),
        static_cast<const void*>(quiet_aligned.get()),
        static_cast<const void*>(quiet_aligned_array.get())}) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory) % alignof(Line), 0U);
  }
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

  const std::size_t before = allocations();
  for (const Bytes& packet : packets) responder.respond(packet, arrival, out);

  EXPECT_EQ(allocations() - before, 0U);
  EXPECT_GT(before, 0U) << "the counter counts";
}

TEST(Responder, DoesNotAllocateForTheQueryLogBeItFullOrNot) {
  auto protocol = std::make_shared<Protocol>();
  protocol->query_log_one_in = 2;
  World logged;
  logged.protocol = protocol;
  Responder responder(logged.snapshot());
  std::vector<std::byte> out(message_size_max);
  const Bytes packet = www().subnet("10.3.0.0/16").packet();
  const Arrival arrival{.client = *parse_address("10.1.0.1")};
  responder.respond(packet, arrival, out);  // warm

  const std::size_t before = allocations();
  for (std::size_t i = 0; i < 2 * QueryRing::capacity + 10; ++i) {
    responder.respond(packet, arrival, out);
  }

  EXPECT_EQ(allocations() - before, 0U);
  EXPECT_EQ(responder.counters().log_dropped.total(), 5U);
  EXPECT_TRUE(responder.query_log().take());
}

TEST(Responder, DoesNotAllocateForCookiesAndRateLimits) {
  World guarded;
  guarded.protocol = make_protocol(
      {.rate_limit = {.per_second = 20, .slip = 2, .exempt = {*parse_prefix("198.51.100.0/24")}}},
      {.secrets = {SipKey{std::byte{1}}, SipKey{std::byte{2}}},
       .rates = std::make_shared<RateTable>(7)});
  Responder responder(guarded.snapshot());
  std::vector<std::byte> out(message_size_max);
  const std::vector<Address> clients = {*parse_address("192.0.2.1"), *parse_address("2001:db8::1"),
                                        *parse_address("198.51.100.1")};
  std::vector<Bytes> packets = {www().packet()};
  for (const std::size_t octets : {8U, 24U}) {
    packets.push_back(www().subnet("10.3.0.0/16").option(10, Bytes(octets)).packet());
  }
  const auto first = responder.respond(packets[1], {.client = clients[0]}, out);
  const Reply cookie = testing::parse_reply(ByteView(out).first(first));
  packets.push_back(www().option(10, cookie.options.at(10)).packet());

  const std::size_t before = allocations();
  for (int i = 0; i < 100; ++i) {
    for (const Address& client : clients) {
      for (const Bytes& packet : packets) responder.respond(packet, {.client = client}, out);
    }
  }

  EXPECT_EQ(allocations() - before, 0U);
  const Counters& counters = responder.counters();
  for (const CookieVerdict verdict :
       {CookieVerdict::client_only, CookieVerdict::bad, CookieVerdict::good}) {
    EXPECT_GT(counters.by_cookie[static_cast<std::size_t>(verdict)].total(), 0U);
  }
  EXPECT_GT(counters.rate_cut.total(), 0U);
  EXPECT_GT(counters.rate_dropped.total(), 0U);
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

  const std::size_t before = allocations();
  for (const Bytes& packet : packets) responder.respond(packet, arrival, out);

  EXPECT_EQ(allocations() - before, 0U);
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
    // Told from the header alone, apart from the code that reads it.
    const bool response = packet.size() > 2 && (packet[2] & std::byte{0x80}) != std::byte{0};
    ASSERT_EQ(size == 0, response || packet.size() < header_size) << i;
    if (size == 0) continue;
    ASSERT_GE(size, header_size);
    ASSERT_EQ(out[0], packet[0]);
    const Reply reply = testing::parse_reply(ByteView(out).first(size));
    if ((packet[2] & std::byte{0x78}) == std::byte{0}) continue;
    ASSERT_TRUE(reply.rcode == 4 || reply.rcode == 16) << "another opcode got " << reply.rcode;
  }
}

}  // namespace
}  // namespace hither::dns
