// SPDX-License-Identifier: Apache-2.0
//
// However a stream is cut into pieces, what comes out is the same.
#include <gtest/gtest.h>

#include <functional>

#include "tests/lb/messages.h"
#include "tests/lb/story.h"

namespace hither::lb::test {
namespace {

struct Tale {
  const char* name;
  std::function<void(Story&)> tell;
};

/// All that can be seen from outside. Chunk borders follow the pieces, so they are taken out.
std::string outcome(const Tale& tale, std::size_t piece) {
  Story story({.piece = piece});
  tale.tell(story);
  return story.client_got() + "\n--- servers\n" + story.backends_got() +
         (story.closed() ? "closed" : "open") + std::to_string(story.idle_connections()) +
         std::to_string(story.in_flight()) + std::to_string(story.blocks_taken());
}

class HttpCut : public testing::TestWithParam<Tale> {};

TEST_P(HttpCut, OutcomeIsTheSameHoweverTheStreamIsCut) {
  const std::string whole = outcome(GetParam(), 1'000'000);

  for (std::size_t piece = 1; piece <= 300; ++piece) {
    ASSERT_EQ(outcome(GetParam(), piece), whole) << "pieces of " << piece;
  }
}

constexpr std::string_view kept_get =
    "GET /x HTTP/1.1\r\nHost: a.test\r\nAccept: */*\r\nConnection: keep-alive\r\n\r\n";

INSTANTIATE_TEST_SUITE_P(
    Tales, HttpCut,
    testing::Values(
        Tale{"KeepAlive",
             [](Story& story) {
               story.client_says(kept_get).backend_says(hello).client_says(kept_get).backend_says(
                   hello);
             }},
        Tale{"Pipelined",
             [](Story& story) {
               story.client_says(std::string(kept_get) + std::string(kept_get)).backend_says(hello);
               story.backend_says(hello);
             }},
        Tale{"PostThenGet",
             [](Story& story) {
               story.client_says(
                   "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nabcd" +
                   std::string(kept_get));
               story.backend_says(hello).backend_says(hello);
             }},
        Tale{"Continue",
             [](Story& story) {
               story.client_says(
                   "PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n"
                   "Expect: 100-continue\r\n\r\n");
               story.backend_says("HTTP/1.1 100 Continue\r\n\r\n").client_says("abcd");
               story.backend_says(hello);
             }},
        Tale{"SurplusBytes",
             [](Story& story) {
               story.client_says(kept_get).backend_says(std::string(hello) + "x");
               story.client_says(kept_get).backend_says(hello);
             }},
        Tale{"CutShort",
             [](Story& story) {
               story.client_says(kept_get)
                   .backend_says("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello")
                   .backend_ends();
             }},
        Tale{"Bad", [](Story& story) { story.client_says("GET /\r\n\r\nGET / HTTP/1.1\r\n"); }},
        Tale{"OldClient",
             [](Story& story) {
               story.client_says("GET / HTTP/1.0\r\n\r\n")
                   .backend_says("HTTP/1.0 200 OK\r\n\r\nhello")
                   .backend_ends();
             }}),
    [](const auto& row) { return row.param.name; });

/// The data of a chunked body, with or without its trailer; empty if it does not end.
std::string unchunked(std::string_view text) {
  std::string data;
  while (true) {
    const std::size_t line = text.find("\r\n");
    if (line == std::string_view::npos) return {};
    const std::size_t size = std::stoul(std::string(text.substr(0, line)), nullptr, 16);
    if (size == 0) {
      return text == "0\r\n\r\n" || text == "0\r\nX-Sum: 1\r\n\r\n" ? data : std::string{};
    }
    data += text.substr(line + 2, size);
    text.remove_prefix(line + 2 + size + 2);
  }
}

TEST(HttpCut, ChunkedBodiesCarryTheSameDataHoweverTheStreamIsCut) {
  const std::string chunks = "3;x=\"y\"\r\nabc\r\nA\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n";
  for (std::size_t piece = 1; piece <= 200; ++piece) {
    Story story({.piece = piece});

    story.client_says("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n" +
                      chunks);
    story.backend_says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks);

    const std::string up = story.backends_got();
    const std::string down = story.client_got();
    ASSERT_EQ(unchunked(up.substr(up.find("\r\n\r\n") + 4)), "abc0123456789") << piece;
    ASSERT_EQ(unchunked(down.substr(down.find("\r\n\r\n") + 4)), "abc0123456789") << piece;
    ASSERT_EQ(story.idle_connections(), 1U);
    ASSERT_EQ(story.blocks_taken(), 0U);
  }
}

}  // namespace
}  // namespace hither::lb::test
