// SPDX-License-Identifier: Apache-2.0
#include "lb/http_tunnel.h"

#include <gtest/gtest.h>

#include <memory>

#include "tests/lb/http_traps.h"

namespace hither::lb {
namespace {

using test::Story;

struct Pair {
  BlockPool pool;
  HttpStream up{pool};
  HttpStream down{pool};
  HttpTunnel tunnel{up, down};
};

TEST(HttpTunnel, WhatWasThereAlreadyGoesFirst) {
  Pair pair;
  pair.up.in.append("early");
  pair.tunnel.begin();

  EXPECT_TRUE(pair.tunnel.move());

  EXPECT_EQ(as_text(pair.up.pending()), "early");
  EXPECT_FALSE(pair.tunnel.wants(Side::client)) << "until that is sent";
  EXPECT_TRUE(pair.tunnel.wants(Side::backend));
}

TEST(HttpTunnel, AnEndGoesOnBehindTheLastByte) {
  Pair pair;
  pair.up.in.append("last");
  pair.tunnel.begin();
  pair.tunnel.ended(Side::client);
  EXPECT_FALSE(pair.tunnel.ends(Side::backend));

  pair.tunnel.move();
  pair.up.sent(4);

  EXPECT_TRUE(pair.tunnel.ends(Side::backend));
  EXPECT_FALSE(pair.tunnel.ends(Side::client));
  EXPECT_FALSE(pair.tunnel.over());
  pair.tunnel.ended(Side::backend);
  EXPECT_TRUE(pair.tunnel.over());
}

TEST(HttpTunnel, AServerThatTakesNoMoreMayStillSpeak) {
  Pair pair;
  pair.tunnel.begin();
  pair.up.in.append("lost");

  pair.tunnel.refused(Side::backend);

  EXPECT_FALSE(pair.tunnel.wants(Side::client));
  EXPECT_TRUE(pair.tunnel.wants(Side::backend));
  EXPECT_FALSE(pair.tunnel.over());
}

/// A tunnel that is open, with nothing in it.
std::unique_ptr<Story> open_tunnel() {
  auto story = std::make_unique<Story>();
  story->client_says(test::with_fields("GET /", "Connection: upgrade\r\nUpgrade: websocket\r\n"));
  story->backend_says(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
  return story;
}

TEST(HttpTunnel, EndsOnceAServerThatHasEndedRefusesBytes) {
  const auto story = open_tunnel();
  story->backend_says("bye").backend_ends().backend_refuses_bytes();
  EXPECT_FALSE(story->closed()) << "it may only have closed its half";

  story->client_says("more");

  EXPECT_TRUE(story->client_got().ends_with("bye"));
  EXPECT_TRUE(story->client_got_end());
  EXPECT_FALSE(story->connection_open(1));
  EXPECT_EQ(story->in_flight(), 0U);
  // To close now, with what it says unread, would take the "bye" from it.
  story->client_says(std::string(100'000, 'x'));
  EXPECT_EQ(story->unread_by_session(), 0U);
  EXPECT_FALSE(story->closed());
  story->client_ends();
  EXPECT_TRUE(story->closed());
  expect_at_rest(*story);
  ASSERT_EQ(story->records().size(), 1U);
  EXPECT_EQ(story->records()[0].reason, (EndReason{'S', 'T'}));
}

TEST(HttpTunnel, WhoIsCutOffHearsAResetUnlessTheServerHasSaidItsEnd) {
  for (const bool whole : {false, true}) {
    const auto story = open_tunnel();
    story->backend_says("bye");
    if (whole) story->backend_ends();

    story->cut_off();

    EXPECT_TRUE(story->closed());
    EXPECT_EQ(story->client_got_reset(), !whole);
    expect_at_rest(*story);
  }
}

}  // namespace
}  // namespace hither::lb
