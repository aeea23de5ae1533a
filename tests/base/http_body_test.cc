// SPDX-License-Identifier: Apache-2.0
#include "base/http_body.h"

#include <gtest/gtest.h>

#include <string>

namespace hither {
namespace {

using State = BodyReader::State;

struct Body {
  std::string data;
  std::string rest;
  State state;
};

/// Reads `text`, handed over in pieces of `size` octets.
Body read(BodyReader& reader, std::string_view text, std::size_t size) {
  Body body{.data = {}, .rest = {}, .state = State::reading};
  while (!text.empty() && reader.state() == State::reading) {
    const auto step = reader.read(as_bytes(text.substr(0, size)));
    if (step.taken == 0) break;
    body.data += as_text(step.data);
    text.remove_prefix(step.taken);
  }
  body.rest = text;
  body.state = reader.state();
  return body;
}

/// Reads a chunked body whole and in pieces of every size, which must make no difference.
Body chunked(std::string_view text) {
  BodyReader whole(BodyFraming::chunked, 0);
  const Body expected = read(whole, text, text.size());
  for (std::size_t size = 1; size < text.size(); ++size) {
    BodyReader reader(BodyFraming::chunked, 0);
    const Body body = read(reader, text, size);
    EXPECT_EQ(body.data, expected.data) << text << " in pieces of " << size;
    EXPECT_EQ(body.rest, expected.rest) << text << " in pieces of " << size;
    EXPECT_EQ(body.state, expected.state) << text << " in pieces of " << size;
    EXPECT_EQ(reader.reason(), whole.reason());
  }
  return expected;
}

State state_of(std::string_view text) { return chunked(text).state; }

TEST(BodyReader, WithoutABodyIsDoneAtOnceAndTakesNothing) {
  BodyReader reader;

  EXPECT_TRUE(reader.done());
  EXPECT_EQ(reader.read(as_bytes("GET")).taken, 0U);
}

TEST(BodyReader, OfLengthZeroIsDoneAtOnce) {
  EXPECT_TRUE(BodyReader(BodyFraming::length, 0).done());
  EXPECT_TRUE(BodyReader(BodyFraming::none, 7).done());
}

TEST(BodyReader, OfALengthTakesExactlyThat) {
  BodyReader reader(BodyFraming::length, 5);

  const Body body = read(reader, "helloGET /", 3);

  EXPECT_EQ(body.data, "hello");
  EXPECT_EQ(body.rest, "GET /");
  EXPECT_TRUE(reader.done());
  EXPECT_EQ(reader.received(), 5U);
  EXPECT_EQ(reader.left(), 0U);
}

TEST(BodyReader, KnowsWhatIsStillToCome) {
  BodyReader reader(BodyFraming::length, 5);

  reader.read(as_bytes("he"));

  EXPECT_EQ(reader.left(), 3U);
  EXPECT_EQ(reader.state(), State::reading);
}

TEST(BodyReader, UntilCloseTakesAllAndEndsWithTheStream) {
  BodyReader reader(BodyFraming::until_close, 0);

  EXPECT_EQ(read(reader, "hello", 2).data, "hello");
  EXPECT_EQ(reader.state(), State::reading);
  reader.on_end();

  EXPECT_TRUE(reader.done());
}

TEST(BodyReader, HandsOutViewsIntoTheBytesItWasGiven) {
  BodyReader reader(BodyFraming::chunked, 0);
  const ByteView bytes = as_bytes("3\r\nabc\r\n");

  const auto step = reader.read(bytes);

  EXPECT_EQ(step.data.data(), bytes.data() + 3);
  EXPECT_EQ(step.taken, 6U);
}

TEST(BodyReader, NoBytesAreNoStep) {
  BodyReader reader(BodyFraming::chunked, 0);

  EXPECT_EQ(reader.read({}).taken, 0U);
  EXPECT_EQ(reader.state(), State::reading);
}

TEST(ChunkedBody, YieldsTheDataAndLeavesWhatFollows) {
  const Body body = chunked("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\nGET / HTTP/1.1");

  EXPECT_EQ(body.data, "hello world");
  EXPECT_EQ(body.rest, "GET / HTTP/1.1");
  EXPECT_EQ(body.state, State::done);
}

TEST(ChunkedBody, CountsDataOnly) {
  BodyReader reader(BodyFraming::chunked, 0);

  read(reader, "5;x=y\r\nhello\r\n0\r\nA: b\r\n\r\n", 100);

  EXPECT_EQ(reader.received(), 5U);
}

TEST(ChunkedBody, IsNotDoneBeforeItsLastLineFeed) {
  EXPECT_EQ(state_of("0\r\n\r"), State::reading);
  EXPECT_EQ(state_of("0\r\n\r\n"), State::done);
}

TEST(HttpRule, R28AChunkSizeIsHexDigits) {
  EXPECT_EQ(chunked("a\r\n0123456789\r\n0\r\n\r\n").data, "0123456789");
  EXPECT_EQ(chunked("00A\r\n0123456789\r\n000\r\n\r\n").data, "0123456789");
  for (const char* text : {"\r\n", ";x\r\n", "0x5\r\n", "+5\r\n", "-5\r\n", " 5\r\n", "5 \r\n",
                           "5\t\r\n", "5_0\r\n", "g\r\n", "5\n", "\n", "5\rx", "5.\r\n"}) {
    EXPECT_EQ(state_of(text), State::bad) << text;
  }
}

TEST(HttpRule, R28AChunkSizeCannotOverflow) {
  EXPECT_EQ(state_of("fffffffffffffff\r\n"), State::reading);
  EXPECT_EQ(state_of("1000000000000000\r\n"), State::bad);
  EXPECT_EQ(state_of("0000000000000005\r\n"), State::bad) << "nor may zeros go on for ever";
  EXPECT_EQ(state_of("ffffffffffffffffffff"), State::bad);
}

TEST(HttpRule, R29ExtensionsAreSkipped) {
  EXPECT_EQ(chunked("2;a=b;c=\"d e\"\tf\r\nhi\r\n0;last\r\n\r\n").data, "hi");
}

TEST(HttpRule, R29ExtensionsHoldNoControlCharacters) {
  EXPECT_EQ(state_of("2;a\nhi\r\n"), State::bad);
  EXPECT_EQ(state_of("2;a\rhi\r\n"), State::bad);
  EXPECT_EQ(state_of(std::string_view("2;a\0\r\nhi\r\n", 10)), State::bad);
  EXPECT_EQ(state_of("2;\x7f\r\n"), State::bad);
}

TEST(HttpRule, R29ASizeLineIsBounded) {
  EXPECT_EQ(state_of("2;" + std::string(500, 'a') + "\r\nhi"), State::reading);
  EXPECT_EQ(state_of("2;" + std::string(520, 'a')), State::bad);
}

TEST(HttpRule, R30TheDataIsExactlyAsLongAsItsSize) {
  EXPECT_EQ(state_of("2\r\nhix\r\n0\r\n\r\n"), State::bad);
  EXPECT_EQ(state_of("3\r\nhi\r\n0\r\n\r\n"), State::bad);
  EXPECT_EQ(state_of("2\r\nhi\n0\r\n\r\n"), State::bad);
  EXPECT_EQ(state_of("2\r\nhi\r0\r\n\r\n"), State::bad);
  EXPECT_EQ(state_of("2\r\nhi0\r\n\r\n"), State::bad);
}

TEST(HttpRule, R31TrailersAreFieldLinesAndDropped) {
  const Body body =
      chunked("2\r\nhi\r\n0\r\nExpires: never\r\nEmpty:\r\nContent-Length: 7\r\n\r\nX");

  EXPECT_EQ(body.data, "hi");
  EXPECT_EQ(body.rest, "X");
  EXPECT_EQ(body.state, State::done);
}

TEST(HttpRule, R31MalformedTrailersAreRefused) {
  for (const char* text : {"0\r\nA\r\n\r\n", "0\r\nA : b\r\n\r\n", "0\r\n: b\r\n\r\n",
                           "0\r\nA: b\n\r\n", "0\r\nA: b\r\r\n\r\n", "0\r\nA: b\r\n c\r\n\r\n",
                           "0\r\nA: \x01\r\n\r\n", "0\r\n\n", "0\r\n\rX"}) {
    EXPECT_EQ(state_of(text), State::bad) << text;
  }
}

TEST(HttpRule, R31TrailersAreBoundedInAll) {
  BodyReader reader(BodyFraming::chunked, 0);
  std::string text = "0\r\n";
  for (int i = 0; i < 1000; ++i) text += "Name: some value\r\n";

  EXPECT_EQ(read(reader, text, text.size()).state, State::bad);
  EXPECT_EQ(reader.reason(), "the trailers are too long");
}

TEST(HttpRule, R32AStreamThatEndsWithinABodyIsBad) {
  BodyReader length(BodyFraming::length, 5);
  length.read(as_bytes("hell"));
  length.on_end();
  EXPECT_EQ(length.state(), State::bad);

  BodyReader chunks(BodyFraming::chunked, 0);
  chunks.read(as_bytes("0\r\n"));
  chunks.on_end();
  EXPECT_EQ(chunks.state(), State::bad);
  EXPECT_FALSE(chunks.reason().empty());
}

TEST(BodyReader, AnEndAfterItIsDoneChangesNothing) {
  BodyReader reader(BodyFraming::length, 2);
  reader.read(as_bytes("hi"));

  reader.on_end();

  EXPECT_TRUE(reader.done());
}

TEST(BodyReader, OnceBadItTakesNothingMore) {
  BodyReader reader(BodyFraming::chunked, 0);
  reader.read(as_bytes("x"));

  EXPECT_EQ(reader.read(as_bytes("0\r\n\r\n")).taken, 0U);
  EXPECT_EQ(reader.state(), State::bad);
}

TEST(SimpleResponse, IsAWholeMessage) {
  EXPECT_EQ(to_http({.status = 200, .body = "hi\n"}),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: "
            "3\r\n\r\nhi\n");
}

TEST(SimpleResponse, SaysThatItCloses) {
  EXPECT_EQ(
      to_http(
          {.status = 503, .body = "", .keep_alive = false, .extra_fields = "Retry-After: 1\r\n"}),
      "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n"
      "Content-Length: 0\r\nConnection: close\r\nRetry-After: 1\r\n\r\n");
}

TEST(SimpleResponse, ToHeadHasTheSameHeadAndNoBody) {
  const std::string to_get = to_http({.body = "hello"});
  const std::string to_head = to_http({.body = "hello", .head_only = true});

  EXPECT_EQ(to_head + "hello", to_get);
}

TEST(SimpleResponse, WithoutContentSaysNoLength) {
  EXPECT_EQ(to_http({.status = 204, .body = "x"}), "HTTP/1.1 204 No Content\r\n\r\n");
}

TEST(SimpleResponse, IsReadByOurOwnParser) {
  const std::string text = to_http({.status = 404, .body = "gone", .keep_alive = false});
  ResponseHead head;
  HeadScan scan;

  ASSERT_EQ(parse_response_head(as_bytes(text), "GET", {}, scan, head).kind,
            HeadResult::Kind::complete);

  EXPECT_EQ(head.content_length, 4U);
  EXPECT_FALSE(head.keep_alive);
  EXPECT_EQ(text.substr(head.size), "gone");
}

}  // namespace
}  // namespace hither
