// SPDX-License-Identifier: Apache-2.0
#include "backend/session.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace hither::backend::session_test {
namespace {

using namespace std::chrono_literals;

constexpr Instant start{};

/// One client of one site: what it sends and what it has got.
class Client {
 public:
  explicit Client(Site& site) : session(site, start) {}

  void send(std::string_view text) { session.on_bytes(as_bytes(text), now, out); }
  void end() { session.on_end(now, out); }
  /// Lets time pass, calling the session at each of its deadlines on the way.
  void pass(Duration duration) {
    const Instant until = now + duration;
    while (!session.finished() && session.deadline() <= until) {
      now = std::max(now, session.deadline());
      session.on_time(now, out);
    }
    now = until;
  }
  void wake() { session.on_time(now, out); }
  std::string take() {
    std::string text(as_text(out));
    out.clear();
    return text;
  }

  Session session;
  Instant now = start;
  Bytes out;
};

std::string get(std::string_view path, std::string_view lines = "") {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n" + std::string(lines) + "\r\n";
}

std::string post(std::string_view path, std::string_view body) {
  return "POST " + std::string(path) +
         " HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos;
       at = text.find(part, at + 1)) {
    ++found;
  }
  return found;
}

/// The statuses of the responses in `text`, in order.
std::vector<std::string> statuses(std::string_view text) {
  std::vector<std::string> found;
  for (std::size_t at = text.find("HTTP/1.1 "); at != std::string_view::npos;
       at = text.find("HTTP/1.1 ", at + 1)) {
    found.emplace_back(text.substr(at + 9, 3));
  }
  return found;
}

using Statuses = std::vector<std::string>;

Behaviour taking(Duration mean) { return {.service = {.mean = mean}}; }

struct SessionTest : testing::Test {
  Site site{{.room = "fra", .farm = "web", .copy = 1, .pid = 9}, {}};
};

TEST_F(SessionTest, AnswersAndKeepsTheConnection) {
  Client client(site);

  client.send(get("/hello"));

  const std::string text = client.take();
  EXPECT_EQ(statuses(text), Statuses{"200"});
  EXPECT_EQ(text.find("Connection:"), std::string::npos);
  EXPECT_NE(text.find("\"path\":\"/hello\"}\n"), std::string::npos);
  EXPECT_FALSE(client.session.finished());
}

TEST_F(SessionTest, AnswersTheSameHoweverTheBytesCome) {
  const std::string text = get("/a") + post("/b", "12345") + get("/c", "Connection: close\r\n");
  Client whole(site);
  whole.send(text);
  const std::string expected = whole.take();
  ASSERT_EQ(statuses(expected), (Statuses{"200", "200", "200"}));

  for (std::size_t size = 1; size < text.size(); ++size) {
    Site fresh({.room = "fra", .farm = "web", .copy = 1, .pid = 9}, {});
    Client client(fresh);
    for (std::size_t i = 0; i < text.size(); i += size) client.send(text.substr(i, size));
    ASSERT_EQ(client.take(), expected) << "in pieces of " << size;
    ASSERT_TRUE(client.session.finished());
  }
}

TEST_F(SessionTest, PipelinedRequestsAreAnsweredInOrderOneAtATime) {
  Site slow({}, taking(10ms));
  Client client(slow);

  client.send(get("/1") + get("/2") + get("/3"));
  EXPECT_EQ(client.take(), "");
  client.pass(10ms);
  const std::string first = client.take();
  client.pass(20ms);
  const std::string rest = client.take();

  EXPECT_EQ(count(first, "\"path\":\"/1\""), 1U);
  EXPECT_EQ(count(first, "\"path\":"), 1U);
  EXPECT_LT(rest.find("/2"), rest.find("/3"));
}

TEST_F(SessionTest, AnswersAtItsDeadlineAndNotBefore) {
  Site slow({}, taking(10ms));
  Client client(slow);
  client.send(get("/"));

  EXPECT_EQ(client.session.deadline(), start + 10ms);
  client.pass(9ms);
  EXPECT_EQ(client.take(), "");
  client.pass(1ms);

  EXPECT_EQ(statuses(client.take()), Statuses{"200"});
}

TEST_F(SessionTest, ClosesWhenTheClientAsks) {
  Client client(site);

  client.send(get("/", "Connection: close\r\n"));

  EXPECT_NE(client.take().find("Connection: close\r\n"), std::string::npos);
  EXPECT_TRUE(client.session.finished());
}

TEST_F(SessionTest, AnOldClientIsToldThatTheConnectionStays) {
  Client client(site);

  client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_NE(client.take().find("Connection: keep-alive\r\n"), std::string::npos);
  client.send("GET / HTTP/1.0\r\n\r\n");

  EXPECT_NE(client.take().find("Connection: close\r\n"), std::string::npos);
  EXPECT_TRUE(client.session.finished());
}

TEST_F(SessionTest, HeadGetsNoBody) {
  Client client(site);

  client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" + get("/"));

  const std::string text = client.take();
  EXPECT_EQ(statuses(text), (Statuses{"200", "200"}));
  EXPECT_EQ(count(text, "\"path\""), 1U);
}

TEST_F(SessionTest, BodiesAreReadCountedAndNotKept) {
  Client client(site);

  client.send(post("/", std::string(100'000, 'x')));
  client.send(
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");

  EXPECT_EQ(statuses(client.take()), (Statuses{"200", "200"}));
  const Metrics metrics = site.metrics(start);
  EXPECT_EQ(metrics[4].name, "hither_backend_request_body_bytes_total");
  EXPECT_EQ(metrics[4].samples[0].value, 100'003);
}

TEST_F(SessionTest, ABodyIsAwaitedBeforeTheAnswer) {
  Client client(site);

  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhell");
  EXPECT_EQ(client.take(), "");
  client.send("o");

  EXPECT_EQ(statuses(client.take()), Statuses{"200"});
}

TEST_F(SessionTest, AContinueIsSaidBeforeTheBody) {
  Client client(site);

  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.take(), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("hi");

  EXPECT_EQ(statuses(client.take()), Statuses{"200"});
}

TEST_F(SessionTest, ABrokenRequestIsRefusedAndTheRestIsNotRead) {
  Client client(site);

  client.send("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n" + get("/"));

  const std::string text = client.take();
  EXPECT_EQ(statuses(text), Statuses{"400"});
  EXPECT_NE(text.find("Connection: close\r\n"), std::string::npos);
  EXPECT_NE(text.find("more than one Host\n"), std::string::npos);
  EXPECT_TRUE(client.session.finished());
}

TEST_F(SessionTest, ABrokenChunkIsRefused) {
  Client client(site);

  client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x3\r\nabc");

  EXPECT_EQ(statuses(client.take()), Statuses{"400"});
  EXPECT_TRUE(client.session.finished());
}

TEST_F(SessionTest, AHalfClosedClientStillGetsItsAnswers) {
  Site slow({}, taking(10ms));
  Client client(slow);

  client.send(get("/1") + get("/2"));
  client.end();
  EXPECT_FALSE(client.session.finished());
  client.pass(1s);

  EXPECT_EQ(statuses(client.take()), (Statuses{"200", "200"}));
  EXPECT_TRUE(client.session.finished());
}

TEST_F(SessionTest, AnEndWithinARequestEndsTheSessionSilently) {
  Client client(site);

  client.send("GET / HT");
  client.end();

  EXPECT_EQ(client.take(), "");
  EXPECT_TRUE(client.session.finished());
}

TEST_F(SessionTest, AnIdleConnectionIsClosedSilentlyInTheEnd) {
  Client client(site);
  client.send(get("/"));
  client.take();

  client.pass(1h);

  EXPECT_EQ(client.take(), "");
  EXPECT_TRUE(client.session.finished());
}

TEST_F(SessionTest, AHalfRequestThatNeverEndsIs408) {
  Client client(site);
  client.send("GET / HT");

  client.pass(1h);

  EXPECT_EQ(statuses(client.take()), Statuses{"408"});
  EXPECT_TRUE(client.session.finished());
}

TEST_F(SessionTest, DrippingBytesDoNotBuyTime) {
  Client client(site);
  for (int i = 0; i < 200 && !client.session.finished(); ++i) {
    client.send("G");
    client.pass(1s);
  }

  EXPECT_TRUE(client.session.finished());
}

TEST_F(SessionTest, TooMuchPipelinedInputIsLeftInTheKernel) {
  Site slow({}, taking(10ms));
  Client client(slow);
  client.send(get("/"));
  EXPECT_TRUE(client.session.wants_input());

  client.send(std::string(70'000, 'x'));

  EXPECT_FALSE(client.session.wants_input());
}

TEST_F(SessionTest, WhenStoppingIdleConnectionsCloseAndBusyOnesFinish) {
  Site slow({}, taking(10ms));
  Client idle(slow);
  Client busy(slow);
  busy.send(get("/"));

  slow.stop();
  idle.wake();
  busy.wake();

  EXPECT_TRUE(idle.session.finished());
  EXPECT_FALSE(busy.session.finished());
  busy.pass(10ms);
  EXPECT_NE(busy.take().find("Connection: close\r\n"), std::string::npos);
  EXPECT_TRUE(busy.session.finished());
}

// ---- Faults

TEST_F(SessionTest, AnOrderWithABodyIsObeyed) {
  Client client(site);

  client.send(post("/fault", R"({"slow": 50})"));

  EXPECT_EQ(statuses(client.take()), Statuses{"200"});
  EXPECT_EQ(site.faults().slow, Duration(50ms));
}

TEST_F(SessionTest, AHugeOrderIsRefused) {
  Client client(site);

  client.send(post("/fault", std::string(70'000, ' ')));

  EXPECT_EQ(statuses(client.take()), Statuses{"413"});
}

TEST_F(SessionTest, FrozenItAnswersNothingUntilHealed) {
  Site slow({}, taking(10ms));
  Client client(slow);
  Client doctor(slow);
  client.send(get("/before"));

  doctor.send(post("/fault?freeze", ""));
  EXPECT_EQ(statuses(doctor.take()), Statuses{"200"});
  client.pass(1h);
  EXPECT_EQ(client.take(), "") << "not even what it had begun to serve";
  EXPECT_FALSE(client.session.finished()) << "it hangs, it does not close";
  doctor.send(post("/fault?heal", ""));
  EXPECT_EQ(statuses(doctor.take()), Statuses{"200"});
  client.wake();

  EXPECT_EQ(statuses(client.take()), Statuses{"200"});
}

TEST_F(SessionTest, AskedWhileFrozenItAnswersAfterTheThaw) {
  Client client(site);
  Client doctor(site);
  doctor.send(post("/fault?freeze", ""));

  client.send(get("/") + get("/health"));
  client.pass(1h);
  EXPECT_EQ(client.take(), "");
  doctor.send(post("/fault?heal", ""));
  client.wake();

  EXPECT_EQ(statuses(client.take()), (Statuses{"200", "200"}));
}

TEST_F(SessionTest, FrozenItSaysNothingAboutBrokenRequestsEither) {
  Client client(site);
  Client doctor(site);
  doctor.send(post("/fault?freeze", ""));

  client.send("nonsense\r\n\r\n");

  EXPECT_EQ(client.take(), "");
}

TEST_F(SessionTest, FrozenWithAnAdminAddressItDoesNotEvenRead) {
  site.set_has_admin(true);
  Client client(site);
  site.on_request({.method = "POST", .path = "/fault?freeze", .body = {}}, start);

  EXPECT_FALSE(client.session.wants_input());
  EXPECT_EQ(client.session.deadline(), never);
  client.send(post("/fault?heal", ""));
  EXPECT_EQ(client.take(), "");

  site.on_request({.method = "POST", .path = "/fault?heal", .body = {}}, start);
  client.wake();
  EXPECT_EQ(statuses(client.take()), Statuses{"200"});
}

TEST_F(SessionTest, RefusingItClosesWithoutAnAnswer) {
  Client before(site);
  Client doctor(site);
  doctor.send(post("/fault?refuse", ""));
  EXPECT_EQ(statuses(doctor.take()), Statuses{"200"});

  before.wake();
  Client after(site);
  after.send(get("/"));

  EXPECT_TRUE(before.session.finished()) << "idle connections are closed";
  EXPECT_TRUE(after.session.finished());
  EXPECT_EQ(after.take(), "");
}

TEST_F(SessionTest, RefusingItCutsOffWhatIsBeingServed) {
  Site slow({}, taking(10ms));
  Client client(slow);
  client.send(get("/"));
  Client(slow).send(post("/fault?refuse", ""));

  client.pass(1s);

  EXPECT_EQ(client.take(), "");
  EXPECT_TRUE(client.session.finished());
}

TEST_F(SessionTest, RefusingItCanStillBeHealed) {
  Client(site).send(post("/fault?refuse", ""));

  Client doctor(site);
  doctor.send(post("/fault", R"({"heal": true})"));

  EXPECT_EQ(statuses(doctor.take()), Statuses{"200"});
  EXPECT_FALSE(site.faults().refuse);
}

TEST_F(SessionTest, TheAnswerToTheOrderThatFreezesIsSent) {
  Client doctor(site);

  doctor.send(post("/fault?freeze", "") + get("/"));

  EXPECT_EQ(statuses(doctor.take()), Statuses{"200"}) << "and what follows it is not answered";
}

}  // namespace
}  // namespace hither::backend::session_test
