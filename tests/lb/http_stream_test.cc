// SPDX-License-Identifier: Apache-2.0
#include "lb/http_stream.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace hither::lb {
namespace {

using Shape = HttpStream::Shape;

/// Puts `text` where the stream says; true if it took all of it for its body.
bool feed(HttpStream& stream, std::string_view text, bool exactly = false) {
  const auto space = stream.space(exactly);
  std::copy_n(as_bytes(text).begin(), text.size(), space.begin());
  return stream.take(text.size());
}

std::string_view out(const HttpStream& stream) { return as_text(stream.pending()); }

TEST(HttpStream, BytesOfABodyGoStraightThrough) {
  BlockPool pool;
  HttpStream stream(pool);
  stream.begin(BodyFraming::length, 5, Shape::bytes);

  EXPECT_TRUE(feed(stream, "hello"));

  EXPECT_EQ(out(stream), "hello");
  EXPECT_TRUE(stream.in.empty());
  EXPECT_TRUE(stream.done());
  EXPECT_EQ(stream.received(), 5U);
}

TEST(HttpStream, ReadsNoFurtherThanTheBodyIfItMayNot) {
  BlockPool pool;
  HttpStream stream(pool);
  stream.begin(BodyFraming::length, 3, Shape::bytes);

  EXPECT_EQ(stream.space(/*exactly=*/true).size(), 3U);
  EXPECT_GT(stream.space(/*exactly=*/false).size(), 3U);
}

TEST(HttpStream, SaysWhenMoreCameThanTheBody) {
  BlockPool pool;
  HttpStream stream(pool);
  stream.begin(BodyFraming::length, 3, Shape::bytes);

  EXPECT_FALSE(feed(stream, "hello"));

  EXPECT_EQ(out(stream), "hel");
}

TEST(HttpStream, ReadsMoreOnlyWhenAllBeforeWentOut) {
  BlockPool pool;
  HttpStream stream(pool);
  stream.begin(BodyFraming::until_close, 0, Shape::bytes);
  EXPECT_TRUE(stream.wants_body());

  feed(stream, "hello");
  stream.sent(4);
  EXPECT_FALSE(stream.wants_body());

  stream.sent(1);
  EXPECT_TRUE(stream.wants_body());
  EXPECT_EQ(pool.taken(), 0U);
}

TEST(HttpStream, RemembersWhatIsSentUntilToldToForget) {
  BlockPool pool;
  HttpStream stream(pool);
  stream.out.append("head ");
  stream.begin(BodyFraming::length, 4, Shape::bytes);
  stream.remember(true);
  stream.sent(5);
  feed(stream, "body", /*exactly=*/true);
  stream.sent(4);
  EXPECT_EQ(out(stream), "");

  stream.rewind();
  EXPECT_EQ(out(stream), "head body");

  stream.sent(9);
  stream.forget();
  EXPECT_EQ(pool.taken(), 0U);
}

TEST(HttpStream, EndsAChunkedBodyWhenTheSenderEnds) {
  BlockPool pool;
  HttpStream stream(pool);
  stream.begin(BodyFraming::until_close, 0, Shape::chunked);
  feed(stream, "hello");
  stream.move();
  EXPECT_FALSE(stream.done());

  stream.on_end();

  EXPECT_TRUE(stream.done());
  EXPECT_EQ(out(stream), "5\r\nhello\r\n0\r\n\r\n");
}

TEST(HttpStream, AnEndWithinTrailersBreaksTheBody) {
  BlockPool pool;
  HttpStream stream(pool);
  stream.begin(BodyFraming::chunked, 0, Shape::bytes);
  feed(stream, "0\r\nX: 1\r\n");
  stream.move();
  EXPECT_TRUE(stream.wants_body());

  stream.on_end();

  EXPECT_TRUE(stream.broken());
}

TEST(HttpStream, TrailersWaitForRoom) {
  BlockPool pool;
  HttpStream stream(pool);
  stream.begin(BodyFraming::chunked, 0, Shape::chunked, TrailerUse::forward);
  stream.out.append(std::string(stream.out.room() - 20, 'x'));
  const std::string trailers = "X: " + std::string(100, 'y') + "\r\n\r\n";
  feed(stream, "0\r\n" + trailers);
  stream.move();
  EXPECT_FALSE(stream.done());

  stream.sent(stream.pending().size());
  stream.move();

  EXPECT_TRUE(stream.done());
  EXPECT_EQ(out(stream), "0\r\n" + trailers);
}

}  // namespace
}  // namespace hither::lb
