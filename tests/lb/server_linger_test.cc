// SPDX-License-Identifier: Apache-2.0
//
// How a client's connection ends while it still speaks: closed with its bytes unread, its kernel
// would be told of a reset, and might lose what it has not read yet.
#include <gtest/gtest.h>

#include <string>

#include "tests/lb/live_balancer.h"

namespace hither::lb::test {
namespace {

constexpr std::size_t more_than_fits = 64 << 20;  // into all buffers on the way

TEST_F(LiveBalancer, AnUploadThatAServerBreaksOffHearsWhyAndNoReset) {
  start(topology::Mode::tcp);
  Peer client = connect_to(front_);
  Peer copy = server().accept();
  client.say_what_fits(std::string(more_than_fits, 'x'));
  const std::string why = std::string(10'000, 'y') + "too much";

  copy.say(why);
  copy.reset();

  EXPECT_EQ(client.hear_all(), why);
  EXPECT_FALSE(client.was_reset());
}

TEST_F(LiveBalancer, ARequestThatCrossesTheEndOfTheConnectionDoesNotCostTheResponse) {
  start(topology::Mode::http);
  Peer client = connect_to(front_);
  client.say("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  Peer copy = server().accept();
  copy.hear_until("\r\n\r\n");
  client.say("GET /next HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");

  copy.say("HTTP/1.0 200 OK\r\n\r\nhello");
  copy.end();

  EXPECT_TRUE(client.hear_all().ends_with("\r\n\r\nhello"));
  EXPECT_FALSE(client.was_reset());
}

TEST_F(LiveBalancer, ATunnelThatAServerBreaksOffEndsWithoutAReset) {
  start(topology::Mode::http);
  Peer client = connect_to(front_);
  client.say("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
  Peer copy = server().accept();
  copy.hear_until("\r\n\r\n");
  copy.say("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
  client.hear_until("\r\n\r\n");
  client.say_what_fits(std::string(more_than_fits, 'x'));

  copy.say("bye");
  copy.reset();

  EXPECT_EQ(client.hear_all(), "bye");
  EXPECT_FALSE(client.was_reset());
}

/// Bytes of an idle connection are the answer to nobody's request.
TEST_F(LiveBalancer, WhatAnIdleServerSaysUnaskedIsNotTheNextAnswer) {
  start(topology::Mode::http);
  Peer client = connect_to(front_);
  client.say("GET /1 HTTP/1.1\r\nHost: a.test\r\n\r\n");
  Peer copy = server().accept();
  copy.hear_until("\r\n\r\n");
  const std::string stray = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray";
  copy.say("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none");
  EXPECT_TRUE(client.hear_until("one").ends_with("one"));

  copy.say(stray);
  EXPECT_EQ(copy.hear_all(), "") << "it is closed";
  client.say("GET /2 HTTP/1.1\r\nHost: a.test\r\n\r\n");

  Peer other = server().accept();
  EXPECT_TRUE(other.hear_until("\r\n\r\n").starts_with("GET /2 "));
  other.say("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo");
  EXPECT_TRUE(client.hear_until("two").ends_with("two"));
}

TEST_F(LiveBalancer, DatesWhatItsServersDoNotDate) {
  start(topology::Mode::http);
  for (const bool dated : {false, true}) {
    const std::string own = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    Peer client = connect_to(front_);
    client.say("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
    Peer copy = server().accept();
    copy.hear_until("\r\n\r\n");
    copy.say("HTTP/1.1 200 OK\r\n" + (dated ? own : "") + "Connection: close\r\n\r\n");
    copy.end();

    const std::string answer = client.hear_all();

    const std::size_t at = answer.find("\r\nDate: ");
    ASSERT_NE(at, std::string::npos) << answer;
    EXPECT_EQ(answer.find("\r\nDate: ", at + 1), std::string::npos) << answer;
    EXPECT_EQ(answer.find(own) != std::string::npos, dated) << answer;
  }
}

}  // namespace
}  // namespace hither::lb::test
