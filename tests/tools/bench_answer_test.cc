// SPDX-License-Identifier: Apache-2.0
#include "tools/bench_answer.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace hither::tools {
namespace {

using State = BenchAnswer::State;

constexpr std::string_view whole =
    "HTTP/1.1 200 OK\r\nX: y\r\ncontent-length: 5\r\nConnection: keep-alive\r\n\r\nhello";

BenchAnswer read_in_pieces(std::string_view text, std::size_t size) {
  BenchAnswer answer;
  for (std::size_t at = 0; at < text.size(); at += size) {
    answer.take(as_bytes(text.substr(at, size)));
  }
  return answer;
}

TEST(BenchAnswer, ReadsAnAnswerInPiecesOfAnySize) {
  for (std::size_t size = 1; size <= whole.size(); ++size) {
    const BenchAnswer answer = read_in_pieces(whole, size);
    EXPECT_EQ(answer.state(), State::done) << size;
    EXPECT_EQ(answer.status(), 200);
    EXPECT_EQ(answer.body_bytes(), 5);
    EXPECT_FALSE(answer.closes());
  }
}

TEST(BenchAnswer, IsNotDoneBeforeTheLastOctet) {
  EXPECT_EQ(read_in_pieces(whole.substr(0, whole.size() - 1), 7).state(), State::body);
  EXPECT_EQ(read_in_pieces(whole.substr(0, 30), 30).state(), State::head);
}

TEST(BenchAnswer, HearsThatTheConnectionCloses) {
  const BenchAnswer answer =
      read_in_pieces("HTTP/1.1 503 No\r\nContent-Length: 0\r\nConnection: Close\r\n\r\n", 100);
  EXPECT_EQ(answer.state(), State::done);
  EXPECT_EQ(answer.status(), 503);
  EXPECT_TRUE(answer.closes());
}

TEST(BenchAnswer, IsBrokenByWhatItCannotMeasure) {
  for (const std::string_view text :
       {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "nonsense\r\n", "HTTP/1.1 \r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxy",
        "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n"}) {
    EXPECT_EQ(read_in_pieces(text, 100).state(), State::broken) << text;
  }
}

TEST(BenchAnswer, TakesFieldLinesOfAnyLength) {
  const std::string text =
      "HTTP/1.1 200 OK\r\nSet-Cookie: " + std::string(5000, 'c') + "\r\nContent-Length: 0\r\n\r\n";
  EXPECT_EQ(read_in_pieces(text, 100).state(), State::done);
}

}  // namespace
}  // namespace hither::tools
