// SPDX-License-Identifier: Apache-2.0
//
// What goes wrong around an HTTP session: servers that die, time that passes, peers that do not
// read.
#include <gtest/gtest.h>

#include "lb/http_proxy.h"
#include "tests/lb/messages.h"
#include "tests/lb/story.h"

namespace hither::lb::test {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view post = "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\nhi";

TEST(HttpRetry, ADeadIdleConnectionCostsTheClientNothing) {
  for (const bool reset : {false, true}) {
    Story story;
    story.client_says(get).backend_says(hello).client_says(get);

    reset ? story.backend_resets() : story.backend_ends();

    EXPECT_EQ(story.connections_opened(), 2);
    EXPECT_EQ(story.backend_got(2), got_get());
    story.backend_says(hello);
    EXPECT_EQ(story.client_got(), std::string(hello) + std::string(hello));
    expect_at_rest(story);
  }
}

TEST(HttpRetry, IsCountedAndHappensOnce) {
  Story story;
  story.client_says(get).backend_says(hello).client_says(get);

  story.backend_ends().backend_ends();

  EXPECT_EQ(story.connections_opened(), 2);
  EXPECT_NE(story.client_got().find("502: web-1 closed the connection before it answered"),
            std::string::npos);
  const ServerTotals& totals = story.farm().server(0).totals(0);
  EXPECT_EQ(totals.retries.total(), 1U);
  EXPECT_EQ(totals.results[0].total(), 1U);
  EXPECT_EQ(totals.results[2].total(), 1U);
  expect_at_rest(story);
}

TEST(HttpRetry, LeavesItToTheClientToRepeatWhatMayNotBeSentTwice) {
  Story story;
  story.client_says(get).backend_says(hello).client_says(post);

  story.backend_ends();

  EXPECT_EQ(story.connections_opened(), 1);
  EXPECT_EQ(story.client_got(), hello) << "closed in silence";
  EXPECT_TRUE(story.closed());
  EXPECT_EQ(story.farm().server(0).totals(0).bad.total(), 0U) << "it was idle, that is all";
  expect_at_rest(story);
}

TEST(HttpRetry, RepeatsAnythingOfWhichNothingWasSent) {
  Story story;
  story.client_says(get).backend_says(hello);
  story.backend_refuses_bytes().client_says(post).backend_ends();
  story.backend_says(hello);

  EXPECT_EQ(story.connections_opened(), 2);
  EXPECT_EQ(story.backend_got(2),
            forwarded("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n") + "hi");
  EXPECT_EQ(story.client_got(), std::string(hello) + std::string(hello));
  expect_at_rest(story);
}

TEST(HttpRetry, NeverHappensOnceAByteOfAnAnswerCame) {
  Story story;
  story.client_says(get).backend_says(hello).client_says(get);

  story.backend_says("HTTP/1.1 2").backend_ends();

  EXPECT_EQ(story.connections_opened(), 1);
  EXPECT_NE(story.client_got().find("HTTP/1.1 502 "), std::string::npos);
  expect_at_rest(story);
}

TEST(HttpRetry, NeverHappensOnANewConnection) {
  Story story;

  story.client_says(get).backend_ends();

  EXPECT_EQ(story.connections_opened(), 1);
  EXPECT_TRUE(story.client_got().starts_with("HTTP/1.1 502 "));
  expect_at_rest(story);
}

TEST(HttpConnect, ARefusedConnectTriesTheOtherCopies) {
  Story story({.servers = 3});
  story.connects("refused").client_says(get);

  EXPECT_NE(story.client_got().find("503: no copy of farm web took the connection (3 tried; web-"),
            std::string::npos)
      << story.client_got();
  EXPECT_TRUE(story.client_got().ends_with(": Connection refused)\n"));
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(story.farm().server(i).totals(0).connect_failures.total(), 1U) << i;
  }
  expect_at_rest(story);
}

TEST(HttpConnect, ASilentConnectMovesOnInTime) {
  Story story({.servers = 2});
  story.connects("silent").client_says(get);
  EXPECT_EQ(story.connecting(), 1U);
  EXPECT_EQ(story.in_flight(), 1U) << "a pending connect is load";

  story.connects("taken").time_passes(2s).backend_says(hello);

  EXPECT_EQ(story.client_got(), hello);
  EXPECT_EQ(story.farm().server(0).totals(0).connect_failures.total(), 1U);
  EXPECT_EQ(story.farm().server(1).totals(0).connects.total(), 1U);
  expect_at_rest(story);
}

TEST(HttpTime, AHeadHasAnAbsoluteDeadline) {
  Story story;

  for (int i = 0; i < 9; ++i) story.client_says("G").time_passes(1s);
  EXPECT_FALSE(story.client_got_end());

  story.client_says("G").time_passes(1s);
  EXPECT_TRUE(story.client_got().starts_with("HTTP/1.1 408 "));
  EXPECT_TRUE(story.client_got_end());
  story.time_passes(1s);
  EXPECT_TRUE(story.closed());
  expect_at_rest(story);
}

TEST(HttpTime, ALateHeadBehindAHeadRequestIsAnsweredAsAWhole) {
  Story story;
  story.client_says("HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n");
  story.backend_says("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");

  story.client_says("G").time_passes(10s);

  EXPECT_TRUE(story.client_got().ends_with("408: the head of the request did not come in time\n"))
      << story.client_got();
}

TEST(HttpTime, AConnectionThatNeverAskedIsClosedInSilence) {
  Story story;

  story.time_passes(10s);

  EXPECT_TRUE(story.closed());
  EXPECT_EQ(story.client_got(), "");
}

TEST(HttpTime, AnIdleConnectionIsClosedInSilence) {
  Story story;
  story.client_says(get).backend_says(hello);

  story.time_passes(59s);
  EXPECT_FALSE(story.closed());

  story.time_passes(1s);
  EXPECT_TRUE(story.closed());
  EXPECT_EQ(story.client_got(), hello);
}

TEST(HttpTime, AServerThatDoesNotAnswerIsA504) {
  Story story;

  story.client_says(get).time_passes(30s);

  EXPECT_TRUE(story.client_got().starts_with("HTTP/1.1 504 "));
  EXPECT_TRUE(story.client_got().ends_with("504: web-1 did not answer in time\n"));
  EXPECT_FALSE(story.connection_open(1));
  EXPECT_FALSE(story.closed());
  expect_at_rest(story);
}

TEST(HttpTime, ADrippingHeadDoesNotPutOffThe504) {
  Story story;

  story.client_says(get).time_passes(29s).backend_says("HTTP/1.1 200").time_passes(1s);

  EXPECT_TRUE(story.client_got().starts_with("HTTP/1.1 504 "));
}

TEST(HttpTime, ABodyMayTakeLongAsLongAsItMoves) {
  Story story;
  story.client_says(get).backend_says("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");

  for (const char c : std::string_view("hello")) {
    story.time_passes(29s).backend_says(std::string(1, c));
  }

  EXPECT_EQ(story.client_got(), hello);
}

TEST(HttpTime, ABodyThatStandsStillIsGivenUp) {
  Story story;
  story.client_says(get).backend_says("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");

  story.time_passes(30s);

  EXPECT_TRUE(story.closed());
  expect_at_rest(story);
}

TEST(HttpTime, ARequestBodyThatStandsStillIsA408) {
  Story story;
  story.client_says("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 8\r\n\r\nabcd");

  story.time_passes(30s);

  EXPECT_TRUE(story.client_got().starts_with("HTTP/1.1 408 "));
  EXPECT_TRUE(story.client_got_end());
  expect_at_rest(story);
}

TEST(HttpBackPressure, ASlowClientHoldsOneBlockAndStopsTheServer) {
  Story story;
  story.client_stops_reading().client_says(get);
  story.backend_says("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");

  story.backend_says(std::string(1'000'000, 'x'));

  EXPECT_LE(story.blocks_taken(), 2U);
  EXPECT_GE(story.unread_by_session(), 1'000'000 - 2 * block_bytes);
  story.client_stops_reading(false);
  EXPECT_EQ(story.unread_by_session(), 0U);
  EXPECT_EQ(story.client_got().size(), std::string_view(hello).size() - 5 + 6 + 1'000'000);
  EXPECT_EQ(story.idle_connections(), 1U);
  expect_at_rest(story);
}

TEST(HttpBackPressure, ASlowServerHoldsOneBlockAndStopsTheClient) {
  for (const std::string_view framing : {"Content-Length: 1000000", "Transfer-Encoding: chunked"}) {
    Story story;
    const bool chunked = framing.starts_with("T");
    story.backend_stops_reading().client_says("POST / HTTP/1.1\r\nHost: a.test\r\n" +
                                              std::string(framing) + "\r\n\r\n");
    if (chunked) story.client_says("f4240\r\n");
    story.client_says(std::string(1'000'000, 'x'));
    if (chunked) story.client_says("\r\n0\r\n\r\n");

    EXPECT_LE(story.blocks_taken(), 2U);
    EXPECT_GE(story.unread_by_session(), 1'000'000 - 2 * block_bytes);
    story.backend_stops_reading(false).backend_says(hello);
    EXPECT_EQ(story.client_got(), hello);
    expect_at_rest(story);
  }
}

TEST(HttpBackPressure, AClientThatPipelinesAndNeverReadsGetsNoFurther) {
  Story story;
  story.client_stops_reading();
  for (int i = 0; i < 100; ++i) story.client_says(get);

  story.backend_says(hello);

  EXPECT_EQ(story.backends_got(), got_get());
  EXPECT_LE(story.blocks_taken(), 2U);
}

// L15: an old client takes any orderly end for the end of the body.
TEST(HttpCutShort, AnOldClientIsResetWhereANewOneMissesTheLastChunk) {
  for (const std::string_view version : {"1.0", "1.1"}) {
    Story story;
    story.client_says("GET / HTTP/" + std::string(version) + "\r\nHost: a.test\r\n\r\n");
    story.backend_says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    story.backend_ends();

    EXPECT_TRUE(story.client_got().find("hello") != std::string::npos) << story.client_got();
    EXPECT_TRUE(story.closed());
    EXPECT_EQ(story.client_got_reset(), version == "1.0") << version;
    expect_at_rest(story);
  }
}

TEST(HttpCutShort, AnOldClientThatIsOnlySlowIsResetAsWell) {
  Story story;
  story.client_says("GET / HTTP/1.0\r\n\r\n");
  story.backend_says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
  story.client_stops_reading().backend_says("5\r\nworld\r\n");

  story.time_passes(std::chrono::minutes(2));

  EXPECT_TRUE(story.closed());
  EXPECT_TRUE(story.client_got_reset());
  expect_at_rest(story);
}

TEST(HttpCutShort, AnOldClientThatIsLateWithItsOwnBodyIsResetAsWell) {
  Story story;
  story.client_says("POST / HTTP/1.0\r\nContent-Length: 9\r\n\r\nabc");
  story.backend_says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");

  story.time_passes(std::chrono::seconds(12));

  EXPECT_TRUE(story.closed());
  EXPECT_TRUE(story.client_got_reset());
  expect_at_rest(story);
}

TEST(HttpShortage, OfOurOwnBlamesNoCopyAndIsNoRetry) {
  Story story({.servers = 2});
  story.connects("impossible").client_says(get);

  EXPECT_TRUE(story.client_got().starts_with("HTTP/1.1 503 ")) << story.client_got();
  EXPECT_NE(story.client_got().find("could be opened: Too many open files"), std::string::npos);
  EXPECT_EQ(story.connections_opened(), 0);
  for (const std::size_t server : {0U, 1U}) {
    const Server& copy = story.farm().server(server);
    EXPECT_EQ(copy.sum([](const ServerTotals& t) -> const Counter& { return t.retries; }), 0U);
    EXPECT_EQ(copy.sum([](const ServerTotals& t) -> const Counter& { return t.connect_failures; }),
              0U);
  }
  story.connects("taken").client_says(get).backend_says(hello);
  EXPECT_TRUE(story.client_got().ends_with("hello")) << story.client_got();
  expect_at_rest(story);
}

TEST(HttpSlowness, WhoDoesNotTakeWhatComesBeforeTheResponseIsSlowHimself) {
  Story story;
  story.client_stops_reading().client_says(get);
  story.backend_says("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");

  story.time_passes(story.farm().settings().timeouts.response + std::chrono::seconds(30));

  EXPECT_TRUE(story.closed());
  ASSERT_EQ(story.records().size(), 1U);
  EXPECT_EQ(story.records()[0].reason.who, 'c');
  EXPECT_EQ(story.farm().server(0).feedback().mean(story.now()), Duration::zero());
  expect_at_rest(story);
}

TEST(HttpShortage, OfPortsTowardsAllCopiesIsOursToo) {
  Story story({.servers = 2});
  story.connects("no port").client_says(get);

  EXPECT_TRUE(story.client_got().starts_with("HTTP/1.1 503 ")) << story.client_got();
  EXPECT_NE(story.client_got().find("could be opened: Cannot assign"), std::string::npos);
  ASSERT_EQ(story.records().size(), 1U);
  EXPECT_EQ(story.records()[0].reason, (EndReason{'R', 'C'}));
  EXPECT_EQ(story.records()[0].retries, 0U);
  for (const std::size_t server : {0U, 1U}) {
    EXPECT_EQ(story.farm().server(server).feedback().mean(story.now()), Duration::zero());
  }
  expect_at_rest(story);
}

}  // namespace
}  // namespace hither::lb::test
