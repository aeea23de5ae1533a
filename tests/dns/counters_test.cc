// SPDX-License-Identifier: Apache-2.0
#include "dns/counters.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/dns/support.h"

namespace hither::dns {
namespace {

using testing::ask;

/// The value of a sample, or -1.
double value_of(const Metrics& metrics, const std::string& name, const std::string& label = "") {
  const auto family = std::ranges::find(metrics, name, &MetricFamily::name);
  if (family == metrics.end()) return -1;
  for (const MetricSample& sample : family->samples) {
    if (label.empty() || sample.labels[0].second == label) return sample.value;
  }
  return -1;
}

TEST(Counters, SumOverThreadsWhatWasAnswered) {
  const testing::World world;
  Responder one(world.snapshot());
  Responder other(world.snapshot());
  std::vector<std::byte> out(message_size_max);
  const Arrival udp{.client = *parse_address("10.3.0.1")};
  const Arrival tcp{.client = *parse_address("10.1.0.1"), .transport = Transport::tcp};

  one.respond(ask("www.example.test").packet(), udp, out);
  one.respond(ask("www.example.test", Type::aaaa).subnet("10.3.0.0/16").packet(), udp, out);
  other.respond(ask("www.example.test").packet(), tcp, out);
  other.respond(ask("other.invalid", static_cast<Type>(999)).packet(), udp, out);
  other.respond({}, udp, out);

  const Metrics metrics = to_metrics({&one.counters(), &other.counters()}, {"fra", "iad", "nrt"});
  EXPECT_EQ(value_of(metrics, "hither_dns_queries_total", "A"), 2);
  EXPECT_EQ(value_of(metrics, "hither_dns_queries_total", "AAAA"), 1);
  EXPECT_EQ(value_of(metrics, "hither_dns_queries_total", "other"), 1);
  EXPECT_EQ(value_of(metrics, "hither_dns_responses_total", "NOERROR"), 3);
  EXPECT_EQ(value_of(metrics, "hither_dns_responses_total", "REFUSED"), 1);
  EXPECT_EQ(value_of(metrics, "hither_dns_transport_total", "udp"), 3);
  EXPECT_EQ(value_of(metrics, "hither_dns_transport_total", "tcp"), 1);
  EXPECT_EQ(value_of(metrics, "hither_dns_room_answers_total", "nrt"), 2);
  EXPECT_EQ(value_of(metrics, "hither_dns_room_answers_total", "fra"), 1);
  EXPECT_EQ(value_of(metrics, "hither_dns_ignored_total"), 1);
  EXPECT_EQ(value_of(metrics, "hither_dns_client_subnet_total"), 1);
  EXPECT_EQ(value_of(metrics, "hither_dns_truncated_total"), 0);

  const auto scopes =
      std::ranges::find(metrics, "hither_dns_client_subnet_scopes_total", &MetricFamily::name);
  ASSERT_NE(scopes, metrics.end());
  ASSERT_EQ(scopes->samples.size(), 33U + 129U);
  for (std::size_t i = 0; i < scopes->samples.size(); ++i) {
    EXPECT_EQ(scopes->samples[i].value, i == 16 ? 1 : 0) << "IPv4, scope 16, and no other: " << i;
  }
}

TEST(Counters, EveryTypeThatIsCountedByNameHasItsOwnPlace) {
  const testing::World world;
  Responder responder(world.snapshot());
  std::vector<std::byte> out(message_size_max);
  const Arrival arrival{.client = *parse_address("192.0.2.1")};
  const auto ask_times = [&](unsigned type, std::size_t times) {
    for (std::size_t i = 0; i < times; ++i) {
      responder.respond(ask("www.example.test", static_cast<Type>(type)).packet(), arrival, out);
    }
  };
  for (std::size_t i = 0; i < Counters::types.size(); ++i) {
    ask_times(static_cast<unsigned>(Counters::types[i]), i + 1);
  }
  for (const unsigned other : {13U, 39U, 66U, 256U, 258U, 65280U, 65535U}) ask_times(other, 1);

  const Metrics metrics = to_metrics({&responder.counters()}, {"fra", "iad", "nrt"});
  const std::string name = "hither_dns_queries_total";
  for (std::size_t i = 0; i < Counters::types.size(); ++i) {
    EXPECT_EQ(value_of(metrics, name, to_text(Counters::types[i])), static_cast<double>(i + 1));
  }
  for (const std::string type : {"HTTPS", "SVCB", "SRV", "CAA", "DS"}) {
    EXPECT_GT(value_of(metrics, name, type), 0) << type;
  }
  EXPECT_EQ(value_of(metrics, name, "other"), 7);
}

TEST(Counters, TellMalformedClientSubnetsApart) {
  using testing::subnet_data;
  const testing::World world;
  Responder responder(world.snapshot());
  std::vector<std::byte> out(message_size_max);
  const auto send = [&](const testing::Ask& query) {
    responder.respond(query.packet(), {.client = *parse_address("192.0.2.1")}, out);
  };
  const auto with = [](const Bytes& option) { return ask("www.example.test").option(8, option); };
  // One of the first kind, two of the second ...
  const std::vector<Bytes> options = {{std::byte{0}, std::byte{1}},
                                      subnet_data(3, 8, 0, {10}),
                                      subnet_data(1, 33, 0, {10, 0, 0, 1, 0}),
                                      subnet_data(1, 16, 16, {10, 1}),
                                      subnet_data(1, 17, 0, {10, 1}),
                                      subnet_data(1, 15, 0, {10, 1})};
  for (std::size_t kind = 0; kind < options.size(); ++kind) {
    for (std::size_t i = 0; i <= kind; ++i) send(with(options[kind]));
  }
  for (int i = 0; i < 7; ++i) {
    send(ask("www.example.test").subnet("10.0.0.0/8").subnet("10.0.0.0/8"));
  }
  testing::Ask notify = with(options[0]);
  notify.flags = 4U << 11U;
  send(notify);
  send(ask("www.example.test").subnet("10.0.0.0/8"));
  send(ask("www.example.test").option(10, Bytes(3)));  // Malformed, but for another reason.

  const Metrics metrics = to_metrics({&responder.counters()}, {"fra", "iad", "nrt"});
  const std::string name = "hither_dns_client_subnet_malformed_total";
  EXPECT_EQ(value_of(metrics, name, "too_short"), 2) << "one of them in a NOTIFY";
  EXPECT_EQ(value_of(metrics, name, "family"), 2);
  EXPECT_EQ(value_of(metrics, name, "source_length"), 3);
  EXPECT_EQ(value_of(metrics, name, "scope_not_zero"), 4);
  EXPECT_EQ(value_of(metrics, name, "address_length"), 5);
  EXPECT_EQ(value_of(metrics, name, "trailing_bits"), 6);
  EXPECT_EQ(value_of(metrics, name, "twice"), 7);
  EXPECT_EQ(value_of(metrics, "hither_dns_client_subnet_total"), 1) << "well-formed ones";
  EXPECT_EQ(value_of(metrics, "hither_dns_responses_total", "FORMERR"), 29);
}

TEST(Counters, SayUntilWhenARoomMayBeRemembered) {
  testing::World world;
  Responder responder(world.snapshot());
  std::vector<std::byte> out(udp_payload_max);
  const Bytes packet = testing::ask("www.example.test").subnet("10.3.0.0/16").packet();
  const Instant start{std::chrono::hours(1)};
  const std::vector<const Counters*> threads = {&responder.counters()};
  EXPECT_FALSE(named_until(threads, 2));

  responder.respond(packet, {.client = *parse_address("192.0.2.1"), .at = start}, out);
  EXPECT_EQ(named_until(threads, 2), start + std::chrono::seconds(10)) << "the TTL";
  EXPECT_FALSE(named_until(threads, 0));

  world.down = {"nrt"};
  responder.set_snapshot(world.snapshot());
  responder.respond(
      packet, {.client = *parse_address("192.0.2.1"), .at = start + std::chrono::seconds(5)}, out);
  EXPECT_EQ(named_until(threads, 2), start + std::chrono::seconds(10)) << "not named again";
  EXPECT_EQ(named_until(threads, 0), start + std::chrono::seconds(15));
}

}  // namespace
}  // namespace hither::dns
