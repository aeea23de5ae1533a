// SPDX-License-Identifier: Apache-2.0
//
// The rules of docs/http.md about responses: R24 to R27.
#include <gtest/gtest.h>

#include <string>

#include "base/http_head.h"
#include "tests/base/exact_bytes.h"

namespace hither {
namespace {

using Kind = HeadResult::Kind;

struct Response {
  explicit Response(std::string_view text, std::string_view method = "GET",
                    const HeadLimits& limits = {})
      : memory(text) {
    HeadScan scan;
    result = parse_response_head(memory.bytes(), method, limits, scan, head);
  }
  bool complete() const { return result.kind == Kind::complete; }
  bool bad() const { return result.kind == Kind::bad && result.status == 502; }

  ExactBytes memory;
  ResponseHead head;
  HeadResult result;
};

TEST(ResponseHead, YieldsItsParts) {
  const Response response("HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\nX: y\r\n\r\nabc");

  ASSERT_TRUE(response.complete());
  EXPECT_EQ(response.head.status, 404);
  EXPECT_EQ(response.head.reason, "Not Found");
  EXPECT_EQ(response.head.content_length, 3U);
  EXPECT_TRUE(response.head.keep_alive);
  EXPECT_EQ(response.head.size, response.memory.bytes().size() - 3);
}

TEST(ResponseHead, IsTheSameInPiecesAsWhole) {
  const std::string texts[] = {
      "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1\nx",
      "HTTP/1.1 20\nxyz",
      "HTTP/1.1 200\nxyz",
      "HTTP/3.0 200 OK\r\n",
      "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n"};
  for (const std::string& text : texts) {
    const Response whole(text);
    ResponseHead head;
    HeadScan scan;
    HeadResult result;
    for (std::size_t size = 0; size <= text.size() && result.kind == Kind::incomplete; ++size) {
      const ExactBytes piece(text.substr(0, size));
      result = parse_response_head(piece.bytes(), "GET", {}, scan, head);
    }
    EXPECT_EQ(result.kind, whole.result.kind) << text;
    EXPECT_EQ(result.reason, whole.result.reason) << text;
  }
}

TEST(HttpRule, R24TheStatusIsThreeDigitsFrom100To599) {
  for (const char* text :
       {"HTTP/1.1 099 x", "HTTP/1.1 600 x", "HTTP/1.1 20 x", "HTTP/1.1 2000 x", "HTTP/1.1  200 x",
        "HTTP/1.1 2x0 x", "HTTP/1.1 +20 x", "HTTP/1.1", "HTTP/1.1 ", "HTTP/1.1\t200 x",
        "HTTP/2.0 200 x", "http/1.1 200 x", "ICY 200 OK", "200 OK", "HTTP/1.1 200x"}) {
    EXPECT_TRUE(Response(std::string(text) + "\r\n\r\n").bad()) << text;
  }
}

TEST(HttpRule, R24TheReasonMayBeEmpty) {
  EXPECT_EQ(Response("HTTP/1.1 200 \r\n\r\n").head.status, 200);
  const Response response("HTTP/1.1 299\r\n\r\n");
  ASSERT_TRUE(response.complete());
  EXPECT_EQ(response.head.reason, "");
}

TEST(HttpRule, R24AnEmptyLineBeforeAResponseIsRefused) {
  EXPECT_TRUE(Response("\r\nHTTP/1.1 200 OK\r\n\r\n").bad());
}

TEST(HttpRule, R25BrokenFramingOfAResponseIsBad) {
  for (const char* lines :
       {"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 1\r\nContent-Length: 1\r\n", "Content-Length: 1, 1\r\n",
        "Transfer-Encoding: gzip\r\n", "Transfer-Encoding: gzip, chunked\r\n", "A : b\r\n",
        "A: b\r\n c\r\n", "A: b\n", "A: \x01\r\n", "Connection: content-length\r\n"}) {
    EXPECT_TRUE(Response("HTTP/1.1 200 OK\r\n" + std::string(lines) + "\r\n").bad()) << lines;
  }
  EXPECT_TRUE(Response("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").bad());
}

TEST(HttpRule, R25ALongResponseHeadIsBad) {
  const std::string text = "HTTP/1.1 200 OK\r\nX: " + std::string(200, 'x') + "\r\n\r\n";

  EXPECT_TRUE(Response(text, "GET", {.bytes_max = 100}).bad());
  EXPECT_TRUE(Response(text, "GET", {.bytes_max = 10}).bad());
}

TEST(HttpRule, R26SomeResponsesHaveNoBodyWhateverTheySay) {
  const std::string_view lines = "Content-Length: 5\r\n\r\n";
  for (const char* status : {"100", "101", "103", "204", "304"}) {
    const Response response("HTTP/1.1 " + std::string(status) + " x\r\n" + std::string(lines));
    ASSERT_TRUE(response.complete()) << status;
    EXPECT_EQ(response.head.framing, BodyFraming::none) << status;
    EXPECT_TRUE(response.head.keep_alive) << status;
  }
  const Response to_head("HTTP/1.1 200 OK\r\n" + std::string(lines), "HEAD");
  EXPECT_EQ(to_head.head.framing, BodyFraming::none);
  EXPECT_EQ(to_head.head.fields.find("content-length"), "5");
}

TEST(HttpRule, R27WithoutLengthTheConnectionEndsTheBody) {
  const Response response("HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\n");

  ASSERT_TRUE(response.complete());
  EXPECT_EQ(response.head.framing, BodyFraming::until_close);
  EXPECT_FALSE(response.head.keep_alive);
}

TEST(HttpRule, R23AResponseKeepsTheConnectionByTheSameRule) {
  EXPECT_FALSE(Response("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                   .head.keep_alive);
  EXPECT_FALSE(Response("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n").head.keep_alive);
  EXPECT_TRUE(Response("HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n")
                  .head.keep_alive);
}

}  // namespace
}  // namespace hither
