// SPDX-License-Identifier: Apache-2.0
#include "dns/notifier.h"

#include <gtest/gtest.h>
#include <ldns/ldns.h>

#include "tests/dns/support.h"

namespace hither::dns {
namespace {

using namespace std::chrono_literals;

const Endpoint one = *parse_endpoint("192.0.2.1:53");
const Endpoint other = *parse_endpoint("[2001:db8::2]:5353");

std::shared_ptr<const Directory> directory_of(const std::string& serial,
                                              const std::vector<Endpoint>& notify) {
  topology::Description description = testing::make_description();
  description.zones[0].notify = notify;
  const std::string zone = "$TTL 60\n@ SOA ns1 host " + serial + " 1 1 1 1\n@ NS ns1\n";
  return testing::World(description, zone).snapshot()->directory;
}

/// What a secondary says to a packet.
Bytes answer_to(Bytes packet, unsigned rcode = 0) {
  packet[2] |= std::byte{0x80};
  packet[3] = static_cast<std::byte>(rcode);
  packet[7] = std::byte{0};  // without the SOA
  packet.resize(header_size + Name::parse("example.test")->size() + 4);
  return packet;
}

double count(const Notifier& notifier, const std::string& result) {
  for (const MetricSample& sample : notifier.to_metric().samples) {
    if (sample.labels[0].second == result) return sample.value;
  }
  return -1;
}

TEST(Notifier, TellsEveryServerAtStart) {
  Notifier notifier(1);
  notifier.set_zones(*directory_of("7", {one, other}), Instant{});

  EXPECT_EQ(notifier.deadline(), Instant{});
  const auto packets = notifier.step(Instant{});
  ASSERT_EQ(packets.size(), 2U);
  EXPECT_EQ(packets[0].to, one);
  EXPECT_EQ(packets[1].to, other);
  EXPECT_TRUE(notifier.step(Instant{}).empty());
}

TEST(Notifier, ThePacketIsOneThatLdnsReads) {  // RFC 1996 s3.7
  Notifier notifier(1);
  notifier.set_zones(*directory_of("7", {one}), Instant{});
  const auto packets = notifier.step(Instant{});
  ASSERT_EQ(packets.size(), 1U);

  ldns_pkt* raw = nullptr;
  const auto* octets = reinterpret_cast<const std::uint8_t*>(packets[0].bytes.data());
  ASSERT_EQ(ldns_wire2pkt(&raw, octets, packets[0].bytes.size()), LDNS_STATUS_OK);
  const std::unique_ptr<ldns_pkt, void (*)(ldns_pkt*)> packet(raw, ldns_pkt_free);
  EXPECT_EQ(ldns_pkt_get_opcode(raw), LDNS_PACKET_NOTIFY);
  EXPECT_TRUE(ldns_pkt_aa(raw));
  EXPECT_FALSE(ldns_pkt_qr(raw));
  ASSERT_EQ(ldns_pkt_qdcount(raw), 1);
  ASSERT_EQ(ldns_pkt_ancount(raw), 1);
  const ldns_rr* soa = ldns_rr_list_rr(ldns_pkt_answer(raw), 0);
  EXPECT_EQ(ldns_rdf2native_int32(ldns_rr_rdf(soa, 2)), 7U);
}

TEST(Notifier, GoesOnLessAndLessOftenAndThenGivesUp) {
  Notifier notifier(1);
  notifier.set_zones(*directory_of("7", {one}), Instant{});
  std::vector<int> seconds;
  Bytes first;
  for (int turn = 0; turn < 20 && notifier.deadline() != never; ++turn) {
    const Instant now = notifier.deadline();
    for (const auto& packet : notifier.step(now)) {
      if (first.empty()) first = packet.bytes;
      EXPECT_EQ(packet.bytes, first) << "the same id, so that a late answer counts";
      seconds.push_back(static_cast<int>((now - Instant{}) / 1s));
    }
  }

  EXPECT_EQ(seconds, (std::vector<int>{0, 1, 3, 7, 15, 31, 63}));
  const auto records = notifier.take_records();
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].event, "notify-unanswered");
  EXPECT_EQ(count(notifier, "sent"), Notifier::attempts_max);
  EXPECT_EQ(count(notifier, "unanswered"), 1);
}

TEST(Notifier, AnAnswerEndsItWhateverItSays) {
  for (const unsigned rcode : {0U, 5U, 9U}) {
    Notifier notifier(1);
    notifier.set_zones(*directory_of("7", {one}), Instant{});
    const auto packets = notifier.step(Instant{});
    notifier.on_packet(one, answer_to(packets[0].bytes, rcode));

    EXPECT_EQ(notifier.deadline(), never);
    const auto records = notifier.take_records();
    ASSERT_EQ(records.size(), 1U);
    EXPECT_EQ(records[0].event, rcode == 0 ? "notify-answered" : "notify-refused");
    EXPECT_EQ(count(notifier, rcode == 0 ? "answered" : "refused"), 1);
  }
}

TEST(Notifier, WhatIsNoAnswerToItIsPassedOver) {
  Notifier notifier(1);
  notifier.set_zones(*directory_of("7", {one}), Instant{});
  const Bytes sent = notifier.step(Instant{})[0].bytes;
  const Bytes good = answer_to(sent);
  Bytes other_id = good;
  other_id[0] ^= std::byte{1};
  Bytes query_opcode = good;
  query_opcode[2] = std::byte{0x80};
  Bytes other_zone = good;
  other_zone[header_size + 1] = std::byte{'x'};

  for (const Bytes& wrong : {sent, other_id, query_opcode, other_zone, Bytes(), Bytes(5),
                             Bytes(good.begin(), good.begin() + 20)}) {
    notifier.on_packet(one, wrong);
  }
  notifier.on_packet(other, good);
  EXPECT_TRUE(notifier.take_records().empty());
  notifier.on_packet(one, good);
  EXPECT_EQ(notifier.take_records().size(), 1U);
  notifier.on_packet(one, good);
  EXPECT_TRUE(notifier.take_records().empty()) << "it counts once";
}

TEST(Notifier, ReloadsTellOnlyWhatIsNews) {
  Notifier notifier(1);
  notifier.set_zones(*directory_of("7", {one}), Instant{});
  notifier.on_packet(one, answer_to(notifier.step(Instant{})[0].bytes));

  notifier.set_zones(*directory_of("7", {one}), Instant{} + 5s);
  EXPECT_EQ(notifier.deadline(), never) << "nothing has changed";
  notifier.set_zones(*directory_of("7", {one, other}), Instant{} + 6s);
  auto packets = notifier.step(Instant{} + 6s);
  ASSERT_EQ(packets.size(), 1U) << "a new server";
  EXPECT_EQ(packets[0].to, other);
  notifier.set_zones(*directory_of("8", {one, other}), Instant{} + 7s);
  EXPECT_EQ(notifier.step(Instant{} + 7s).size(), 2U) << "a new serial, for both";
  notifier.set_zones(*directory_of("8", {}), Instant{} + 8s);
  EXPECT_EQ(notifier.deadline(), never) << "nobody to tell";
}

TEST(Notifier, SendsInBursts) {
  std::vector<Endpoint> many;
  for (std::uint16_t port = 1; port <= 40; ++port) many.push_back({one.address, port});
  Notifier notifier(1);
  notifier.set_zones(*directory_of("7", many), Instant{});

  EXPECT_EQ(notifier.step(Instant{}).size(), Notifier::burst_max);
  EXPECT_EQ(notifier.deadline(), Instant{} + Notifier::burst_pause);
  EXPECT_TRUE(notifier.step(Instant{}).empty());
  EXPECT_EQ(notifier.step(notifier.deadline()).size(), 40 - Notifier::burst_max);
}

}  // namespace
}  // namespace hither::dns
