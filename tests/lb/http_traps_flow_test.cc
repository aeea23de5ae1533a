// SPDX-License-Identifier: Apache-2.0
//
// Traps 8, 9, 11 to 16, 20 and 22: what happens around a message.
#include "tests/lb/http_traps.h"

namespace hither::lb::test {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view upgrade =
    "GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: keep-alive, Upgrade\r\n"
    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n";
constexpr std::string_view switching =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\n\r\n";
constexpr std::string_view switched =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";

std::string got_upgrade() {
  return forwarded("GET /ws HTTP/1.1\r\nHost: a.test\r\nSec-WebSocket-Version: 13\r\n", "a.test",
                   "Upgrade: websocket\r\nConnection: Upgrade\r\n");
}

TEST(HttpTrap08, ATunnelBeginsOnlyBehindThe101) {
  Story story;

  story.client_says(std::string(upgrade) + "early");
  EXPECT_EQ(story.backends_got(), got_upgrade()) << "nothing goes on before the server agreed";
  story.backend_says(std::string(switching) + "behind");
  story.client_says("up").backend_says("down");

  EXPECT_EQ(story.backends_got(), got_upgrade() + "earlyup");
  EXPECT_EQ(story.client_got(), std::string(switched) + "behinddown");
  EXPECT_EQ(story.in_flight(), 1U) << "it is load as long as it lasts";
  story.client_ends();
  EXPECT_TRUE(story.backend_got_end());
  EXPECT_FALSE(story.closed()) << "each way ends on its own";
  story.backend_says("last words").backend_ends();
  EXPECT_TRUE(story.client_got().ends_with("last words"));
  EXPECT_TRUE(story.closed());
  EXPECT_FALSE(story.connection_open(1)) << "never pooled";
  expect_at_rest(story);
}

TEST(HttpTrap08, ATunnelEndsFromTheServersSideToo) {
  Story story;
  story.client_says(upgrade).backend_says(switching).backend_says("bye").backend_ends();

  EXPECT_TRUE(story.client_got_end());
  EXPECT_FALSE(story.closed());
  story.client_says("still").client_ends();

  EXPECT_EQ(story.backends_got(), got_upgrade() + "still");
  EXPECT_TRUE(story.closed());
  expect_at_rest(story);
}

TEST(HttpTrap08, AnIdleTunnelIsClosed) {
  topology::Farm farm = round_robin_farm();
  farm.timeouts.tunnel = 90s;
  Story story({.farm = farm});
  story.client_says(upgrade).backend_says(switching);

  story.time_passes(89s).client_says("x").time_passes(89s).backend_says("y").time_passes(89s);
  EXPECT_FALSE(story.closed()) << "any byte counts";

  story.time_passes(1s);
  EXPECT_TRUE(story.closed());
  expect_at_rest(story);
}

TEST(HttpTrap08, AResetEndsTheTunnel) {
  for (const bool client : {true, false}) {
    Story story;
    story.client_says(upgrade).backend_says(switching);

    client ? story.client_resets() : story.backend_resets();

    EXPECT_TRUE(story.client_got_end());
    if (!client) story.time_passes(linger_max);
    EXPECT_TRUE(story.closed());
    expect_at_rest(story);
  }
}

TEST(HttpTrap08, AServerThatDoesNotSwitchAnswersAsEver) {
  Story story;

  story.client_says(std::string(upgrade) + std::string(get)).backend_says(hello);

  EXPECT_EQ(story.client_got(), hello);
  EXPECT_EQ(story.backends_got(), got_upgrade() + got_get()) << "what came behind is a request";
  story.backend_says(hello);
  EXPECT_EQ(story.connections_opened(), 1);
  expect_at_rest(story);
}

TEST(HttpTrap08, NoUpgradeWithABodyOrToHttp) {
  for (const std::string_view fields :
       {"Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 3\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n",
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
        "Connection: Upgrade\r\nUpgrade: H2C\r\n", "Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n",
        "Connection: Upgrade\r\nUpgrade: HTTP/2.0\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n",
        "Connection: Upgrade\r\nUpgrade: \r\n", "Upgrade: websocket\r\n",
        "Connection: Upgrade\r\n"}) {
    Story story;
    story.client_says(with_fields("POST /", fields));
    EXPECT_EQ(story.backends_got().find("pgrade"), std::string::npos) << fields;
    EXPECT_EQ(story.backends_got().find("HTTP2-Settings"), std::string::npos) << fields;
    story.backend_says(switching);
    EXPECT_TRUE(story.client_got().starts_with("HTTP/1.1 502 ")) << fields;
    EXPECT_FALSE(story.connection_open(1)) << fields;
    story.client_ends();
    EXPECT_TRUE(story.closed());
    expect_at_rest(story);
  }
}

TEST(HttpTrap08, ASwitchToSomethingElseIsNone) {
  for (const std::string_view response :
       {"HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
        "HTTP/1.1 101 X\r\nConnection: Upgrade\r\n\r\n",
        "HTTP/1.1 101 X\r\nUpgrade: websocket\r\n\r\n",
        "HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: x\r\n\r\n"}) {
    Story story;
    story.client_says(upgrade).backend_says(response);
    EXPECT_TRUE(story.client_got().starts_with("HTTP/1.1 502 ")) << response;
    EXPECT_FALSE(story.connection_open(1));
    expect_at_rest(story);
  }
}

TEST(HttpTrap09, ContinueIsTheServersToSay) {
  const std::string put = with_fields("PUT /", "Content-Length: 3\r\nExpect: 100-continue\r\n");
  {
    Story story;
    story.client_says(put);
    EXPECT_TRUE(story.backends_got().find("Expect: 100-continue\r\n") != std::string::npos);
    EXPECT_EQ(story.client_got(), "") << "we answer nothing ourselves";
    story.backend_says("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n");
    EXPECT_EQ(story.client_got(),
              "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n");
    story.client_says("abc").backend_says(hello);
    EXPECT_TRUE(story.client_got().ends_with(hello));
    EXPECT_EQ(story.idle_connections(), 1U);
    expect_at_rest(story);
  }
  {
    Story story;
    story.client_says(put).time_passes(5s).client_says("abc").backend_says(hello);
    EXPECT_EQ(story.client_got(), hello) << "a client need not wait for ever";
    EXPECT_EQ(story.idle_connections(), 1U);
    expect_at_rest(story);
  }
  {
    Story story;
    story.client_says(put).backend_says("HTTP/1.1 417 X\r\nContent-Length: 0\r\n\r\n");
    EXPECT_EQ(story.client_got(),
              "HTTP/1.1 417 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    EXPECT_FALSE(story.connection_open(1)) << "the body may or may not come";
    story.client_says("abc").client_ends();
    EXPECT_TRUE(story.closed());
    expect_at_rest(story);
  }
  {
    Story story;
    story.client_says(put).time_passes(30s);
    EXPECT_TRUE(story.client_got().starts_with("HTTP/1.1 504 ")) << "the server did not speak";
  }
}

TEST(HttpTrap09, AnOldClientHearsOfNoInterimResponse) {
  Story story;

  story.client_says(
      "PUT / HTTP/1.0\r\nHost: a.test\r\nContent-Length: 3\r\n"
      "Expect: 100-continue\r\n\r\nabc");
  story.backend_says("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n");
  story.backend_says(hello);

  EXPECT_EQ(story.backends_got().find("Expect"), std::string::npos);
  EXPECT_TRUE(story.client_got().starts_with("HTTP/1.1 200 OK\r\n"));
  expect_at_rest(story);
}

TEST(HttpTrap11, ABodyThatEndsWithTheConnectionIsChunked) {
  Story story;

  story.client_says(get).backend_says("HTTP/1.1 200 OK\r\n\r\nabc").backend_says("de");
  story.backend_ends();

  EXPECT_EQ(story.client_got(),
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  EXPECT_FALSE(story.connection_open(1));
  EXPECT_FALSE(story.closed()) << "the client's connection goes on";
  expect_at_rest(story);
}

TEST(HttpTrap11, ForAnOldClientOurCloseIsTheEnd) {
  for (const bool reset : {false, true}) {
    Story story;

    story.client_says("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    story.backend_says("HTTP/1.0 200 OK\r\n\r\nabc");
    reset ? story.backend_resets() : story.backend_ends();

    EXPECT_EQ(story.client_got(), "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc");
    EXPECT_TRUE(story.client_got_end());
    story.client_ends();
    EXPECT_TRUE(story.closed());
    EXPECT_EQ(story.client_got_reset(), reset) << "a part must not pass for the whole";
    expect_at_rest(story);
  }
}

TEST(HttpTrap12, ExtraBytesPoisonTheConnection) {
  for (const std::string_view piece : {"whole", "split", "chunked", "bodiless"}) {
    Story story;
    story.client_says(get);
    if (piece == "whole") story.backend_says(std::string(hello) + "HTTP/1.1 200 OK\r\n\r\n");
    if (piece == "split") {
      story.backend_says("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe").backend_says("lloX");
    }
    if (piece == "chunked") {
      story.backend_says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX");
    }
    if (piece == "bodiless") story.backend_says("HTTP/1.1 304 Not Modified\r\n\r\nX");

    EXPECT_FALSE(story.connection_open(1)) << piece;
    story.client_says(get).backend_says(hello);
    EXPECT_EQ(story.connections_opened(), 2) << piece;
    EXPECT_TRUE(story.client_got().ends_with(hello)) << piece;
    expect_at_rest(story);
  }
}

TEST(HttpTrap13, AnEarlyResponseEndsBothConnections) {
  Story story;
  story.client_says(with_fields("POST /", "Content-Length: 1000\r\n") + "begin");

  story.backend_says("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");

  EXPECT_EQ(story.client_got(),
            "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
  EXPECT_FALSE(story.connection_open(1)) << "it would take the rest for the next request";
  EXPECT_TRUE(story.client_got_end());
  EXPECT_FALSE(story.closed()) << "closing now would reset, and eat the response";
  story.client_says(std::string(500, 'x'));
  EXPECT_EQ(story.unread_by_session(), 0U) << "what still comes is read and thrown away";
  story.time_passes(1s);
  EXPECT_TRUE(story.closed());
  expect_at_rest(story);
}

TEST(HttpTrap14, PipelinedRequestsAreAnsweredInOrder) {
  Story story;
  story.client_says(with_fields("POST /1", "Content-Length: 3\r\n") + "one" +
                    with_fields("POST /2", "Transfer-Encoding: chunked\r\n") +
                    "3\r\ntwo\r\n0\r\n\r\n" + with_fields("GET /3", "") + "GARBAGE\r\n\r\n");

  EXPECT_EQ(story.backends_got().find("/2"), std::string::npos) << "one at a time";
  for (const char* body : {"a", "b", "c"}) {
    story.backend_says("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n" + std::string(body));
  }

  const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n";
  EXPECT_TRUE(story.client_got().starts_with(answer + "a" + answer + "b" + answer + "c"));
  EXPECT_NE(story.client_got().find("HTTP/1.1 400 "), std::string::npos);
  EXPECT_TRUE(story.client_got_end()) << "a framing error ends the connection";
  story.client_ends();
  expect_at_rest(story);
}

TEST(HttpTrap15, AStaleConnectionIsNever502) {
  const std::string put = with_fields("PUT /", "Content-Length: 2\r\n") + "hi";
  const std::string post = with_fields("POST /", "Content-Length: 2\r\n") + "hi";
  for (const std::string& request : {std::string(get), put, post}) {
    for (const bool reset : {false, true}) {
      Story story;
      story.client_says(get).backend_says(hello).client_says(request);
      EXPECT_EQ(story.connections_opened(), 1);

      reset ? story.backend_resets() : story.backend_ends();

      if (request == post) {
        EXPECT_EQ(story.client_got(), hello) << "closed in silence: the client repeats if it may";
        EXPECT_TRUE(story.closed());
      } else {
        EXPECT_EQ(story.connections_opened(), 2);
        EXPECT_EQ(story.backend_got(1), got_get() + story.backend_got(2)) << "as a whole";
        story.backend_says(hello);
        EXPECT_EQ(story.client_got(), std::string(hello) + std::string(hello));
      }
      expect_at_rest(story);
    }
  }
}

TEST(HttpTrap15, OnlyTheFirstAttemptOfAFirstRequestIsFresh) {
  // What neither we nor a client on its first request would send again gets a new connection.
  Story story;
  story.client_says("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
  story.backend_says(hello);
  ASSERT_EQ(story.idle_connections(), 1U);
  story.next_client();
  story.client_says(with_fields("POST /", "Content-Length: 2\r\n") + "hi").backend_says(hello);
  EXPECT_EQ(story.connections_opened(), 2);
  story.client_says(with_fields("POST /", "Content-Length: 2\r\n") + "hi").backend_says(hello);
  EXPECT_EQ(story.connections_opened(), 2) << "the next one may use an idle one";
  expect_at_rest(story);
}

TEST(HttpTrap15, ABodyTooLargeToKeepIsNotSentTwice) {
  Story story;
  story.client_says(get).backend_says(hello);
  story.client_says(with_fields("PUT /", "Content-Length: 40000\r\n") + std::string(40'000, 'x'));

  story.backend_ends();

  EXPECT_EQ(story.connections_opened(), 1);
  EXPECT_EQ(story.client_got(), hello);
  EXPECT_TRUE(story.closed());
  expect_at_rest(story);
}

TEST(HttpTrap16, AClientMayHalfClose) {
  Story story;
  story.client_says(std::string(get) + std::string(get)).client_ends();

  story.backend_says(hello).backend_says(hello);

  EXPECT_EQ(story.client_got(), std::string(hello) + std::string(hello));
  EXPECT_TRUE(story.closed());
  EXPECT_EQ(story.idle_connections(), 1U);
  expect_at_rest(story);
}

TEST(HttpTrap16, UnlessTheFarmTakesThatForLeaving) {
  topology::Farm farm = round_robin_farm();
  farm.half_close = topology::HalfClose::abort;
  Story story({.farm = farm});

  story.client_says(get).client_half_closes_unread();

  EXPECT_TRUE(story.closed());
  EXPECT_FALSE(story.connection_open(1));
  expect_at_rest(story);
}

TEST(HttpTrap20, AConnectionThatKnowsItsClientIsForNobodyElse) {
  for (const std::string_view scheme : {"NTLM", "Negotiate", "negotiate"}) {
    const std::string leg =
        with_fields("GET /", "Authorization: " + std::string(scheme) + " TlRM\r\n");
    Story story({.servers = 2});
    story.client_says(leg).backend_says("HTTP/1.1 401 X\r\nWWW-Authenticate: " +
                                        std::string(scheme) + " x\r\nContent-Length: 0\r\n\r\n");
    EXPECT_EQ(story.idle_connections(), 0U) << "not in the pool";
    EXPECT_TRUE(story.connection_open(1)) << "but kept";
    EXPECT_EQ(story.in_flight(), 0U);
    story.client_says(leg).backend_says(hello).client_says(get).backend_says(hello);
    EXPECT_EQ(story.connections_opened(), 1) << "the same one, whatever the picker would say";
    story.client_ends();
    EXPECT_TRUE(story.closed());
    EXPECT_FALSE(story.connection_open(1));
    expect_at_rest(story);
  }
}

TEST(HttpTrap20, AServerMayAskForItFirst) {
  Story story;
  story.client_says(get).backend_says(
      "HTTP/1.1 401 X\r\nWWW-Authenticate: Basic\r\nWWW-Authenticate: NTLM\r\n"
      "Content-Length: 0\r\n\r\n");
  EXPECT_EQ(story.idle_connections(), 0U);

  story.backend_ends();  // While it is kept.
  EXPECT_FALSE(story.closed());
  story.client_says(get).backend_says(hello);

  EXPECT_EQ(story.connections_opened(), 2);
  EXPECT_TRUE(story.client_got().ends_with(hello));
  EXPECT_EQ(story.idle_connections(), 0U) << "once asked, the client's connections stay its own";
  story.backend_says("unasked");
  EXPECT_FALSE(story.connection_open(2));
  EXPECT_FALSE(story.closed());
  expect_at_rest(story);
}

TEST(HttpTrap22, AConnectionThatNeverAskedIsClosedInSilence) {
  {
    Story story;
    story.time_passes(10s);
    EXPECT_TRUE(story.closed());
    EXPECT_EQ(story.client_got(), "") << "a browser's spare connection";
  }
  {
    Story story;
    story.client_says("G").time_passes(10s);
    EXPECT_TRUE(story.client_got().starts_with("HTTP/1.1 408 "));
    EXPECT_TRUE(story.client_got_end());
  }
  {
    Story story;
    story.client_says(get).backend_says(hello).time_passes(60s);
    EXPECT_TRUE(story.closed());
    EXPECT_EQ(story.client_got(), hello);
    expect_at_rest(story);
  }
}

}  // namespace
}  // namespace hither::lb::test
