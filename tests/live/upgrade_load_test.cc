// SPDX-License-Identifier: Apache-2.0
//
// Fifty reloads and five upgrades under load.
#include <array>
#include <nlohmann/json.hpp>
#include <optional>

#include "tests/live/upgrade.h"
#include "tests/support/sanitized.h"
#include "tests/support/steady_clients.h"

namespace hither::test {
namespace {

/// What the description says before each of the fifty changes is another of these. Both farms have
/// the same copies.
struct Shape {
  std::vector<std::size_t> copies;
  const char* web;
  const char* wire;
  std::size_t drained = 0;  ///< the place of one of weight 0, from 1
};
const std::array<Shape, 7> shapes = {
    {{{0, 1},
      "balance = \"least-request\"\ntimeouts = { drain = \"1s\" }",
      "timeouts = { drain = \"1s\" }"},
     {{1, 2, 3},
      "balance = \"maglev\"\ntimeouts = { drain = \"1500ms\" }",
      "balance = \"source\"\ntimeouts = { drain = \"500ms\" }"},
     {{1, 2, 3},
      "balance = \"maglev\"\nweight = { web-2 = 0 }\ntimeouts = { drain = \"1s\" }",
      "balance = \"source\"\nweight = { wire-2 = 0 }",
      2},
     {{1, 2, 3},
      "balance = \"round-robin\"\ntimeouts = { drain = \"1s\", connect = \"3s\", idle = \"90s\" }",
      "balance = \"first\"\ncapacity = 50\ntimeouts = { connect = \"4s\", tunnel = \"5m\" }"},
     {{0, 1, 2, 3},
      "balance = \"round-robin\"\nslow_start = \"300ms\""
      "\ntimeouts = { drain = \"1s\", response = \"40s\" }",
      "balance = \"round-robin\"\ntimeouts = { total = \"1h\" }"},
     {{3, 1},
      "balance = \"peak-ewma\"\ntimeouts = { drain = \"1s\", header = \"20s\" }",
      "balance = \"peak-ewma\"\nslow_start = \"1s\""},
     {{3, 0, 1},
      "balance = \"hot-cold\"\nweight = { web-1 = 50, web-2 = 10 }\nslow_start = \"10s\""
      "\ntimeouts = { drain = \"1s\" }",
      "balance = \"hot-cold\"\nweight = { wire-3 = 300 }"}}};

/// 2,000 connections: 1,700 clients of a farm in mode http, who are told when to go, and 300 of one
/// in mode tcp, whose connections only they end: from one upgrade to the next, through ten reloads,
/// and on in a process that has been succeeded already. With a sanitizer a quarter of each.
class UpgradeUnderLoad : public Upgrade {
 protected:
  static constexpr std::size_t web_clients = sanitized ? 425 : 1700;
  static constexpr std::size_t wire_clients = sanitized ? 75 : 300;

  void start() {
    start_copies(copies_most);
    take_shape(shapes[0]);
    start_next(2);
    ASSERT_TRUE(logs(" ready room=fra")) << now_->output();
    web_.emplace(front(), web_clients, 400ms, 4);
    wire_.emplace(second_front(), wire_clients, 400ms, 5);
    ASSERT_TRUE(web_->goes_on(2 * web_clients)) << web_->first_mistake();
    ASSERT_TRUE(wire_->goes_on(wire_clients)) << wire_->first_mistake();
    ASSERT_TRUE(wire_opened(1)) << wire_->counts().opened;
  }
  /// However slow the machine is, nobody is to be cut.
  void start_next(int threads) { now_ = start_balancer(threads, {"HITHER_LEAVE_WITHIN=10m"}); }
  void take_shape(const Shape& shape) {
    describe_farms(
        {{"web", first_port_, shape.copies, shape.web},
         {"wire", second_port(), shape.copies, std::string("mode = \"tcp\"\n") + shape.wire}});
  }
  /// Each of those in mode tcp has connected so many times.
  bool wire_opened(std::size_t times) const {
    return eventually(soon, [&] { return wire_->counts().opened == times * wire_clients; });
  }

  void reload_to(const Shape& shape) {
    const std::size_t copies = shape.copies.size();
    take_shape(shape);
    const Json before = status()["reload"]["done"];
    ASSERT_TRUE(reload(*now_, before.get<int>() + 1)) << status()["reload"];
    ASSERT_TRUE(all_are_up(copies, shape.drained > 0 ? copies - 1 : copies)) << status();
    if (shape.drained > 0) expect_drained(shape.drained - 1);
    ASSERT_TRUE(web_->goes_on(300));
    ASSERT_TRUE(wire_->goes_on(10));
  }
  /// Once it has answered what it had.
  void expect_drained(std::size_t server) {
    const auto drained = [&] { return status()["farms"][0]["servers"][server]; };
    ASSERT_TRUE(eventually(soon, [&] { return drained()["in_flight"] == 0; })) << drained();
    const Json before = drained()["results"];
    ASSERT_TRUE(web_->goes_on(300));
    EXPECT_EQ(drained()["results"], before) << "it gets nothing new";
  }

  /// The `number`th.
  void upgrade_to(int threads, std::size_t number) {
    const std::unique_ptr<ChildProgram> old = std::move(now_);
    start_next(threads);
    ASSERT_TRUE(logs("handed-over", number)) << now_->output();
    ASSERT_TRUE(logs(" ready room=fra", number + 1));
    EXPECT_TRUE(web_->goes_on(2000));
    EXPECT_TRUE(wire_->goes_on(wire_clients / 2));
    EXPECT_EQ(wire_->counts().opened, number * wire_clients) << "the old one still serves them";
    EXPECT_TRUE(old->running());
    wire_->leave();
    EXPECT_TRUE(wire_opened(number + 1)) << wire_->counts().opened;
    EXPECT_TRUE(eventually(soon, [&] { return !old->running(); })) << "it ends when all have left";
  }

  static void expect_nothing_lost(const SteadyClients& clients) {
    const SteadyClients::Counts counts = clients.counts();
    EXPECT_EQ(counts.lost, 0U) << clients.first_mistake();
    EXPECT_EQ(counts.wrong, 0U) << clients.first_mistake();
    EXPECT_EQ(counts.refused, 0U) << clients.first_mistake();
    EXPECT_EQ(counts.answered, counts.sent);
    EXPECT_EQ(counts.closed, 0U) << "who asks is told before, and in mode tcp only clients end";
  }

  std::unique_ptr<ChildProgram> now_;
  std::optional<SteadyClients> web_;
  std::optional<SteadyClients> wire_;
};

TEST_F(UpgradeUnderLoad, FiftyReloadsAndFiveUpgradesUnderTwoThousandConnectionsLoseNothing) {
  constexpr std::size_t reloads = 50;
  constexpr std::size_t upgrades = 5;
  constexpr std::array<int, upgrades> threads = {2, 1, 3, 2, 1};
  ASSERT_NO_FATAL_FAILURE(start());
  for (std::size_t turn = 1; turn <= reloads; ++turn) {
    SCOPED_TRACE(fmt::format("reload {}", turn));
    ASSERT_NO_FATAL_FAILURE(reload_to(shapes[turn % shapes.size()]));
    if (turn % (reloads / upgrades) != 0) continue;
    const std::size_t upgrade = turn / (reloads / upgrades);
    ASSERT_NO_FATAL_FAILURE(upgrade_to(threads[upgrade - 1], upgrade));
  }
  web_->stop();
  wire_->stop();

  expect_nothing_lost(*web_);
  expect_nothing_lost(*wire_);
  const SteadyClients::Counts web = web_->counts();
  const SteadyClients::Counts wire = wire_->counts();
  EXPECT_GT(web.told, web_clients * (upgrades - 1)) << "nearly all of them, by each that left";
  EXPECT_EQ(wire.left, wire_clients * upgrades);
  EXPECT_EQ(times_logged("stragglers-cut"), 0U);
  RecordProperty("requests", static_cast<int>(web.sent + wire.sent));
  fmt::print("{} requests, {} answered right, {} told to go; in mode tcp {}, {}, {} left\n",
             web.sent, web.answered, web.told, wire.sent, wire.answered, wire.left);
}

}  // namespace
}  // namespace hither::test
