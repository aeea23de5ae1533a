// SPDX-License-Identifier: Apache-2.0
#include "io/http_client.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "io/clock.h"
#include "io/socket.h"
#include "io/stream_server.h"

namespace hither::io {
namespace {

using namespace std::chrono_literals;

/// Answers the first bytes it sees with a fixed text, then closes.
class Canned final : public Session {
 public:
  explicit Canned(std::string reply) : reply_(std::move(reply)) {}
  void on_bytes(ByteView, Instant, Bytes& out) override {
    append(out, as_bytes(reply_));
    finished_ = !reply_.empty();
  }
  void on_end(Instant, Bytes&) override { finished_ = true; }
  void on_time(Instant, Bytes&) override {}
  Instant deadline() const override { return never; }
  bool finished() const override { return finished_; }

 private:
  std::string reply_;
  bool finished_ = false;
};

HttpReply reply_to(const std::string& canned, Duration timeout = 5s) {
  Loop loop;
  StreamServer server(loop, [&](const Endpoint&) { return std::make_unique<Canned>(canned); });
  Fd listener = *listen_tcp({Address::v4(0x7f000001), 0});
  const Endpoint endpoint = *local_endpoint(listener.get());
  server.add_listener(std::move(listener));
  HttpReply reply;
  const HttpFetch fetch(loop, {.target = endpoint, .timeout = timeout}, [&](HttpReply got) {
    reply = std::move(got);
    loop.stop();
  });
  loop.run();
  return reply;
}

TEST(HttpFetch, ReadsABodyOfKnownLength) {
  const HttpReply reply = reply_to("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, "hello");
}

TEST(HttpFetch, ReadsAChunkedBodyAfterAnInterimResponse) {
  const HttpReply reply = reply_to(
      "HTTP/1.1 103 Early Hints\r\n\r\n"
      "HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n");
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.body, "abcde");
}

TEST(HttpFetch, ReadsABodyThatEndsWithTheConnection) {
  EXPECT_EQ(reply_to("HTTP/1.1 200 OK\r\n\r\nuntil the end").body, "until the end");
}

TEST(HttpFetch, SaysWhatIsWrongWithAResponse) {
  EXPECT_NE(reply_to("SSH-2.0-OpenSSH\r\n\r\n").error.find("not a valid HTTP response"),
            std::string::npos);
  EXPECT_EQ(reply_to("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort").status, 0);
}

TEST(HttpFetch, GivesUpAtItsTimeout) { EXPECT_EQ(reply_to("", 10ms).error, "timed out"); }

TEST(HttpFetch, SaysThatNobodyListens) {
  Fd listener = *listen_tcp({Address::v4(0x7f000001), 0});
  const Endpoint endpoint = *local_endpoint(listener.get());
  listener.close();

  EXPECT_EQ(fetch_now({.target = endpoint}).error, "Connection refused");
}

TEST(HttpFetch, DestroyedBeforeItsAnswerNeverCallsBack) {
  Loop loop;
  Fd listener = *listen_tcp({Address::v4(0x7f000001), 0});
  auto fetch =
      std::make_unique<HttpFetch>(loop, HttpRequest{.target = *local_endpoint(listener.get())},
                                  [](const HttpReply&) { FAIL() << "called back after its end"; });
  loop.post([&] { fetch.reset(); });

  loop.run();
}

}  // namespace
}  // namespace hither::io
