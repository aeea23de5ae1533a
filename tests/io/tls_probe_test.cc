// SPDX-License-Identifier: Apache-2.0
#include "io/tls_probe.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "io/clock.h"
#include "io/socket.h"
#include "io/stream_server.h"
#include "tests/support/tls_server.h"

namespace hither::io {
namespace {

using namespace std::chrono_literals;
using test::TlsServer;

/// Runs the loop until the question is answered yes; bounded.
void run_until(Loop& loop, const std::function<bool()>& question) {
  const Instant give_up = monotonic_now() + 10s;
  std::unique_ptr<Timer> again;
  again = std::make_unique<Timer>(loop, [&] {
    if (question() || monotonic_now() > give_up) {
      again->cancel();
      loop.post([&loop] { loop.stop(); });
    } else {
      again->set(monotonic_now() + 1ms);
    }
  });
  again->set(monotonic_now());
  loop.run();
}

/// So many probes of a server, one after the other, each with the ticket of the one before.
struct Probes {
  std::optional<TlsOutcome> probe_once(const Endpoint& endpoint, const std::string& name = "",
                                       Duration timeout = 5s, const std::string& preamble = "") {
    std::optional<TlsOutcome> outcome;
    Loop loop;
    TlsProbe probe(
        loop, client, ticket,
        {.endpoint = endpoint, .preamble = preamble, .server_name = name, .timeout = timeout},
        [&](TlsOutcome got) {
          outcome = std::move(got);
          // It may still wait for a ticket; then the loop ends by itself.
        });
    loop.run();
    return outcome;
  }

  TlsClient client;
  TlsTicket ticket;
};

TEST(TlsProbe, ShakesHandsAndResumesTheNextTime) {
  for (const auto newest : {TlsServer::Newest::tls12, TlsServer::Newest::tls13}) {
    TlsServer server(newest);
    Probes probes;

    for (int i = 0; i < 4; ++i) {
      const auto outcome = probes.probe_once(server.endpoint(), "www.example.test");
      ASSERT_TRUE(outcome);
      EXPECT_EQ(outcome->error, "");
      EXPECT_EQ(outcome->resumed, i > 0);
    }
    // It serves one after the other, so it has noted at least the first three.
    EXPECT_EQ(server.server_name(), "www.example.test");
  }
}

TEST(TlsProbe, ForgetsATicketWhenItIsTold) {
  TlsServer server;
  Probes probes;
  probes.probe_once(server.endpoint());

  probes.ticket.forget();

  EXPECT_FALSE(probes.probe_once(server.endpoint())->resumed);
}

TEST(TlsProbe, SaysItsPreambleInTheClearFirst) {
  TlsServer server(TlsServer::Newest::tls13, "PROXY UNKNOWN\r\n");
  Probes probes;

  const auto with = probes.probe_once(server.endpoint(), "", 5s, "PROXY UNKNOWN\r\n");
  const auto without = probes.probe_once(server.endpoint());

  ASSERT_TRUE(with && without);
  EXPECT_EQ(with->error, "");
  EXPECT_NE(without->error, "");
}

TEST(TlsProbe, SaysAPreambleInPiecesWhereTheKernelTakesNoMore) {
  const std::string preamble(8 * 1024 * 1024, 'p');
  TlsServer server(TlsServer::Newest::tls13, preamble);
  Probes probes;

  const auto outcome = probes.probe_once(server.endpoint(), "", 10s, preamble);

  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->error, "");
}

TEST(TlsProbe, SaysGoodbye) {
  Loop loop;
  {
    TlsServer server;
    Probes probes;
    probes.probe_once(server.endpoint());
    probes.probe_once(server.endpoint());
    // The second was accepted only once the first was over.
    EXPECT_GE(server.goodbyes(), 1);
  }
}

/// Says the given bytes, over and over or one every few milliseconds, and never ends.
class Babbler final : public Session {
 public:
  Babbler(std::string text, Duration every) : text_(std::move(text)), every_(every) {}
  void on_bytes(ByteView, Instant now, Bytes& out) override {
    if (every_ == Duration{}) append(out, as_bytes(text_));
    next_ = now + every_;
  }
  void on_end(Instant, Bytes&) override { ended_ = true; }
  void on_time(Instant now, Bytes& out) override {
    append(out, as_bytes(text_).subspan(at_++ % text_.size(), 1));
    next_ = now + every_;
  }
  Instant deadline() const override { return every_ == Duration{} ? never : next_; }
  bool finished() const override { return ended_; }

 private:
  std::string text_;
  Duration every_;
  Instant next_ = never;
  std::size_t at_ = 0;
  bool ended_ = false;
};

TlsOutcome outcome_against(const std::string& text, Duration every, Duration timeout = 5s) {
  Loop loop;
  StreamServer server(loop,
                      [&](const Endpoint&) { return std::make_unique<Babbler>(text, every); });
  Fd listener = *listen_tcp({Address::v4(0x7f000001), 0});
  const Endpoint endpoint = *local_endpoint(listener.get());
  server.add_listener(std::move(listener));
  TlsClient client;
  TlsTicket ticket;
  std::optional<TlsOutcome> outcome;
  const TlsProbe probe(loop, client, ticket,
                       {.endpoint = endpoint, .server_name = {}, .timeout = timeout},
                       [&](TlsOutcome got) { outcome = std::move(got); });
  run_until(loop, [&] { return outcome.has_value(); });
  return outcome.value_or(TlsOutcome{.error = "no outcome"});
}

TEST(TlsProbe, OneThatSpeaksSomethingElseHasNoHandshake) {
  const TlsOutcome outcome = outcome_against("HTTP/1.1 400 Bad Request\r\n\r\n", 0ms);

  EXPECT_EQ(outcome.error, "no TLS handshake: wrong version number");
  EXPECT_FALSE(outcome.silent) << "it is the server's own word";
}

TEST(TlsProbe, OneThatDripsIsLateAllTheSame) {
  // The head of a handshake record of 16 KiB, and then its octets, one every few milliseconds.
  const std::string drip("\x16\x03\x03\x3f\xff\x02\x00\x3f\xf0", 9);

  const TlsOutcome outcome = outcome_against(drip, 2ms, 60ms);

  EXPECT_EQ(outcome.error, "timed out");
  EXPECT_TRUE(outcome.silent);
}

TEST(TlsProbe, OneThatAcceptsAndSaysNothingIsSilent) {
  Fd listener = *listen_tcp({Address::v4(0x7f000001), 0});
  Probes probes;

  const auto outcome = probes.probe_once(*local_endpoint(listener.get()), "", 20ms);

  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->error, "timed out");
  EXPECT_TRUE(outcome->silent);
}

TEST(TlsProbe, ARefusalIsTheServersOwnWord) {
  Fd listener = *listen_tcp({Address::v4(0x7f000001), 0});
  const Endpoint endpoint = *local_endpoint(listener.get());
  listener.close();
  Probes probes;

  const auto outcome = probes.probe_once(endpoint);

  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->error, "Connection refused");
  EXPECT_FALSE(outcome->silent);
}

TEST(TlsProbe, MayBeDestroyedAtAnyTime) {
  TlsServer server;
  Loop loop;
  TlsClient client;
  TlsTicket ticket;
  std::unique_ptr<TlsProbe> inside;
  inside = std::make_unique<TlsProbe>(
      loop, client, ticket,
      TlsTarget{.endpoint = server.endpoint(), .server_name = {}, .timeout = 5s},
      [&](const TlsOutcome& outcome) {
        EXPECT_EQ(outcome.error, "");
        inside.reset();
      });
  auto before = std::make_unique<TlsProbe>(
      loop, client, ticket,
      TlsTarget{.endpoint = server.endpoint(), .server_name = {}, .timeout = 5s},
      [](const TlsOutcome&) { FAIL() << "called back after its end"; });
  loop.post([&] { before.reset(); });

  loop.run();

  EXPECT_EQ(inside, nullptr);
}

}  // namespace
}  // namespace hither::io
