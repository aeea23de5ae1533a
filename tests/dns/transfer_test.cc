// SPDX-License-Identifier: Apache-2.0
//
// Transfers as a secondary sees them: asked over a session, read with ldns.
#include "dns/transfer.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "dns/tcp_session.h"
#include "tests/dns/support.h"

namespace hither::dns {
namespace {

using namespace std::chrono_literals;
using testing::Ask;
using testing::ask;
using testing::Reply;
using testing::World;
using Lines = std::vector<std::string>;

constexpr int refused = 5;
constexpr int notimp = 4;
constexpr int notauth = 9;
constexpr int prohibited = 18;

World world_of(const std::string& zone) {
  topology::Description description = testing::make_description();
  description.zones[0].transfer_to = {*parse_prefix("192.0.2.53/32"),
                                      *parse_prefix("2001:db8::/32")};
  return World(std::move(description), zone);
}

/// A zone of many messages: `sets` TXT sets of 1 KB or so.
std::string large_zone(int sets) {
  std::string zone = testing::example_zone();
  for (int i = 0; i < sets; ++i) {
    zone += "t" + std::to_string(i);
    for (int k = 0; k < 4; ++k) zone += (k == 0 ? " TXT \"" : "\" \"") + std::string(250, 'x');
    zone += "\"\n";
  }
  return zone;
}

Bytes framed(const Bytes& message) {
  Bytes out = {static_cast<std::byte>(message.size() >> 8U),
               static_cast<std::byte>(message.size() & 0xffU)};
  append(out, message);
  return out;
}

/// An IXFR query: with the SOA that the asker has.
Bytes ixfr(std::uint32_t serial) {
  Bytes packet = ask("example.test", Type::ixfr).packet();
  packet[9] = std::byte{1};  // one record of authority
  Bytes record(64);
  Writer out(record);
  out.u16(0xc00cU);
  out.u16(static_cast<std::uint16_t>(Type::soa));
  out.u16(1);
  out.u32(0);
  const Bytes soa = soa_rdata({.serial = serial});
  out.u16(static_cast<std::uint16_t>(soa.size()));
  out.bytes(soa);
  append(packet, out.written());
  return packet;
}

struct Talk {
  explicit Talk(const World& world, std::string_view from = "192.0.2.53")
      : responder(world.snapshot()),
        session(responder, scratch, {.address = *parse_address(from)}, 10s) {}

  /// Everything the client gets, which takes what waits at once.
  std::vector<Reply> take_all() {
    std::vector<Reply> replies;
    for (int turn = 0; turn < 10'000; ++turn) {
      most_waiting = std::max(most_waiting, out.size());
      Reader in(out);
      while (in.left() > 0) replies.push_back(testing::parse_reply(in.take(in.u16())));
      out.clear();
      if (!session.has_more()) break;
      session.on_drained(Instant{}, out);
    }
    return replies;
  }
  std::vector<Reply> ask_for(const Bytes& packet) {
    session.on_bytes(framed(packet), Instant{}, out);
    return take_all();
  }

  Responder responder;
  std::vector<std::byte> scratch = std::vector<std::byte>(message_size_max);
  TcpSession session;
  Bytes out;
  std::size_t most_waiting = 0;
};

Lines records_of(const std::vector<Reply>& replies) {
  Lines all;
  for (const Reply& reply : replies) {
    all.insert(all.end(), reply.answer.begin(), reply.answer.end());
  }
  return all;
}

TEST(Transfer, HasEverySetOnceBetweenTwoSoas) {
  const World world = world_of(testing::example_zone());
  Talk talk(world);
  const Lines records = records_of(talk.ask_for(ask("Example.TEST", Type::axfr).packet()));

  ASSERT_GT(records.size(), 3U);
  EXPECT_NE(records.front().find(" IN SOA "), std::string::npos);
  EXPECT_EQ(records.front(), records.back());
  Lines between(records.begin() + 1, records.end() - 1);
  std::ranges::sort(between);
  EXPECT_EQ(std::ranges::adjacent_find(between), between.end()) << "none is there twice";
  EXPECT_EQ(std::ranges::count(testing::example_zone(), '\n'),
            static_cast<std::ptrdiff_t>(between.size()) + 2)
      << "every line of the file, but $TTL and the SOA";
  for (const char* line :
       {"ns.child.Example.TEST. 300 IN A 192.0.2.100", "*.wild.Example.TEST. 300 IN A 192.0.2.99",
        "weird.Example.TEST. 300 IN TYPE65280 \\# 3 010203"}) {
    EXPECT_TRUE(std::ranges::binary_search(between, line)) << line;
  }
  for (const std::string& line : between) EXPECT_FALSE(line.starts_with("www.")) << line;
}

TEST(Transfer, IsAuthoritativeAndRepeatsIdAndQuestion) {
  const World world = world_of(large_zone(40));
  Talk talk(world);
  const auto replies = talk.ask_for(ask("example.test", Type::axfr).with_edns().packet());

  ASSERT_GT(replies.size(), 2U);
  for (const Reply& reply : replies) {
    EXPECT_EQ(reply.id, 0x1234);
    EXPECT_EQ(reply.rcode, 0);
    EXPECT_TRUE(reply.authoritative);
    EXPECT_EQ(reply.question, "example.test. IN AXFR");
    EXPECT_EQ(reply.edns, &reply == &replies.front());
    EXPECT_LE(reply.size, Transfer::message_full_bytes + 2048);
  }
}

TEST(Transfer, WaitsInBoundedMemoryHoweverLargeTheZoneIs) {
  const World world = world_of(large_zone(600));
  Talk talk(world);
  const auto replies = talk.ask_for(ask("example.test", Type::axfr).packet());

  EXPECT_EQ(records_of(replies).size(),
            static_cast<std::size_t>(std::ranges::count(testing::example_zone(), '\n') + 600));
  EXPECT_LE(talk.most_waiting, TcpSession::answers_bytes_max + message_size_max + 2);
  const auto reports = talk.session.take_reports();
  ASSERT_EQ(reports.size(), 1U);
  EXPECT_TRUE(reports[0].complete);
  EXPECT_EQ(reports[0].messages, replies.size());
  EXPECT_EQ(reports[0].records, records_of(replies).size());
}

TEST(Transfer, CarriesRecordsOfTheLongestLines) {
  const World world = world_of(testing::example_zone() + std::string(60, 'n') +
                               " TYPE65281 \\# 4000 " + std::string(8000, 'a') + "\n");
  Talk talk(world);
  const auto replies = talk.ask_for(ask("example.test", Type::axfr).packet());
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_GT(replies[0].size, 4000U);
}

TEST(Transfer, OtherQuestionsAreAnsweredMeanwhile) {
  const World world = world_of(large_zone(600));
  Talk talk(world);
  talk.session.on_bytes(framed(ask("example.test", Type::axfr).packet()), Instant{}, talk.out);
  talk.out.clear();
  talk.session.on_drained(Instant{}, talk.out);
  ASSERT_TRUE(talk.session.has_more());
  EXPECT_TRUE(talk.session.wants_input());
  EXPECT_EQ(talk.session.deadline(), never) << "the idle time does not run";

  Ask other = ask("mail.example.test");
  other.id = 7;
  talk.session.on_bytes(framed(other.packet()), Instant{}, talk.out);
  const auto replies = talk.take_all();

  const auto found = std::ranges::find(replies, 7, &Reply::id);
  ASSERT_NE(found, replies.end());
  EXPECT_EQ(found->only_data(), "192.0.2.25");
  EXPECT_GT(replies.end() - found, 10) << "long before the end of the transfer";
  EXPECT_EQ(talk.session.deadline(), Instant{} + 10s);
}

TEST(Transfer, BehindWhatIsNoQueryNothingIsReadAndItIsStillSentWhole) {
  const World world = world_of(large_zone(200));
  Talk talk(world);
  talk.session.on_bytes(framed(ask("example.test", Type::axfr).packet()), Instant{}, talk.out);
  EXPECT_TRUE(talk.session.wants_input());
  Bytes response(header_size);
  response[2] = std::byte{0x80};

  talk.session.on_bytes(framed(response), Instant{}, talk.out);

  EXPECT_FALSE(talk.session.wants_input()) << "or all that follows would be kept";
  EXPECT_TRUE(talk.session.has_more());
  EXPECT_FALSE(talk.session.finished());
  const auto replies = talk.ask_for(ask("mail.example.test").packet());
  EXPECT_EQ(records_of(replies).size(),
            static_cast<std::size_t>(std::ranges::count(testing::example_zone(), '\n') + 200));
  EXPECT_FALSE(talk.session.wants_input());
  EXPECT_TRUE(talk.session.finished());
}

TEST(Transfer, SeveralAtOnceAreAllSentAndMoreThanThatWait) {
  const World world = world_of(large_zone(40));
  Talk talk(world);
  for (std::uint16_t id = 1; id <= 9; ++id) {
    Ask query = ask("example.test", Type::axfr);
    query.id = id;
    talk.session.on_bytes(framed(query.packet()), Instant{}, talk.out);
  }
  EXPECT_FALSE(talk.session.wants_input());
  talk.session.on_end();
  std::map<std::uint16_t, std::vector<Reply>> by_id;
  for (Reply& reply : talk.take_all()) by_id[reply.id].push_back(std::move(reply));

  ASSERT_EQ(by_id.size(), 9U);
  for (const auto& [id, replies] : by_id) EXPECT_EQ(records_of(replies), records_of(by_id[1]));
  EXPECT_TRUE(talk.session.finished());
}

TEST(Transfer, GoesOnWithTheZoneItBeganWith) {
  const World before = world_of(large_zone(200));
  Talk talk(before);
  talk.session.on_bytes(framed(ask("example.test", Type::axfr).packet()), Instant{}, talk.out);
  talk.responder.set_snapshot(world_of(testing::example_zone()).snapshot());
  EXPECT_EQ(records_of(talk.take_all()).size(),
            static_cast<std::size_t>(std::ranges::count(testing::example_zone(), '\n') + 200));
}

TEST(Transfer, OneThatIsNotTakenIsReportedAsBroken) {
  const World world = world_of(large_zone(600));
  Talk talk(world);
  talk.session.on_bytes(framed(ask("example.test", Type::axfr).packet()), Instant{}, talk.out);
  talk.session.abandon();

  const auto reports = talk.session.take_reports();
  ASSERT_EQ(reports.size(), 1U);
  EXPECT_EQ(to_log(reports[0]).event, "transfer-broken");
  EXPECT_EQ(talk.responder.counters().transfers_broken.total(), 1U);
}

TEST(Transfer, IsRefusedWithTheReasonToOthers) {
  const World world = world_of(testing::example_zone());
  for (const char* from : {"192.0.2.54", "2001:db9::1", "10.1.0.1"}) {
    Talk talk(world, from);
    const auto replies = talk.ask_for(ask("example.test", Type::axfr).with_edns().packet());
    ASSERT_EQ(replies.size(), 1U);
    EXPECT_EQ(replies[0].rcode, refused) << from;
    EXPECT_EQ(replies[0].extended_error(), prohibited);
    EXPECT_TRUE(replies[0].answer.empty());
    EXPECT_EQ(talk.ask_for(ixfr(1))[0].rcode, refused);
  }
  Talk friend_of_ours(world, "2001:db8:7::1");
  EXPECT_EQ(friend_of_ours.ask_for(ask("example.test", Type::axfr).packet())[0].rcode, 0);
}

TEST(Transfer, OfWhatIsNoZoneOfOursIsNotAuth) {  // RFC 5936 s2.2.1
  const World world = world_of(testing::example_zone());
  Talk talk(world);
  for (const char* name : {"other.invalid", "mail.example.test", "test", "."}) {
    EXPECT_EQ(talk.ask_for(ask(name, Type::axfr).packet())[0].rcode, notauth) << name;
  }
}

TEST(Transfer, OverUdpThereIsOnlyTheSoaOfAnIxfr) {
  const World world = world_of(testing::example_zone());
  Responder responder(world.snapshot());
  std::vector<std::byte> out(message_size_max);
  const Arrival arrival{.client = *parse_address("192.0.2.53")};
  const auto over_udp = [&](const Bytes& packet) {
    return testing::parse_reply(ByteView(out).first(responder.respond(packet, arrival, out)));
  };

  EXPECT_EQ(over_udp(ask("example.test", Type::axfr).packet()).rcode, notimp);
  EXPECT_EQ(over_udp(ixfr(1)).answer.size(), 1U) << "RFC 1995 s2: come over TCP";
  EXPECT_EQ(over_udp(ixfr(7)).answer.size(), 1U);
  EXPECT_EQ(responder.take_transfer(), nullptr);
}

TEST(Transfer, IxfrGetsTheWholeZoneOrTheSoaOfTheOneItHas) {
  const World world = world_of(testing::example_zone());
  Talk talk(world);
  const Lines whole = records_of(talk.ask_for(ask("example.test", Type::axfr).packet()));

  EXPECT_EQ(records_of(talk.ask_for(ixfr(6))), whole);
  EXPECT_EQ(records_of(talk.ask_for(ixfr(0xffffffff))), whole);
  EXPECT_EQ(records_of(talk.ask_for(ixfr(7))), Lines{whole.front()});
  EXPECT_EQ(records_of(talk.ask_for(ixfr(8))), Lines{whole.front()});
  EXPECT_EQ(talk.ask_for(ask("example.test", Type::ixfr).packet())[0].rcode, 1);
}

TEST(Transfer, AnswersAreCounted) {
  const World world = world_of(testing::example_zone());
  Talk talk(world);
  talk.ask_for(ask("example.test", Type::axfr).packet());
  talk.ask_for(ask("other.invalid", Type::axfr).packet());
  const auto& counted = talk.responder.counters().by_transfer;
  EXPECT_EQ(counted[static_cast<std::size_t>(TransferVerdict::whole)].total(), 1U);
  EXPECT_EQ(counted[static_cast<std::size_t>(TransferVerdict::not_authority)].total(), 1U);
  EXPECT_EQ(counted[static_cast<std::size_t>(TransferVerdict::not_allowed)].total(), 0U);
}

}  // namespace
}  // namespace hither::dns
