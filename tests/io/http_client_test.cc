// SPDX-License-Identifier: Apache-2.0
#include "io/http_client.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string>
#include <string_view>

#include "io/clock.h"
#include "io/socket.h"
#include "io/stream_server.h"
#include "tests/support/no_descriptors.h"
#include "tests/support/sanitized.h"

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

TEST(HttpFetch, GivesUpAtItsTimeout) {
  EXPECT_EQ(reply_to("", 10ms).error, "timed out");
  EXPECT_TRUE(reply_to("", 10ms).silent);
}

/// Says a text octet by octet, one a millisecond, and begins again.
class Dripping final : public Session {
 public:
  void on_bytes(ByteView, Instant now, Bytes&) override { next_ = now; }
  void on_end(Instant, Bytes&) override { ended_ = true; }
  void on_time(Instant now, Bytes& out) override {
    constexpr std::string_view text = "HTTP/1.1 200 OK\r\nX: ";
    append(out, as_bytes(text.substr(std::min(at_, text.size() - 1), 1)));
    ++at_;
    next_ = now + 1ms;
  }
  Instant deadline() const override { return next_; }
  bool finished() const override { return ended_; }

 private:
  Instant next_ = never;
  std::size_t at_ = 0;
  bool ended_ = false;
};

TEST(HttpFetch, OneThatDripsIsLateAllTheSame) {
  Loop loop;
  StreamServer server(loop, [&](const Endpoint&) { return std::make_unique<Dripping>(); });
  Fd listener = *listen_tcp({Address::v4(0x7f000001), 0});
  const Endpoint endpoint = *local_endpoint(listener.get());
  server.add_listener(std::move(listener));
  HttpReply reply;

  const HttpFetch fetch(loop, {.target = endpoint, .timeout = 50ms}, [&](HttpReply got) {
    reply = std::move(got);
    loop.stop();
  });
  loop.run();

  EXPECT_EQ(reply.error, "timed out");
  EXPECT_TRUE(reply.silent);
}

HttpReply reply_cut_at(std::size_t most, const std::string& canned) {
  Loop loop;
  StreamServer server(loop, [&](const Endpoint&) { return std::make_unique<Canned>(canned); });
  Fd listener = *listen_tcp({Address::v4(0x7f000001), 0});
  const Endpoint endpoint = *local_endpoint(listener.get());
  server.add_listener(std::move(listener));
  HttpReply reply;
  const HttpFetch fetch(loop,
                        {.target = endpoint, .body = {}, .body_bytes_max = most, .cut_body = true},
                        [&](HttpReply got) {
                          reply = std::move(got);
                          loop.stop();
                        });
  loop.run();
  return reply;
}

TEST(HttpFetch, CutsALongBodyWhereItIsTold) {
  std::string chunks;
  for (int i = 0; i < 2000; ++i) chunks += "a;extension=of-no-use\r\n0123456789\r\n";

  const HttpReply whole = reply_cut_at(5, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
  const HttpReply cut =
      reply_cut_at(15, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks);
  const HttpReply endless = reply_cut_at(3, "HTTP/1.1 200 OK\r\n\r\n" + chunks);

  EXPECT_EQ(whole.body, "hello");
  EXPECT_EQ(cut.status, 200);
  EXPECT_EQ(cut.body, "012345678901234");
  EXPECT_EQ(endless.body, "a;e");
}

TEST(HttpFetch, TellsSilenceFromThePeersOwnWord) {
  EXPECT_FALSE(reply_to("nonsense\r\n\r\n").silent);
  EXPECT_FALSE(is_silence(ECONNREFUSED));
  EXPECT_FALSE(is_silence(ECONNRESET));
  EXPECT_TRUE(is_silence(ETIMEDOUT));
  EXPECT_TRUE(is_silence(EHOSTUNREACH));
  EXPECT_TRUE(is_silence(EMFILE));
}

TEST(HttpFetch, TellsWhatThisMachineLacksFromSilence) {
  if (hither::test::sanitized) GTEST_SKIP() << "UBSan needs descriptors of its own";
  const Fd listener = *listen_tcp({Address::v4(0x7f000001), 0});
  const HttpRequest request{.target = *local_endpoint(listener.get()), .body = {}, .timeout = 20ms};
  Loop loop;
  HttpReply reply;
  {
    const test::NoDescriptors none;
    const HttpFetch fetch(loop, request, [&](HttpReply got) {
      reply = std::move(got);
      loop.stop();
    });
    loop.run();
  }

  EXPECT_TRUE(reply.ours) << reply.error;
  EXPECT_TRUE(reply.silent);
  const HttpReply late = fetch_now(request);
  EXPECT_EQ(late.error, "timed out");
  EXPECT_FALSE(late.ours);
}

TEST(HttpFetch, SaysThatNobodyListens) {
  Fd listener = *listen_tcp({Address::v4(0x7f000001), 0});
  const Endpoint endpoint = *local_endpoint(listener.get());
  listener.close();

  EXPECT_EQ(fetch_now({.target = endpoint}).error, "Connection refused");
}

/// Keeps what it hears, and answers once that ends like a head behind so many octets.
class Listening final : public Session {
 public:
  Listening(std::string& heard, std::size_t before) : heard_(heard), before_(before) {}
  void on_bytes(ByteView bytes, Instant, Bytes& out) override {
    heard_ += as_text(bytes);
    finished_ = heard_.size() > before_ && heard_.ends_with("\r\n\r\n");
    if (finished_) append(out, as_bytes("HTTP/1.1 204 No Content\r\n\r\n"));
  }
  void on_end(Instant, Bytes&) override { finished_ = true; }
  void on_time(Instant, Bytes&) override {}
  Instant deadline() const override { return never; }
  bool finished() const override { return finished_; }

 private:
  std::string& heard_;
  std::size_t before_;
  bool finished_ = false;
};

TEST(HttpFetch, SaysItsPreambleFirstAndInPiecesIfItMust) {
  for (const std::string& preamble :
       {std::string("PROXY UNKNOWN\r\n"), std::string(8 * 1024 * 1024, 'p')}) {
    Loop loop;
    std::string heard;
    StreamServer server(
        loop, [&](const Endpoint&) { return std::make_unique<Listening>(heard, preamble.size()); });
    Fd listener = *listen_tcp({Address::v4(0x7f000001), 0});
    const Endpoint endpoint = *local_endpoint(listener.get());
    server.add_listener(std::move(listener));
    HttpReply reply;

    const HttpFetch fetch(loop, {.target = endpoint, .preamble = preamble, .timeout = 10s},
                          [&](HttpReply got) {
                            reply = std::move(got);
                            loop.stop();
                          });
    loop.run();

    EXPECT_EQ(reply.status, 204) << reply.error;
    ASSERT_GT(heard.size(), preamble.size());
    EXPECT_TRUE(heard.starts_with(preamble)) << preamble.size();
    EXPECT_EQ(heard.substr(preamble.size()),
              "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  }
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
