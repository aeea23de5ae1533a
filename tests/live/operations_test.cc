// SPDX-License-Identifier: Apache-2.0
// What operators say of a running server, alone and over restarts; a drain to its end; and what
// too much load in one room makes of it.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "io/clock.h"
#include "tests/dns/support.h"
#include "tests/support/live_dns.h"
#include "tests/support/stand_in_rooms.h"

namespace hither::test::operations_test {
namespace {

using namespace std::chrono_literals;
using dns::testing::Reply;
using nlohmann::json;

constexpr Duration soon = 30s;

class Operated : public testing::Test {
 protected:
  Operated() : rooms({"fra", "iad", "nrt"}, "web") {}

  /// `more`: tables.
  void start(const std::string& interval, const std::string& ttl = "6s",
             const std::string& more = "") {
    server.folder().write("world.toml", fmt::format(R"(schema = 1
world = "operated"
[dns]
listen = ["{}"]
health = {{ interval = "{}", fast_interval = "100ms", timeout = "1s" }}
guard = {{ percent = 100 }}
[zone."example.test"]
[name."www.example.test"]
farm = "web"
policy = "weighted"
ttl = "{}"
{}{})",
                                                    to_text(server.endpoint()), interval, ttl, more,
                                                    tables_of_three_rooms(rooms)));
    ASSERT_TRUE(server.start()) << server.output();
  }
  json room(const std::string& name) {
    const json all = json::parse(server.status(), nullptr, false);
    if (!all.is_object()) return json::object();
    for (const json& one : all.value("rooms", json::array())) {
      if (one["room"] == name) return one;
    }
    return json::object();
  }
  json farm_of(const std::string& name) {
    return room(name).value(json::json_pointer("/farms/0"), json::object());
  }
  /// The state, what the probes say, and what an operator says.
  std::array<std::string, 3> states_of(const std::string& name) {
    const json farm = farm_of(name);
    const json said = farm.value("override", json());
    return {farm.value("state", ""), farm.value("measured", ""),
            said.is_object() ? said.value("state", "") : ""};
  }

  StandInRooms rooms;
  LiveDns server;
};

TEST_F(Operated, OverridesStandBesideWhatProbesSayAndOutliveTheServer) {
  using States = std::array<std::string, 3>;
  const States forced_down = {"down", "up", "down"};
  const States forced_up = {"up", "down", "up"};
  rooms.set_usable("nrt", false);
  start("1s");
  ASSERT_EQ(server.hither("down fra --reason 'new switches'").status, 0);
  ASSERT_EQ(server.hither("force-up nrt").status, 0);
  EXPECT_TRUE(eventually(soon, [&] { return states_of("fra") == forced_down; })) << server.status();
  EXPECT_TRUE(eventually(soon, [&] { return states_of("nrt") == forced_up; })) << server.status();

  EXPECT_TRUE(server.stop()) << server.output();
  ASSERT_TRUE(server.start()) << server.output();
  const json restarted = json::parse(server.status(), nullptr, false);
  const double uptime = restarted.value("uptime_s", -1.0);
  EXPECT_GE(restarted["rooms"][0].value("named_for_s", -1.0), std::max(0.0, 5.99 - uptime))
      << "who was answered before may keep it for the TTL";
  EXPECT_EQ(states_of("fra"), forced_down) << server.status();
  EXPECT_EQ(farm_of("fra")["override"]["reason"], "new switches");
  EXPECT_EQ(states_of("nrt"), forced_up) << server.status();

  server.program().kill();
  ASSERT_TRUE(server.start()) << server.output();
  EXPECT_EQ(states_of("fra"), forced_down) << server.status();
  EXPECT_EQ(states_of("nrt"), forced_up) << server.status();

  ASSERT_EQ(server.hither("restore fra").status, 0);
  ASSERT_EQ(server.hither("restore nrt").status, 0);
  EXPECT_TRUE(eventually(soon, [&] { return states_of("fra") == States({"up", "up", ""}); }));
  EXPECT_TRUE(eventually(soon, [&] { return states_of("nrt") == States({"down", "down", ""}); }));
}

/// Asks for 256 clients.
class Swept : public Operated {
 protected:
  Swept() {
    for (std::size_t i = 0; i < 256; ++i) {
      auto ask = dns::testing::ask("www.example.test");
      ask.id = static_cast<std::uint16_t>(i);
      queries.push_back(ask.subnet(fmt::format("10.9.{}.0/24", i)).packet());
    }
  }

  std::vector<Bytes> queries;
};

class Drained : public Swept {
 protected:
  /// What they were answered.
  struct Sweep {
    Instant begun{};
    std::set<std::size_t> sent_there;  ///< who was sent to fra
    std::uint32_t ttl = 0;             ///< the longest of those answers
  };

  Sweep sweep() {
    Sweep result{.begun = io::monotonic_now(), .sent_there = {}};
    const std::vector<Bytes> replies = ask_all(server.endpoint(), queries);
    for (std::size_t i = 0; i < replies.size(); ++i) {
      const Reply reply = dns::testing::parse_reply(replies[i]);
      if (reply.only_data() != "198.51.100.1") continue;
      result.sent_there.insert(i);
      const std::string& record = reply.answer[0];
      const auto ttl = std::stoul(record.substr(record.find(' ') + 1));
      result.ttl = std::max(result.ttl, static_cast<std::uint32_t>(ttl));
    }
    return result;
  }

  /// For how many seconds somebody may still keep an answer that names fra.
  double named_for() { return room("fra").value("named_for_s", -1.0); }
};

TEST_F(Drained, ARoomIsPlayedOutToTheEnd) {
  start("1h");
  const Sweep before = sweep();
  ASSERT_GT(before.sent_there.size(), 30U) << "a third of them, more or less";
  ASSERT_EQ(before.ttl, 6U);

  ASSERT_EQ(server.hither("drain fra --over 4s").status, 0);

  Sweep last = before;  // that found somebody there
  bool ttl_was_lowered_first = false;
  bool some_had_left = false;
  bool was_said_to_be_named = false;
  ASSERT_TRUE(eventually(60s, [&] {
    const Sweep now = sweep();
    EXPECT_TRUE(std::ranges::includes(last.sent_there, now.sent_there)) << "who left stays away";
    if (now.sent_there.empty()) return true;
    EXPECT_LE(now.ttl, last.ttl);
    EXPECT_TRUE(now.ttl == 1 || now.sent_there == before.sent_there) << "the TTL is lowered first";
    ttl_was_lowered_first |= now.ttl == 1 && now.sent_there == before.sent_there;
    some_had_left |= now.sent_there.size() < before.sent_there.size();
    was_said_to_be_named |= named_for() > 0;
    last = now;
    return false;
  })) << server.status();
  ASSERT_TRUE(eventually(soon, [&] { return named_for() == 0; })) << server.status();
  const Instant said_to_be_forgotten = io::monotonic_now();

  EXPECT_TRUE(ttl_was_lowered_first);
  EXPECT_TRUE(some_had_left);
  EXPECT_TRUE(was_said_to_be_named);
  EXPECT_GE(said_to_be_forgotten - last.begun, 1s) << "the TTL of the last answer";
  EXPECT_TRUE(sweep().sent_there.empty());
  EXPECT_EQ(farm_of("fra")["state"], "draining");
  EXPECT_EQ(farm_of("fra")["measured"], "up");
  EXPECT_EQ(farm_of("fra")["drained"], 1.0);
}

class Spilled : public Swept {
 protected:
  /// The address that each client was answered. The scope is checked to be the client's block.
  std::vector<std::string> sweep() {
    std::vector<std::string> addresses;
    for (const Bytes& packet : ask_all(server.endpoint(), queries)) {
      const Reply reply = dns::testing::parse_reply(packet);
      EXPECT_EQ(reply.scope(), 24) << "load changes no scope";
      addresses.push_back(reply.only_data());
    }
    return addresses;
  }
};

TEST_F(Spilled, ARoomThatIsTooFullShedsSomeOfItsClientsUntilItIsNot) {
  constexpr const char* fra = "198.51.100.1";
  start("1s", "1s", "[farm.web.spill]\nper_second = 1\n");
  const std::vector<std::string> before = sweep();
  const auto at_home = std::ranges::count(before, fra);
  ASSERT_GT(at_home, 30) << "a third of them, more or less";

  rooms.set_load("fra", StandInRooms::capacity * 3 / 2);
  std::vector<std::string> after;
  ASSERT_TRUE(eventually(soon, [&] {
    after = sweep();
    return std::ranges::count(after, fra) < at_home && farm_of("fra").value("shed", 0.0) > 0;
  })) << server.status();
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_TRUE(after[i] == before[i] || before[i] == fra) << "only its own go, client " << i;
  }

  rooms.set_load("fra", 0);
  EXPECT_TRUE(eventually(soon, [&] { return sweep() == before; })) << server.status();
  EXPECT_EQ(farm_of("fra").value("shed", -1.0), 0.0);
}

}  // namespace
}  // namespace hither::test::operations_test
