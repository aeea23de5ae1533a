// SPDX-License-Identifier: Apache-2.0
//
// Long bodies of known length, which the driver carries in the kernel: the session only hears of
// them. The tests play that driver.
#include "tests/lb/http_traps.h"

namespace hither::lb::test {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t length = 200'000;
const std::string first_part(1000, 'x');

/// A response of `length` octets has begun, and 1,000 of them are with the client.
void begin_response(Story& story) {
  story.client_says(get).backend_says("HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" +
                                      first_part);
}

TEST(HttpRelay, RelaysTheRestOfALongResponseAndNotOneOctetMore) {
  Story story;
  begin_response(story);
  ASSERT_TRUE(story.client_got().ends_with(first_part));
  Session& session = story.session();
  EXPECT_EQ(session.relayable(Side::backend), length - 1000);
  EXPECT_EQ(session.relayable(Side::client), 0U);

  session.relaying(Side::backend, length - 1000, story.now());
  EXPECT_FALSE(session.wants(Side::backend)) << "one pipe at a time";
  session.relayed(Side::backend, 100'000, story.now());
  EXPECT_EQ(story.in_flight(), 1U) << "half of it is still on its way";
  session.relayed(Side::backend, length - 101'000, story.now());

  EXPECT_EQ(story.in_flight(), 0U);
  EXPECT_EQ(session.relayable(Side::backend), 0U);
  story.client_says(get).backend_says(hello);
  EXPECT_TRUE(story.client_got().ends_with(hello));
  EXPECT_EQ(story.connections_opened(), 1) << "both connections are good for more";
}

TEST(HttpRelay, RelaysALongUpload) {
  Story story;
  story.client_says(with_fields("POST /", "Content-Length: 200000\r\n") + first_part);
  Session& session = story.session();
  EXPECT_EQ(session.relayable(Side::client), length - 1000);

  session.relaying(Side::client, length - 1000, story.now());
  EXPECT_FALSE(session.wants(Side::client));
  session.relayed(Side::client, length - 1000, story.now());
  story.backend_says(hello);

  EXPECT_TRUE(story.client_got().ends_with(hello));
  EXPECT_EQ(story.in_flight(), 0U);
}

TEST(HttpRelay, CopiesWhatIsShortOrRecodedOrComesInSmallPieces) {
  Story short_one;
  short_one.client_says(get).backend_says("HTTP/1.1 200 OK\r\nContent-Length: 65535\r\n\r\n");
  EXPECT_EQ(short_one.session().relayable(Side::backend), 0U);

  Story chunked;
  chunked.client_says(get).backend_says(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n30000\r\n");
  EXPECT_EQ(chunked.session().relayable(Side::backend), 0U);

  Story dripping;
  begin_response(dripping);
  dripping.session().relaying(Side::backend, relay_piece_min - 1, dripping.now());
  dripping.session().relayed(Side::backend, relay_piece_min - 1, dripping.now());
  EXPECT_EQ(dripping.session().relayable(Side::backend), 0U);
  EXPECT_TRUE(dripping.session().wants(Side::backend));
}

TEST(HttpRelay, OneBodyInSmallPiecesDoesNotMeanTheOther) {
  const std::string post = with_fields("POST /", "Content-Length: 200000\r\n");
  Story dripping_up;
  dripping_up.client_says(post + first_part);
  dripping_up.session().relaying(Side::client, 1, dripping_up.now());
  dripping_up.session().relayed(Side::client, 1, dripping_up.now());
  dripping_up.backend_says("HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + first_part);
  EXPECT_EQ(dripping_up.session().relayable(Side::client), 0U);
  EXPECT_EQ(dripping_up.session().relayable(Side::backend), length - 1000);
  dripping_up.session().relaying(Side::backend, relay_piece_min, dripping_up.now());
  EXPECT_EQ(dripping_up.session().relayable(Side::client), 0U) << "nor is that a reason";

  Story dripping_down;
  dripping_down.client_says(post + first_part);
  dripping_down.backend_says("HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + first_part);
  dripping_down.session().relaying(Side::backend, 1, dripping_down.now());
  EXPECT_EQ(dripping_down.session().relayable(Side::client), length - 1000);
}

TEST(HttpRelay, BehindASmallPieceSoMuchIsCopiedAndThenItIsTriedAgain) {
  Story story;
  story.client_says(get);
  story.backend_says("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + first_part);
  story.session().relaying(Side::backend, 1, story.now());
  story.session().relayed(Side::backend, 1, story.now());

  story.backend_says(std::string(relay_after - 1, 'x'));
  EXPECT_EQ(story.session().relayable(Side::backend), 0U);
  story.backend_says("x");
  EXPECT_EQ(story.session().relayable(Side::backend),
            1'000'000 - first_part.size() - 1 - relay_after);
}

TEST(HttpRelay, NothingIsRelayedBeforeTheResponseOrBetweenRequests) {
  Story story;
  EXPECT_EQ(story.session().relayable(Side::client), 0U);
  story.client_says(get);
  EXPECT_EQ(story.session().relayable(Side::backend), 0U);
  story.backend_says(hello);
  EXPECT_EQ(story.session().relayable(Side::backend), 0U);
  EXPECT_EQ(story.session().relayable(Side::client), 0U);
}

TEST(HttpRelay, AClientThatTakesNothingOfWhatIsRelayedIsLetGo) {
  Story story;
  begin_response(story);
  story.session().relaying(Side::backend, length - 1000, story.now());

  story.time_passes(9s);
  EXPECT_FALSE(story.closed());
  story.time_passes(2s);

  EXPECT_TRUE(story.closed());
  EXPECT_EQ(story.in_flight(), 0U);
}

TEST(HttpRelay, AServerThatTakesNothingOfAnUploadIsNotTheClientsFault) {
  Story story;
  story.client_says(with_fields("POST /", "Content-Length: 200000\r\n") + first_part);
  story.session().relaying(Side::client, length - 1000, story.now());

  story.time_passes(31s);

  EXPECT_TRUE(story.client_got().starts_with("HTTP/1.1 504 ")) << story.client_got();
}

}  // namespace
}  // namespace hither::lb::test
