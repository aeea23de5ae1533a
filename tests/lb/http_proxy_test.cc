// SPDX-License-Identifier: Apache-2.0
#include "lb/http_proxy.h"

#include <gtest/gtest.h>

#include "tests/lb/messages.h"
#include "tests/lb/story.h"

namespace hither::lb::test {
namespace {

using namespace std::chrono_literals;

/// After every story: nothing is in flight, no memory is held.
TEST(HttpProxy, PassesRequestAndResponseOn) {
  Story story;

  story.client_says(get).backend_says(hello);

  EXPECT_EQ(story.backend_got(1), got_get());
  EXPECT_EQ(story.client_got(), hello);
  EXPECT_FALSE(story.closed());
  expect_at_rest(story);
}

TEST(HttpProxy, KeepsBothConnectionsForTheNextRequest) {
  Story story;

  story.client_says(get).backend_says(hello).client_says(get).backend_says(hello);

  EXPECT_EQ(story.connections_opened(), 1);
  EXPECT_EQ(story.backend_got(1), got_get() + got_get());
  EXPECT_EQ(story.client_got(), std::string(hello) + std::string(hello));
}

TEST(HttpProxy, AnswersPipelinedRequestsOneByOneInOrder) {
  Story story;

  story.client_says(std::string(get) + "GET /2 HTTP/1.1\r\nHost: a.test\r\n\r\n");

  EXPECT_EQ(story.backends_got(), got_get()) << "the second waits for the first response";
  story.backend_says(hello);
  EXPECT_EQ(story.backends_got(), got_get() + forwarded("GET /2 HTTP/1.1\r\nHost: a.test\r\n"));
  story.backend_says("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(story.client_got(),
            std::string(hello) + "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
  expect_at_rest(story);
}

TEST(HttpProxy, StreamsABodyOfKnownLength) {
  Story story;

  story.client_says("POST /in HTTP/1.1\r\nHost: a.test\r\nContent-Length: 8\r\n\r\nabcd");
  EXPECT_EQ(story.backends_got(),
            forwarded("POST /in HTTP/1.1\r\nHost: a.test\r\nContent-Length: 8\r\n") + "abcd");

  story.client_says("efgh").backend_says(hello);
  EXPECT_EQ(story.client_got(), hello);
  EXPECT_EQ(story.idle_connections(), 1U);
  expect_at_rest(story);
}

TEST(HttpProxy, ChunksARequestAnewWithoutExtensions) {
  Story story;

  story.client_says(
      "POST /in HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"
      "4;x=1\r\nabcd\r\n0004\r\nefgh\r\n0\r\nX-Sum: 1\r\n\r\n");

  EXPECT_EQ(story.backends_got(),
            forwarded("POST /in HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n") +
                "4\r\nabcd\r\n4\r\nefgh\r\n0\r\nX-Sum: 1\r\n\r\n");
}

TEST(HttpProxy, ChunksAResponseAnew) {
  Story story;

  story.client_says(get).backend_says(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a\r\nabc\r\n0\r\nX: 1\r\n\r\n");

  EXPECT_EQ(story.client_got(),
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  EXPECT_EQ(story.idle_connections(), 1U);
  expect_at_rest(story);
}

TEST(HttpProxy, ChunksABodyThatEndsWithTheConnection) {
  Story story;

  story.client_says(get).backend_says("HTTP/1.1 200 OK\r\n\r\nabc").backend_ends();

  EXPECT_EQ(story.client_got(),
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  EXPECT_FALSE(story.closed());
  EXPECT_FALSE(story.connection_open(1));
  expect_at_rest(story);
}

TEST(HttpProxy, ClosesBehindAChunkedBodyForAnOldClient) {
  Story story;

  story.client_says("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
      .backend_says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");

  EXPECT_EQ(story.backends_got(), forwarded("GET / HTTP/1.1\r\nHost: web\r\n", ""));
  EXPECT_EQ(story.client_got(), "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc");
  EXPECT_TRUE(story.client_got_end());
  story.client_ends();
  EXPECT_TRUE(story.closed());
}

TEST(HttpProxy, TellsAnOldClientThatTheConnectionStays) {
  Story story;

  story.client_says("GET / HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\n\r\n")
      .backend_says(hello);

  EXPECT_EQ(story.client_got(),
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello");
  EXPECT_FALSE(story.closed());
}

TEST(HttpProxy, ClosesWhenTheClientAsksForIt) {
  Story story;

  story.client_says("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
      .backend_says(hello);

  EXPECT_EQ(story.backends_got(), got_get()) << "the server's connection is its own matter";
  EXPECT_EQ(story.client_got(),
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello");
  EXPECT_TRUE(story.closed());
  EXPECT_EQ(story.idle_connections(), 1U);
  expect_at_rest(story);
}

struct Bodiless {
  const char* name;
  std::string_view request;
  std::string_view response;
  std::string_view expected;
};

class HttpProxyBodiless : public testing::TestWithParam<Bodiless> {};

TEST_P(HttpProxyBodiless, ResponseBorrowsNoBytesOfTheNext) {
  const Bodiless& row = GetParam();
  Story story;

  story.client_says(row.request).backend_says(row.response);
  story.client_says(get).backend_says(hello);

  EXPECT_EQ(story.client_got(), std::string(row.expected) + std::string(hello));
  EXPECT_EQ(story.connections_opened(), 1);
  expect_at_rest(story);
}

INSTANTIATE_TEST_SUITE_P(
    Table, HttpProxyBodiless,
    testing::Values(Bodiless{"Head", "HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n",
                             "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
                             "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"},
                    Bodiless{"HeadChunked", "HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n",
                             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                             "HTTP/1.1 200 OK\r\n\r\n"},
                    Bodiless{"NoContent", get,
                             "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
                             "HTTP/1.1 204 No Content\r\n\r\n"},
                    Bodiless{"NotModified", get,
                             "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
                             "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"},
                    Bodiless{"Empty", get, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
                             "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
                    Bodiless{"EmptyChunked", get,
                             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"}),
    [](const auto& row) { return row.param.name; });

TEST(HttpProxy, RelaysContinueAndThenTheBody) {
  Story story;

  story.client_says(
      "PUT /in HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  story.backend_says("HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_EQ(story.client_got(), "HTTP/1.1 100 Continue\r\n\r\n");

  story.client_says("abc").backend_says(hello);
  EXPECT_EQ(story.backends_got(),
            forwarded("PUT /in HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n"
                      "Expect: 100-continue\r\n") +
                "abc");
  EXPECT_EQ(story.client_got(), "HTTP/1.1 100 Continue\r\n\r\n" + std::string(hello));
  EXPECT_FALSE(story.closed());
  expect_at_rest(story);
}

TEST(HttpProxy, KeepsInterimResponsesFromAnOldClient) {
  Story story;

  story.client_says("GET / HTTP/1.0\r\nHost: a.test\r\n\r\n")
      .backend_says("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + std::string(hello));

  EXPECT_EQ(story.client_got(),
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello");
}

TEST(HttpProxy, ClosesBothAfterAnEarlyResponse) {
  Story story;

  story
      .client_says(
          "PUT /in HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
      .backend_says("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n");

  EXPECT_EQ(story.client_got(),
            "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  EXPECT_FALSE(story.connection_open(1));
  EXPECT_TRUE(story.client_got_end());
  story.client_says("abc").client_ends();
  EXPECT_TRUE(story.closed());
  expect_at_rest(story);
}

TEST(HttpProxy, TreatsA101NobodyAskedForAsAnError) {
  Story story;

  story.client_says(get);
  story.backend_says("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\nraw");

  EXPECT_TRUE(story.client_got().starts_with("HTTP/1.1 502 "));
  EXPECT_FALSE(story.connection_open(1));
  EXPECT_EQ(story.farm().server(0).totals(0).bad.total(), 1U);
  expect_at_rest(story);
}

TEST(HttpProxy, NeverReusesAConnectionThatSaidTooMuch) {
  Story story;

  story.client_says(get).backend_says(std::string(hello) + "HTTP/1.1 200 OK\r\n\r\n");

  EXPECT_EQ(story.client_got(), hello);
  EXPECT_FALSE(story.connection_open(1));
  expect_at_rest(story);
}

TEST(HttpProxy, NeverReusesAConnectionThatSaidTooMuchInALaterPiece) {
  Story story;

  story.client_says(get).backend_says("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");
  story.backend_says("lloHTTP/1.1 200 OK\r\n\r\n");

  EXPECT_EQ(story.client_got(), hello);
  EXPECT_FALSE(story.connection_open(1));
  expect_at_rest(story);
}

TEST(HttpProxy, HonoursAServersClose) {
  Story story;

  story.client_says(get).backend_says(
      "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello");

  EXPECT_EQ(story.client_got(), hello);
  EXPECT_FALSE(story.connection_open(1));
  EXPECT_FALSE(story.closed());
}

TEST(HttpProxy, LetsTheClientSeeThatABodyWasCutShort) {
  for (const bool reset : {false, true}) {
    Story story;

    story.client_says(get).backend_says("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");
    reset ? story.backend_resets() : story.backend_ends();

    EXPECT_EQ(story.client_got(), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");
    EXPECT_TRUE(story.closed());
    expect_at_rest(story);
  }
}

TEST(HttpProxy, NeverEndsAChunkedBodyThatWasCutShort) {
  Story story;

  story.client_says(get)
      .backend_says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe")
      .backend_ends();

  EXPECT_FALSE(story.client_got().ends_with("0\r\n\r\n"));
  EXPECT_TRUE(story.closed());
  expect_at_rest(story);
}

TEST(HttpProxy, TakesBackAResponseThatBreaksBeforeAnyOfItLeft) {
  Story story;
  const std::string broken = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhezz";

  story.client_says(get).backend_says(broken);
  EXPECT_TRUE(story.client_got().starts_with("HTTP/1.1 502 ")) << story.client_got();
  EXPECT_EQ(story.client_got().find("200 OK"), std::string::npos);
  EXPECT_FALSE(story.connection_open(1));

  // Its connection goes on, with another one to a server.
  story.client_says(get).backend_says(hello);
  EXPECT_TRUE(story.client_got().ends_with(hello));
  EXPECT_FALSE(story.closed());
}

TEST(HttpProxy, ServesAClientThatHalfClosesAfterItsRequest) {
  Story story;

  story.client_says(get).client_ends();
  EXPECT_FALSE(story.closed());

  story.backend_says(hello);
  EXPECT_EQ(story.client_got(), hello);
  EXPECT_TRUE(story.closed());
  expect_at_rest(story);
}

TEST(HttpProxy, ServesAllPipelinedRequestsOfAClientThatHalfClosed) {
  Story story;

  story.client_says(std::string(get) + std::string(get)).client_ends();
  story.backend_says(hello).backend_says(hello);

  EXPECT_EQ(story.client_got(), std::string(hello) + std::string(hello));
  EXPECT_TRUE(story.closed());
  expect_at_rest(story);
}

TEST(HttpProxy, GivesUpARequestThatWasCutShort) {
  Story story;

  story.client_says("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 8\r\n\r\nabcd");
  story.client_ends();

  EXPECT_TRUE(story.closed());
  EXPECT_FALSE(story.connection_open(1));
  expect_at_rest(story);
}

TEST(HttpProxy, GivesUpARequestThatCameAheadAndWasCutShort) {
  for (const std::string_view rest :
       {"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 8\r\n\r\nabcd",
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nab",
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-T: y"}) {
    SCOPED_TRACE(rest);
    Story story;

    story.client_says(std::string(get) + std::string(rest)).client_half_closes_unread();
    EXPECT_FALSE(story.closed());
    story.backend_says(hello);

    EXPECT_EQ(story.client_got(), hello);
    EXPECT_TRUE(story.closed());
    expect_at_rest(story);
  }
}

TEST(HttpProxy, ServesALongRequestThatCameAheadOfTheClientsEnd) {
  const std::string body(15'000, 'b');
  Story story;

  story.client_says(std::string(get) + "POST /long HTTP/1.1\r\nHost: a.test\r\nContent-Length: " +
                    std::to_string(body.size()) + "\r\n\r\n" + body);
  story.client_half_closes_unread().backend_stops_reading().backend_says(hello);
  EXPECT_FALSE(story.closed());
  story.backend_stops_reading(false).backend_says(hello);

  EXPECT_TRUE(story.backend_got(1).ends_with(body));
  EXPECT_EQ(story.client_got(), std::string(hello) + std::string(hello));
  EXPECT_TRUE(story.closed());
  expect_at_rest(story);
}

TEST(HttpProxy, ServesALongRequestThatIsNotAllOnItsWayWhenItsClientHalfCloses) {
  const std::string body(16'200, 'b');
  Story story;

  story.backend_stops_reading();
  story.client_says("POST /long HTTP/1.1\r\nHost: a.test\r\nContent-Length: " +
                    std::to_string(body.size()) + "\r\n\r\n" + body);
  story.client_half_closes_unread();
  EXPECT_FALSE(story.closed());
  story.backend_stops_reading(false).backend_says(hello);

  EXPECT_TRUE(story.backend_got(1).ends_with(body));
  EXPECT_EQ(story.client_got(), hello);
  EXPECT_TRUE(story.closed());
  expect_at_rest(story);
}

TEST(HttpProxy, GivesTheServerBackWhenTheClientResets) {
  Story story;

  story.client_says(get).client_resets();

  EXPECT_TRUE(story.closed());
  EXPECT_FALSE(story.connection_open(1)) << "its answer is still to come: never reuse it";
  expect_at_rest(story);
}

struct Refused {
  const char* name;
  std::string_view request;
  std::string_view status;
};

class HttpProxyRefused : public testing::TestWithParam<Refused> {};

TEST_P(HttpProxyRefused, NoServerSeesItAndTheConnectionCloses) {
  Story story;

  story.client_says(GetParam().request);

  EXPECT_TRUE(story.client_got().starts_with(GetParam().status)) << story.client_got();
  EXPECT_NE(story.client_got().find("Connection: close\r\n"), std::string::npos);
  EXPECT_EQ(story.connections_opened(), 0);
  EXPECT_TRUE(story.client_got_end());
  EXPECT_EQ(story.farm().sum([](const FarmTotals& t) -> const Counter& { return t.rejected; }), 1U);
  story.client_ends();
  EXPECT_TRUE(story.closed());
  expect_at_rest(story);
}

INSTANTIATE_TEST_SUITE_P(
    Table, HttpProxyRefused,
    testing::Values(Refused{"NoHost", "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
                    Refused{"TwoFramings",
                            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
                            "Transfer-Encoding: chunked\r\n\r\n",
                            "HTTP/1.1 400 "},
                    Refused{"NamesHost", "GET / HTTP/1.1\r\nHost: a\r\nConnection: host\r\n\r\n",
                            "HTTP/1.1 400 "},
                    Refused{"Connect", "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 501 "},
                    Refused{"Version", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", "HTTP/1.1 505 "}),
    [](const auto& row) { return row.param.name; });

TEST(HttpProxy, RefusesAHeadThatNeverEnds) {
  Story story;

  story.client_says("GET / HTTP/1.1\r\nHost: a.test\r\nX: " + std::string(40'000, 'x'));

  EXPECT_TRUE(story.client_got().starts_with("HTTP/1.1 431 ")) << story.client_got();
  story.client_ends();
  EXPECT_TRUE(story.closed());
  expect_at_rest(story);
}

TEST(HttpProxy, RefusesARequestWhoseRewrittenHeadDoesNotFit) {
  Story story;
  const std::string host(8000, 'a');

  story.client_says("GET / HTTP/1.1\r\nHost: " + host + "\r\nX: " + std::string(8000, 'x') +
                    "\r\n\r\n");

  EXPECT_TRUE(story.client_got().starts_with("HTTP/1.1 431 ")) << story.client_got();
}

TEST(HttpProxy, AnswersABadResponseHeadWith502AndTheRule) {
  Story story;

  story.client_says(get).backend_says("HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello");

  EXPECT_TRUE(story.client_got().starts_with("HTTP/1.1 502 "));
  EXPECT_NE(story.client_got().find("web-1 answered badly: "), std::string::npos);
  EXPECT_FALSE(story.connection_open(1));
  EXPECT_FALSE(story.closed()) << "the client did nothing wrong";
  expect_at_rest(story);
}

TEST(HttpProxy, RefusesABrokenChunkedRequest) {
  Story story;

  story.client_says(
      "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n0x4\r\nabcd\r\n");

  EXPECT_TRUE(story.client_got().starts_with("HTTP/1.1 400 ")) << story.client_got();
  EXPECT_FALSE(story.connection_open(1));
  expect_at_rest(story);
}

TEST(HttpProxy, SaysWhyNoServerCanBeHad) {
  Story story({.servers = 3});
  for (std::size_t i = 0; i < 3; ++i) story.farm().set_usable(i, false);

  story.client_says(get);

  EXPECT_TRUE(story.client_got().starts_with("HTTP/1.1 503 "));
  EXPECT_NE(story.client_got().find("Retry-After: 1\r\n"), std::string::npos);
  EXPECT_TRUE(story.client_got().ends_with(
      "503: no copy of farm web is up in room fra (3 known: 3 down)\n"));
  EXPECT_FALSE(story.closed());
  expect_at_rest(story);
}

TEST(HttpProxy, SaysThatTheConnectionClosesWhileDraining) {
  Story story;

  story.client_says(get).drain().backend_says(hello);

  EXPECT_EQ(story.client_got(),
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello");
  EXPECT_TRUE(story.client_got_end());
  // It may have asked again before it heard of that; to close now would reset what it was sent.
  story.client_says(get);
  EXPECT_EQ(story.unread_by_session(), 0U);
  EXPECT_FALSE(story.closed());
  story.client_ends();
  EXPECT_TRUE(story.closed());
  expect_at_rest(story);
}

TEST(HttpProxy, ClosesAtOnceForWhoSaidItselfThatItWould) {
  Story story;

  story.client_says("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
  story.drain().backend_says(hello);

  EXPECT_TRUE(story.closed());
  expect_at_rest(story);
}

TEST(HttpProxy, L22_AClientWhoseTurnHasComeMayAskOnceMore) {
  Story story;
  story.client_says(get).backend_says(hello).drain(2s);
  EXPECT_FALSE(story.closed());

  story.time_passes(1900ms).client_says(get).backend_says(hello);

  EXPECT_NE(story.client_got().find("Connection: close"), std::string::npos);
  EXPECT_TRUE(story.client_got_end());
  story.client_ends();
  EXPECT_TRUE(story.closed());
  expect_at_rest(story);
}

TEST(HttpProxy, L22_AClientThatAsksNothingMoreGetsAnEndAndNoReset) {
  Story story;
  story.client_says(get).backend_says(hello).drain(2s);

  story.time_passes(2100ms);
  EXPECT_TRUE(story.client_got_end());
  EXPECT_FALSE(story.closed()) << "what crosses it is still read";
  story.client_says(get);
  EXPECT_EQ(story.unread_by_session(), 0U);
  EXPECT_EQ(story.backends_got().find("GET", 4), std::string::npos) << "and reaches no server";
  story.client_ends();

  EXPECT_TRUE(story.closed());
  expect_at_rest(story);
}

TEST(HttpProxy, L22_AResponseThatHadBegunBeforeTheTurnIsFollowedByAnother) {
  Story story;
  story.client_says(get).backend_says("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");

  story.drain(2s).time_passes(5s).backend_says("llo");
  EXPECT_FALSE(story.closed()) << "it was not told yet";
  story.client_says(get).backend_says(hello);

  EXPECT_NE(story.client_got().find("Connection: close"), std::string::npos);
  EXPECT_TRUE(story.client_got_end());
}

TEST(HttpProxy, ClosesAnIdleConnectionWhenDraining) {
  Story story;

  story.client_says(get).backend_says(hello).drain();

  EXPECT_TRUE(story.closed());
}

}  // namespace
}  // namespace hither::lb::test
