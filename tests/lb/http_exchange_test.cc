// SPDX-License-Identifier: Apache-2.0
//
// One request and what may go wrong with whom: who is slow, who left, and who is blamed for it.
#include "tests/lb/http_traps.h"

namespace hither::lb::test {
namespace {

using namespace std::chrono_literals;

std::uint64_t aborted(Story& story) {
  return story.farm().sum([](const FarmTotals& t) -> const Counter& { return t.aborted; });
}
std::uint64_t failed(Story& story) { return story.farm().server(0).totals(0).results[0].total(); }

TEST(HttpClientGone, AResetFreesTheServerAtOnceAndBlamesNobody) {
  for (const bool begun : {false, true}) {
    Story story;
    story.client_says(get);
    if (begun) story.backend_says("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");
    EXPECT_EQ(story.in_flight(), 1U);

    story.client_resets();

    EXPECT_FALSE(story.connection_open(1));
    EXPECT_EQ(aborted(story), 1U);
    EXPECT_EQ(failed(story), 0U) << "no server failed";
    expect_at_rest(story);
  }
}

TEST(HttpClientGone, AnAbandonedUploadIsTheClientsDoing) {
  Story story;
  story.client_says(with_fields("POST /", "Content-Length: 9\r\n") + "abc").client_ends();

  EXPECT_FALSE(story.connection_open(1));
  EXPECT_EQ(aborted(story), 1U);
  EXPECT_EQ(failed(story), 0U);
  expect_at_rest(story);
}

TEST(HttpClientGone, ConnectionsThatAskedNothingAbandonNothing) {
  Story story;
  story.client_says(get).backend_says(hello).client_resets();

  EXPECT_EQ(aborted(story), 0U);
}

TEST(HttpRate, ADrippingUploadIsA408AndNoServersFault) {
  Story story;
  story.client_says(with_fields("POST /", "Content-Length: 90000\r\n"));

  for (int i = 0; i < 9; ++i) story.time_passes(1s).client_says("x");
  EXPECT_EQ(story.client_got(), "");
  for (int i = 0; i < 3; ++i) story.time_passes(1s).client_says("x");

  EXPECT_TRUE(story.client_got().starts_with("HTTP/1.1 408 ")) << story.client_got();
  EXPECT_FALSE(story.connection_open(1));
  EXPECT_EQ(failed(story), 0U);
  story.client_ends();
  expect_at_rest(story);
}

TEST(HttpRate, AnUploadAtTheRateMayTakeAsLongAsItNeeds) {
  Story story;
  story.client_says(with_fields("POST /", "Content-Length: 50000\r\n"));

  for (int i = 0; i < 100; ++i) story.time_passes(1s).client_says(std::string(500, 'x'));

  story.backend_says(hello);
  EXPECT_EQ(story.client_got(), hello);
  expect_at_rest(story);
}

TEST(HttpRate, ASlowServerIsNotHeldAgainstTheClient) {
  Story story;
  story.backend_stops_reading();
  story.client_says(with_fields("POST /", "Content-Length: 50000\r\n") + std::string(50'000, 'x'));

  story.time_passes(25s).backend_stops_reading(false).backend_says(hello);

  EXPECT_EQ(story.client_got(), hello);
  expect_at_rest(story);
}

TEST(HttpRate, AClientThatTakesByteByByteIsClosed) {
  Story story({.piece = 1});
  story.client_stops_reading().client_says(get);
  story.backend_says("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + std::string(1000, 'x'));

  for (int i = 0; i < 12 && !story.closed(); ++i) story.client_takes(1).time_passes(1s);

  EXPECT_TRUE(story.closed());
  EXPECT_EQ(aborted(story), 1U);
  EXPECT_EQ(failed(story), 0U);
  expect_at_rest(story);
}

TEST(HttpRate, AWaitForA100IsNotTheClientsSlowness) {
  Story story;
  story.client_says(with_fields("PUT /", "Content-Length: 9\r\nExpect: 100-continue\r\n"));

  story.time_passes(20s).backend_says("HTTP/1.1 100 Continue\r\n\r\n");
  story.client_says("123456789").backend_says(hello);

  EXPECT_TRUE(story.client_got().ends_with(hello));
  expect_at_rest(story);
}

TEST(HttpTimes, AreTheFarms) {
  topology::Farm farm = round_robin_farm();
  farm.timeouts = {.header = 3s, .idle = 4s, .connect = 1s, .response = 5s, .stall = 6s};
  {
    Story story({.farm = farm});
    story.client_says("G").time_passes(3s);
    EXPECT_TRUE(story.client_got().starts_with("HTTP/1.1 408 "));
  }
  {
    Story story({.farm = farm});
    story.client_says(get).time_passes(5s);
    EXPECT_TRUE(story.client_got().starts_with("HTTP/1.1 504 "));
    story.time_passes(4s);
    EXPECT_TRUE(story.closed());
  }
  {
    Story story({.farm = farm});
    story.connects("silent").client_says(get).time_passes(1s);
    EXPECT_TRUE(story.client_got().starts_with("HTTP/1.1 503 "));
  }
  Story story({.farm = farm});
  story.client_says(get).backend_says("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");
  story.time_passes(6s);
  EXPECT_TRUE(story.closed());
}

TEST(HttpTimes, AFrozenServerCostsNoMoreThanTheResponseTimeout) {
  Story story;
  story.client_says(get).client_half_closes_unread().time_passes(30s);

  EXPECT_TRUE(story.client_got().starts_with("HTTP/1.1 504 "));
  EXPECT_TRUE(story.closed());
  EXPECT_FALSE(story.connection_open(1));
  EXPECT_EQ(failed(story), 1U) << "that one is the server's";
  expect_at_rest(story);
}

// ---- Max-Forwards (RFC 9110 s7.6.2)

std::string with_hops(const std::string& method, const std::string& hops) {
  return method + " / HTTP/1.1\r\nHost: a.test\r\nMax-Forwards: " + hops + "\r\n\r\n";
}

TEST(HttpMaxForwards, IsOneLessForTheServer) {
  for (const std::string method : {"OPTIONS", "TRACE"}) {
    for (const auto& [said, left] :
         {std::pair("1", "0"), {"70", "69"}, {"18446744073709551615", "18446744073709551614"}}) {
      Story story;

      story.client_says(with_hops(method, said));

      EXPECT_NE(story.backends_got().find(std::string("\r\nMax-Forwards: ") + left + "\r\n"),
                std::string::npos)
          << story.backends_got();
      EXPECT_EQ(story.backends_got().find(std::string("Max-Forwards: ") + said + "\r\n"),
                std::string::npos);
    }
  }
}

TEST(HttpMaxForwards, AtNoneWeAreWhoAnswersOptions) {
  Story story;

  story.client_says(with_hops("OPTIONS", "0"));

  EXPECT_TRUE(story.client_got().starts_with("HTTP/1.1 200 OK\r\n")) << story.client_got();
  EXPECT_EQ(story.connections_opened(), 0);
  story.client_ends();
  EXPECT_TRUE(story.closed());
  expect_at_rest(story);
}

TEST(HttpMaxForwards, AtNoneATraceIsNotShownToItsClient) {
  Story story;

  story.client_says(
      "TRACE / HTTP/1.1\r\nHost: a.test\r\nMax-Forwards: 0\r\nCookie: secret\r\n\r\n");

  EXPECT_TRUE(story.client_got().starts_with("HTTP/1.1 501 ")) << story.client_got();
  EXPECT_EQ(story.client_got().find("secret"), std::string::npos);
  EXPECT_EQ(story.connections_opened(), 0);
  story.client_ends();
  expect_at_rest(story);
}

TEST(HttpMaxForwards, NonsenseIsRefusedWhereItHasAMeaning) {
  for (const std::string hops : {"x", "-1", "1, 2", "1\r\nMax-Forwards: 1"}) {
    Story story;
    story.client_says(with_hops("OPTIONS", hops));
    EXPECT_TRUE(story.client_got().starts_with("HTTP/1.1 400 ")) << hops;
    EXPECT_EQ(story.connections_opened(), 0) << hops;

    Story of_get;
    of_get.client_says(with_hops("GET", hops));
    EXPECT_NE(of_get.backends_got().find("Max-Forwards: " + hops), std::string::npos) << hops;
  }
}

}  // namespace
}  // namespace hither::lb::test
