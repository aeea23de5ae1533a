// SPDX-License-Identifier: Apache-2.0
//
// How connections end that do not end well: what the kernel tells of that, and when.
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/lb/live_balancer.h"
#include "tests/lb/live_peer.h"
#include "tests/lb/messages.h"
#include "tests/lb/named_copy.h"

namespace hither::lb::test {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view asks_for_tunnel =
    "GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
constexpr std::string_view opens_tunnel =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

// ---- Servers

TEST_F(LiveBalancer, LetsGoOfAServerThatEndedAndThenRefusesBytes) {
  start(topology::Mode::tcp);
  Peer client = connect_to(front_);
  {
    Peer backend = server().accept();
    client.say("x");
    backend.hear(1);
  }
  EXPECT_EQ(client.hear_all(), "");
  EXPECT_EQ(in_flight(), 1) << "it may only have closed its half";

  client.say("more");

  EXPECT_TRUE(eventually([this] { return in_flight() == 0; }));
}

TEST_F(LiveBalancer, LetsGoOfATunnelsServerThatEndedAndThenRefusesBytes) {
  start(topology::Mode::http);
  Peer client = connect_to(front_);
  client.say(asks_for_tunnel);
  {
    Peer backend = server().accept();
    backend.hear_until("\r\n\r\n");
    backend.say(opens_tunnel);
    client.hear_until("\r\n\r\n");
  }
  EXPECT_EQ(client.hear_all(), "");
  EXPECT_EQ(in_flight(), 1) << "it may only have closed its half";

  client.say("more");

  EXPECT_TRUE(eventually([this] { return in_flight() == 0; }));
}

TEST_F(LiveBalancer, LetsGoOfAServerThatRefusesWhatItWasSentAfterItsEnd) {
  start(topology::Mode::tcp);
  Peer client = connect_to(front_);
  {
    Peer backend = server().accept();
    client.say("x");
    backend.hear(1);
  }
  EXPECT_EQ(client.hear_all(), "");

  // Each send may be the one that fails.
  EXPECT_TRUE(eventually([&] {
    client.say("more");
    return in_flight() == 0;
  }));
}

// ---- Clients

TEST_F(LiveBalancer, HearsOfAResetBehindARequestThatIsUnread) {
  start(topology::Mode::http);
  Peer client = connect_to(front_);
  client.say(get);
  Peer backend = server().accept();
  backend.hear_until("\r\n\r\n");
  client.say(get);

  client.reset();

  EXPECT_EQ(backend.hear_all(), "") << "closed at once, not after a timeout";
  EXPECT_TRUE(eventually([this] { return status()["farms"][0]["client_aborts_total"] == 1; }));
}

TEST_F(LiveBalancer, AnEndBehindARequestThatIsUnreadIsNoReset) {
  start(topology::Mode::http);
  Peer client = connect_to(front_);
  client.say(get);
  Peer backend = server().accept();
  backend.hear_until("\r\n\r\n");
  client.say(get);
  client.end();

  backend.say(dated_hello);
  backend.hear_until("\r\n\r\n");
  backend.say(dated_hello);

  EXPECT_EQ(client.hear_all(), std::string(dated_hello) + std::string(dated_hello));
}

TEST_F(LiveBalancer, HearsOfAResetWhileTheServerTakesNoMore) {
  start(topology::Mode::tcp);
  Peer client = connect_to(front_);
  Peer backend = server().accept();
  // Much: it is relayed, and a pipe is full as well.
  EXPECT_GT(client.say_what_fits(std::string(40'000'000, 'x')), 0U);
  EXPECT_EQ(in_flight(), 1);

  client.reset();

  EXPECT_TRUE(eventually([this] { return in_flight() == 0; }));
}

TEST_F(LiveBalancer, OneThatIsResetGivesUpItsPlaceInTheQueueWhateverItSent) {
  topology::Farm farm = farm_of("web", topology::Mode::http);
  farm.concurrency = {.most = 1, .queue = 8, .queue_timeout = 1h};
  start({farm});
  Peer first = connect_to(front_);
  first.say(get);
  Peer at_work = server().accept();
  at_work.hear_until("\r\n\r\n");
  const auto waiting = [this] { return status()["farms"][0]["waiting"]; };
  for (const std::size_t size : {10U, 200'000U}) {
    Peer second = connect_to(front_);
    second.say("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: " + std::to_string(size) +
               "\r\n\r\n" + std::string(size, 'u'));
    ASSERT_TRUE(eventually([&] { return waiting() == 1; })) << size;

    second.reset();

    EXPECT_TRUE(eventually([&] { return waiting() == 0; })) << size;
  }
  at_work.say(dated_hello);
  EXPECT_EQ(first.hear(dated_hello.size()), dated_hello);
}

// ---- Those that are cut when we stop

TEST_F(LiveBalancer, WhoIsCutCannotTakeWhatItGotForTheWhole) {
  for (const bool at_once : {false, true}) {
    topology::Farm farm = farm_of("web", topology::Mode::http);
    if (at_once) farm.timeouts.drain = 6s;  // The limit, 9 s, is not to come first.
    start({farm});
    Peer client = connect_to(front_);
    client.say("GET / HTTP/1.0\r\n\r\n");
    Peer backend = server().accept();
    backend.hear_until("\r\n\r\n");
    backend.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    client.hear_until("hello");

    kill(getpid(), SIGTERM);
    ASSERT_TRUE(eventually([this] { return drains(); }));
    if (at_once) kill(getpid(), SIGTERM);  // else at the limit

    EXPECT_EQ(client.hear_all(), "");
    EXPECT_TRUE(client.was_reset()) << (at_once ? "by the second signal" : "at the limit");
    thread_.join();
    servers_.clear();
    ended_ = false;
  }
}

}  // namespace
}  // namespace hither::lb::test
