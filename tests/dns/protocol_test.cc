// SPDX-License-Identifier: Apache-2.0
//
// What the server says beside its zones, asked through the whole pipeline.
#include "dns/protocol.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "tests/dns/support.h"

namespace hither::dns {
namespace {

using namespace std::chrono_literals;
using testing::Ask;
using testing::ask;
using testing::Reply;
using testing::World;

constexpr int refused = 5;
constexpr int prohibited = 18;
constexpr int badcookie = 23;
constexpr std::uint16_t nsid_option = 3;
constexpr std::uint16_t cookie_option = 10;
constexpr std::uint16_t keepalive_option = 11;

std::shared_ptr<const Protocol> protocol_of(const topology::DnsProtocol& rules) {
  return make_protocol(rules, {.node = "ns1.fra",
                               .secrets = {SipKey{std::byte{1}}},
                               .rates = std::make_shared<RateTable>(7)});
}

/// One server that goes on living, and its clock.
class Served {
 public:
  explicit Served(const topology::DnsProtocol& rules = {}) { world_.protocol = protocol_of(rules); }

  Reply respond(const Ask& query, const std::string& from = "192.0.2.1",
                Transport transport = Transport::udp) {
    const Bytes packet = query.packet();
    const std::size_t size = responder().respond(packet,
                                                 {.client = *parse_address(from),
                                                  .transport = transport,
                                                  .at = now,
                                                  .unix_seconds = 1'700'000'000,
                                                  .keepalive = 10s},
                                                 out_);
    return testing::parse_reply(ByteView(out_).first(size));
  }
  /// A cookie that it gave to this address.
  Bytes cookie_for(const std::string& from = "192.0.2.1") {
    return respond(ask("example.test", Type::soa).option(cookie_option, Bytes(8)), from)
        .options.at(cookie_option);
  }
  const Counters& counters() { return responder().counters(); }

  Instant now = Instant{} + 1h;

 private:
  Responder& responder() {
    if (!responder_) responder_ = std::make_unique<Responder>(world_.snapshot());
    return *responder_;
  }

  World world_;
  std::unique_ptr<Responder> responder_;
  std::vector<std::byte> out_ = std::vector<std::byte>(message_size_max);
};

Ask chaos(const std::string& name, Type type = Type::txt) {
  Ask query = ask(name, type);
  query.class_of = Class::ch;
  return query;
}

TEST(Chaos, SaysWhatItIsToldToSay) {
  Served told({.tell_version = true, .tell_id = true});
  for (const std::string name : {"id.server", "hostname.bind", "ID.Server"}) {
    const Reply reply = told.respond(chaos(name));
    EXPECT_EQ(reply.rcode, 0);
    ASSERT_EQ(reply.answer.size(), 1U) << name;
    EXPECT_EQ(reply.answer[0], name + ". 0 CH TXT \"ns1.fra\"");
  }
  for (const std::string name : {"version.bind", "version.server"}) {
    const Reply reply = told.respond(chaos(name));
    ASSERT_EQ(reply.answer.size(), 1U) << name;
    EXPECT_EQ(reply.answer[0].find(name + ". 0 CH TXT \"hither-dns "), 0U) << reply.answer[0];
  }
}

TEST(Chaos, SaysNothingElse) {
  Served silent;
  Served told({.tell_version = true});
  EXPECT_EQ(silent.respond(chaos("version.bind")).rcode, refused);
  EXPECT_EQ(silent.respond(chaos("id.server")).rcode, refused);
  EXPECT_EQ(told.respond(chaos("id.server")).rcode, refused);
  EXPECT_EQ(told.respond(chaos("version.bind", Type::a)).rcode, refused);
  EXPECT_EQ(told.respond(chaos("www.example.test")).rcode, refused);
  EXPECT_EQ(told.respond(ask("version.bind", Type::txt)).rcode, refused) << "in class IN";
}

TEST(Chaos, WhatIsNotToldIsProhibited) {  // RFC 8914 s4.19
  Served silent;
  EXPECT_EQ(silent.respond(chaos("version.bind").with_edns()).extended_error(), prohibited);
}

TEST(Nsid, IsToldToThoseWhoAskWhereItMayBe) {  // RFC 5001
  const Ask asking = ask("www.example.test").option(nsid_option, {});
  Served told({.tell_nsid = true});
  const Bytes name = told.respond(asking).options.at(nsid_option);
  EXPECT_EQ(as_text(name), "ns1.fra");
  EXPECT_FALSE(told.respond(ask("www.example.test").with_edns()).options.contains(nsid_option));
  EXPECT_FALSE(Served().respond(asking).options.contains(nsid_option));
}

TEST(Nsid, AHostsNameBeyondTheLimitIsCut) {
  const std::size_t most = topology::DnsProtocol::node_octets_max;
  const auto protocol = make_protocol({.tell_nsid = true},
                                      {.node = std::string(most + 1, 'n'), .secrets = {SipKey{}}});
  EXPECT_EQ(protocol->nsid, std::string(most, 'n'));
}

TEST(Keepalive, IsToldOverTcpOnly) {  // RFC 7828
  Served server;
  const Ask asking = ask("www.example.test").option(keepalive_option, {});
  EXPECT_EQ(server.respond(asking, "192.0.2.1", Transport::tcp).options.at(keepalive_option),
            (Bytes{std::byte{0}, std::byte{100}}));
  EXPECT_FALSE(server.respond(asking).options.contains(keepalive_option));
  EXPECT_FALSE(server.respond(ask("www.example.test").with_edns(), "192.0.2.1", Transport::tcp)
                   .options.contains(keepalive_option));
}

TEST(CookieAnswers, EveryCookieIsAnsweredWithAGoodOne) {
  Served server;
  const Bytes given = server.cookie_for();
  ASSERT_EQ(given.size(), 24U);
  for (const Bytes& sent : {Bytes(8), Bytes(24), given}) {
    const Reply reply = server.respond(ask("www.example.test").option(cookie_option, sent));
    EXPECT_EQ(reply.rcode, 0);
    EXPECT_EQ(reply.answer.size(), 1U);
    EXPECT_EQ(reply.options.at(cookie_option), given);
  }
  EXPECT_EQ(server.counters().by_cookie[static_cast<std::size_t>(CookieVerdict::good)].total(), 1U);
  EXPECT_FALSE(server.respond(ask("www.example.test").with_edns()).options.contains(cookie_option));
}

/// A message without a question that carries a cookie.
Bytes cookie_request(const Bytes& cookie) {
  const Ask with_question = ask("a.test").option(cookie_option, cookie);
  Bytes packet = with_question.packet();
  packet[5] = std::byte{0};
  const std::size_t question = Name::parse("a.test")->size() + 4;
  packet.erase(packet.begin() + header_size,
               packet.begin() + static_cast<std::ptrdiff_t>(header_size + question));
  return packet;
}

TEST(CookieAnswers, OneMayAskForACookieWithoutAQuestion) {  // RFC 7873 s5.4
  World world;
  world.protocol = protocol_of({});
  Responder responder(world.snapshot());
  std::vector<std::byte> out(message_size_max);
  const auto rcode_for = [&](const Bytes& cookie) {
    const Bytes packet = cookie_request(cookie);
    const std::size_t size =
        responder.respond(packet, {.client = *parse_address("192.0.2.1")}, out);
    const Reply reply = testing::parse_reply(ByteView(out).first(size));
    EXPECT_EQ(reply.options.contains(cookie_option), reply.rcode != 1);
    return reply.rcode;
  };
  EXPECT_EQ(rcode_for(Bytes(8)), 0);
  EXPECT_EQ(rcode_for(Bytes(24)), badcookie);
  EXPECT_EQ(rcode_for(Bytes(9)), 1);
}

TEST(RateLimited, OtherAnswersAreLeftOutOrCutShort) {
  Served server({.rate_limit = {.per_second = 5, .slip = 2}});
  int whole = 0;
  int cut = 0;
  int silent = 0;
  for (int i = 0; i < 25; ++i) {
    const Reply reply = server.respond(ask("www.example.test").with_edns());
    silent += reply.silent ? 1 : 0;
    cut += reply.truncated && reply.answer.empty() ? 1 : 0;
    whole += reply.answer.size() == 1 ? 1 : 0;
  }
  EXPECT_EQ(whole, 5);
  EXPECT_EQ(cut, 10);
  EXPECT_EQ(silent, 10);
  EXPECT_EQ(server.counters().rate_cut.total(), 10U);
  EXPECT_EQ(server.counters().rate_dropped.total(), 10U);
}

TEST(RateLimited, WhoseSourceIsNotForgedIsNotLimited) {
  Served server({.rate_limit = {.per_second = 5, .slip = 1}});
  const Bytes cookie = server.cookie_for();
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(server.respond(ask("www.example.test").option(cookie_option, cookie)).rcode, 0);
    EXPECT_EQ(server.respond(ask("www.example.test"), "192.0.2.1", Transport::tcp).answer.size(),
              1U);
  }
}

TEST(RateLimited, ACookieThatIsNotGoodGetsBadcookieAndAGoodOne) {  // RFC 7873 s5.2.3
  Served server({.rate_limit = {.per_second = 1, .slip = 1}});
  const Bytes good = server.cookie_for();
  for (const Bytes& sent : {Bytes(8), Bytes(24)}) {
    const Reply reply = server.respond(ask("www.example.test").option(cookie_option, sent));
    EXPECT_EQ(reply.rcode, badcookie);
    EXPECT_FALSE(reply.truncated);
    EXPECT_TRUE(reply.answer.empty());
    EXPECT_EQ(reply.options.at(cookie_option), good);
  }
}

TEST(RateLimited, WhatIsWrongWithAQueryIsSaidInsteadOfCut) {
  constexpr int formerr = 1;
  constexpr int notimp = 4;
  constexpr int badvers = 16;
  Ask malformed = ask("www.example.test");
  malformed.option(8, {});
  Ask later = ask("www.example.test").with_edns();
  later.version = 1;
  Ask notify = ask("www.example.test");
  notify.flags = 4U << 11U;
  Ask notify_with_cookie = ask("www.example.test").option(cookie_option, Bytes(24));
  notify_with_cookie.flags = 4U << 11U;
  Served server({.rate_limit = {.per_second = 1, .slip = 1}});
  EXPECT_EQ(server.respond(ask("www.example.test")).answer.size(), 1U);
  for (const auto& [query, rcode] :
       std::vector<std::pair<Ask, int>>{{malformed, formerr},
                                        {later, badvers},
                                        {notify, notimp},
                                        {notify_with_cookie, notimp}}) {
    const Reply reply = server.respond(query);
    EXPECT_EQ(reply.rcode, rcode);
    EXPECT_FALSE(reply.truncated) << rcode;
  }
  EXPECT_TRUE(server.respond(ask("www.example.test")).truncated);
  EXPECT_EQ(server.counters().rate_cut.total(), 5U);
}

/// How many of 100 queries of one client are answered by these in turn.
int answered_by(const std::vector<Responder*>& responders) {
  std::vector<std::byte> out(message_size_max);
  const Bytes packet = ask("www.example.test").packet();
  int answered = 0;
  for (std::size_t i = 0; i < 100; ++i) {
    const std::size_t size = responders[i % responders.size()]->respond(
        packet, {.client = *parse_address("192.0.2.1")}, out);
    answered += size > 0 ? 1 : 0;
  }
  return answered;
}

TEST(RateLimited, ALimitIsOneHoweverManySocketsShareIt) {
  World world;
  world.protocol = protocol_of({.rate_limit = {.per_second = 10, .slip = 0}});
  Responder one(world.snapshot());
  Responder two(world.snapshot());
  Responder three(world.snapshot());

  EXPECT_EQ(answered_by({&one, &two, &three}), 10) << "together";
}

TEST(RateLimited, AFloodOnOneSocketHasTheWholeLimit) {
  World world;
  world.protocol = protocol_of({.rate_limit = {.per_second = 10, .slip = 0}});
  Responder one(world.snapshot());
  const Responder idle(world.snapshot());

  EXPECT_EQ(answered_by({&one}), 10);
}

TEST(RateLimited, WhatWasCountedIsKeptWhenRoomsOrLimitsChange) {
  const auto rates = std::make_shared<RateTable>(7);
  const auto limited_to = [&](int per_second) {
    return make_protocol({.rate_limit = {.per_second = per_second, .slip = 0}},
                         {.secrets = {SipKey{}}, .rates = rates});
  };
  World world;
  world.protocol = limited_to(10);
  Responder responder(world.snapshot());
  EXPECT_EQ(answered_by({&responder}), 10);

  responder.set_snapshot(world.snapshot());
  EXPECT_EQ(answered_by({&responder}), 0);
  world.protocol = limited_to(5);
  responder.set_snapshot(world.snapshot());
  EXPECT_EQ(answered_by({&responder}), 0) << "its bucket was empty";
  world.protocol = limited_to(0);
  responder.set_snapshot(world.snapshot());
  EXPECT_EQ(answered_by({&responder}), 100);
}

TEST(Payload, IsOfferedAndKeptTo) {  // RFC 6891 s6.2.5
  for (const int payload : {512, 1232, 4096}) {
    Served server({.udp_payload = payload});
    Ask query = ask("example.test", Type::soa).with_edns(4096);
    EXPECT_EQ(server.respond(query).payload_size, static_cast<std::size_t>(payload));
  }

  topology::Description description = testing::make_description();
  for (std::uint32_t i = 1; i < 100; ++i) {
    description.rooms[2].address.push_back(Address::v4(0x7f0c0001U + i));
  }
  World world(description);
  for (const auto& [payload, whole] :
       std::vector<std::pair<int, bool>>{{1232, false}, {4096, true}}) {
    world.protocol = protocol_of({.udp_payload = payload});
    const Reply reply = world.respond(ask("www.example.test").with_edns(4096), "10.3.0.1");
    EXPECT_EQ(reply.truncated, !whole) << payload;
    EXPECT_EQ(reply.answer.size(), whole ? 100U : 0U) << payload;
    EXPECT_LE(reply.size, static_cast<std::size_t>(payload));
    EXPECT_TRUE(world.respond(ask("www.example.test").with_edns(1000), "10.3.0.1").truncated)
        << "the asker's own limit";
  }
}

TEST(Stale, IsSaidOfAnswersFromStatesThatAreHeld) {  // RFC 8914 s4.4
  World world;
  EXPECT_FALSE(world.respond(ask("www.example.test").with_edns()).extended_error());
  world.stale = {"web"};
  const Reply reply = world.respond(ask("www.example.test").with_edns());
  EXPECT_EQ(reply.extended_error(), 3);
  EXPECT_EQ(reply.answer.size(), 1U);
  EXPECT_FALSE(world.respond(ask("example.test", Type::soa).with_edns()).extended_error());
}

}  // namespace
}  // namespace hither::dns
