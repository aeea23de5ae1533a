// SPDX-License-Identifier: Apache-2.0
#include "lb/http_tunnel.h"

#include <gtest/gtest.h>

namespace hither::lb {
namespace {

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

}  // namespace
}  // namespace hither::lb
