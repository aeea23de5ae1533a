// SPDX-License-Identifier: Apache-2.0
#include "dns/query_log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "tests/dns/support.h"

namespace hither::dns {
namespace {

using testing::Ask;
using testing::ask;

const std::vector<std::string> rooms = {"fra", "iad", "nrt"};

std::shared_ptr<Protocol> logging(int one_in) {
  auto protocol = std::make_shared<Protocol>();
  protocol->query_log_one_in = one_in;
  return protocol;
}

/// A server that logs, and the lines that wait.
class Logged {
 public:
  explicit Logged(std::shared_ptr<const Protocol> protocol) : responder_(of(protocol)) {}

  void ask(const Ask& query, Transport transport = Transport::udp) {
    responder_.respond(query.packet(),
                       {.client = *parse_address("192.0.2.53"), .transport = transport}, out_);
  }
  void reload(std::shared_ptr<const Protocol> protocol) { responder_.set_snapshot(of(protocol)); }
  std::vector<std::string> lines() {
    std::vector<std::string> all;
    while (const auto record = responder_.query_log().take()) {
      all.push_back(to_text(to_log(*record, rooms)));
    }
    return all;
  }
  const Counters& counters() const { return responder_.counters(); }

 private:
  std::shared_ptr<const Snapshot> of(std::shared_ptr<const Protocol> protocol) {
    world_.protocol = std::move(protocol);
    return world_.snapshot();
  }

  testing::World world_;
  Responder responder_;
  std::vector<std::byte> out_ = std::vector<std::byte>(message_size_max);
};

TEST(QueryLog, ALineSaysWhoAskedForWhatAndWhichAnswerWasGiven) {
  Logged logged(logging(1));
  logged.ask(ask("WWW.example.test").subnet("10.3.0.0/16"));
  logged.ask(ask("www.example.test", Type::aaaa).subnet("2001:db8:3::/48"), Transport::tcp);
  logged.ask(ask("nothing.example.test", Type::txt));
  Ask chaos = ask("version.bind", Type::txt);
  chaos.class_of = Class::ch;
  logged.ask(chaos);
  Ask notify = ask("example.test");
  notify.flags = 4U << 11U;
  logged.ask(notify);

  const auto lines = logged.lines();
  ASSERT_EQ(lines.size(), 5U);
  EXPECT_EQ(lines[0],
            "query client=192.0.2.53 subnet=10.3.0.0/16 scope=16 name=WWW.example.test. type=A "
            "rcode=NOERROR rooms=nrt transport=udp size=71");
  EXPECT_EQ(lines[1],
            "query client=192.0.2.53 subnet=2001:db8:3::/48 scope=48 name=www.example.test. "
            "type=AAAA rcode=NOERROR rooms=nrt transport=tcp size=87");
  EXPECT_TRUE(lines[2].starts_with(
      "query client=192.0.2.53 name=nothing.example.test. type=TXT rcode=NXDOMAIN transport=udp "))
      << lines[2];
  EXPECT_EQ(lines[3],
            "query client=192.0.2.53 name=version.bind. class=CH type=TXT rcode=REFUSED "
            "transport=udp size=30");
  EXPECT_EQ(lines[4], "query client=192.0.2.53 rcode=NOTIMP transport=udp size=12");
}

TEST(QueryLog, AnIpv4SubnetInIpv6KeepsItsFormAndLength) {
  Bytes data = testing::subnet_data(2, 104, 0, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10});
  Logged logged(logging(1));
  logged.ask(ask("nothing.example.test").option(8, data));
  const auto lines = logged.lines();
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_NE(lines[0].find(" subnet=::ffff:10.0.0.0/104 "), std::string::npos) << lines[0];
}

TEST(QueryLog, OneInSoManyIsLogged) {
  Logged none(logging(0));
  Logged some(logging(4));
  for (int i = 0; i < 11; ++i) {
    none.ask(ask("www.example.test"));
    some.ask(ask("n" + std::to_string(i) + ".example.test"));
  }
  EXPECT_TRUE(none.lines().empty());
  const auto lines = some.lines();
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_NE(lines[0].find("name=n3."), std::string::npos) << lines[0];
  EXPECT_NE(lines[1].find("name=n7."), std::string::npos) << lines[1];
}

TEST(QueryLog, FollowsAReload) {
  Logged logged(logging(0));
  logged.ask(ask("a.example.test"));
  logged.reload(logging(1));
  logged.ask(ask("b.example.test"));
  logged.reload(nullptr);
  logged.ask(ask("c.example.test"));
  const auto lines = logged.lines();
  ASSERT_EQ(lines.size(), 1U) << "what waited is still there after the log is off";
  EXPECT_NE(lines[0].find("name=b."), std::string::npos) << lines[0];
}

TEST(QueryLog, WhatARateLimitSilencedIsLoggedToo) {
  auto protocol = logging(1);
  protocol->rate_limit = {.per_second = 1, .slip = 0};
  protocol->rates = std::make_shared<RateTable>(7);
  Logged logged(protocol);
  for (int i = 0; i < 50; ++i) logged.ask(ask("www.example.test"));
  ASSERT_GT(logged.counters().rate_dropped.total(), 0U);
  const auto lines = logged.lines();
  EXPECT_EQ(lines.size(), 50U);
  EXPECT_TRUE(lines.back().ends_with("type=A rcode=none transport=udp size=0")) << lines.back();
}

TEST(QueryLog, WhatDoesNotFitIsDroppedAndCounted) {
  Logged logged(logging(1));
  for (std::size_t i = 0; i < QueryRing::capacity + 3; ++i) logged.ask(ask("www.example.test"));
  EXPECT_EQ(logged.counters().log_dropped.total(), 3U);
  EXPECT_EQ(logged.lines().size(), QueryRing::capacity);
  logged.ask(ask("later.example.test"));
  EXPECT_EQ(logged.lines().size(), 1U);

  const Metrics metrics = to_metrics({&logged.counters()}, rooms);
  const auto family =
      std::ranges::find(metrics, "hither_dns_query_log_dropped_total", &MetricFamily::name);
  ASSERT_NE(family, metrics.end());
  EXPECT_EQ(family->samples[0].value, 3);
}

TEST(QueryRing, BringsEveryRecordThatItTookInOrderToTheOtherThread) {
  constexpr std::uint16_t count = 20'000;
  QueryRing ring;
  std::jthread writer([&ring] {
    for (std::uint16_t i = 1; i <= count; ++i) {
      const QueryRecord record{.size = i};
      while (!ring.push(record)) std::this_thread::yield();
    }
  });
  for (std::uint16_t next = 1; next <= count;) {
    const auto record = ring.pop();
    if (!record) {
      std::this_thread::yield();
      continue;
    }
    EXPECT_EQ(record->size, next++);
  }
  EXPECT_FALSE(ring.pop());
}

}  // namespace
}  // namespace hither::dns
