// SPDX-License-Identifier: Apache-2.0
//
// What the access log says about requests, through whole stories.
#include "lb/access_trace.h"

#include "tests/lb/http_traps.h"

namespace hither::lb::test {
namespace {

using namespace std::chrono_literals;

std::string reason_of(const AccessRecord& record) {
  return {record.reason.who, record.reason.when};
}

TEST(AccessTrace, TellsOfARequestThatWentWell) {
  Story story;
  story.client_says("GET /x?y HTTP/1.1\r\n").time_passes(1s).client_says("Host: a.test\r\n\r\n");
  story.time_passes(250ms).backend_says("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
  EXPECT_TRUE(story.records().empty()) << "it goes on";
  story.time_passes(500ms).backend_says("hello");

  ASSERT_EQ(story.records().size(), 1U);
  const AccessRecord& record = story.records().front();
  EXPECT_EQ(record.method.text(), "GET");
  EXPECT_EQ(record.path.text(), "/x?y");
  EXPECT_EQ(record.server.text(), "web-1");
  EXPECT_EQ(to_text(record.client), "192.0.2.7");
  EXPECT_EQ(record.id.text().size(), 16U);
  EXPECT_EQ(record.status, 200);
  EXPECT_EQ(reason_of(record), "--");
  EXPECT_EQ(record.bytes_in, 35U);
  EXPECT_EQ(record.bytes_out, hello.size());
  EXPECT_EQ(record.retries, 0U);
  EXPECT_EQ(record.queue, 0s);
  EXPECT_EQ(record.connect, 0s);
  EXPECT_EQ(record.response, 250ms);
  EXPECT_EQ(record.total, 1750ms);
}

TEST(AccessTrace, CountsConnectsAndRetries) {
  Story story({.servers = 2});
  story.connects("silent").client_says(get);
  story.connects("taken").time_passes(2s).backend_says(hello);

  ASSERT_EQ(story.records().size(), 1U);
  EXPECT_EQ(story.records()[0].retries, 1U);
  EXPECT_EQ(story.records()[0].connect, 2s);
  EXPECT_EQ(story.records()[0].server.text(), "web-2");
}

TEST(AccessTrace, OneLineForEachRequestOfAConnection) {
  Story story;
  story.client_says(std::string(get) + std::string(get)).backend_says(hello).backend_says(hello);
  story.client_ends();

  EXPECT_EQ(story.records().size(), 2U) << "and none for the end";
}

struct Ending {
  const char* reason;
  int status;
  void (*tell)(Story&);
};

TEST(AccessTrace, SaysWhoseDoingAnEndWasAndDuringWhat) {
  const std::string post = with_fields("POST /", "Content-Length: 9\r\n");
  for (const Ending& ending : {
           Ending{"PR", 400, [](Story& s) { s.client_says("GET /\r\n\r\n"); }},
           Ending{"cR", 408, [](Story& s) { s.client_says("GET").time_passes(10s); }},
           Ending{"CR", 0, [](Story& s) { s.client_says("GET").client_ends(); }},
           Ending{"SC", 503, [](Story& s) { s.connects("refused").client_says(get); }},
           Ending{"sC", 503,
                  [](Story& s) { s.connects("silent").client_says(get).time_passes(2s); }},
           Ending{"CC", 0, [](Story& s) { s.connects("silent").client_says(get).client_resets(); }},
           Ending{"CH", 0, [](Story& s) { s.client_says(get).client_resets(); }},
           Ending{"SH", 502, [](Story& s) { s.client_says(get).backend_ends(); }},
           Ending{"sH", 504, [](Story& s) { s.client_says(get).time_passes(30s); }},
           Ending{"SD", 200,
                  [](Story& s) {
                    s.client_says(get).backend_says(
                        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nh");
                    s.backend_ends();
                  }},
           Ending{"sD", 200,
                  [](Story& s) {
                    s.client_says(get).backend_says(
                        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nh");
                    s.time_passes(30s);
                  }},
           Ending{"CD", 200,
                  [](Story& s) {
                    s.client_stops_reading().client_says(get).backend_says(hello).client_resets();
                  }},
           Ending{"cD", 200,
                  [](Story& s) {
                    s.client_stops_reading().client_says(get).backend_says(hello).time_passes(61s);
                  }},
           Ending{"cB", 408,
                  [](Story& s) {
                    s.client_says(with_fields("POST /", "Content-Length: 9\r\n")).time_passes(31s);
                  }},
           Ending{"PB", 400,
                  [](Story& s) {
                    s.client_says(with_fields("POST /", "Transfer-Encoding: chunked\r\n") +
                                  "x\r\n");
                  }},
           Ending{"CB", 0,
                  [](Story& s) {
                    s.client_says(with_fields("POST /", "Content-Length: 9\r\n")).client_ends();
                  }},
           Ending{"KR", 0, [](Story& s) { s.client_says("GET").cut_off(); }},
           Ending{"KC", 0, [](Story& s) { s.connects("silent").client_says(get).cut_off(); }},
           Ending{"KH", 0, [](Story& s) { s.client_says(get).cut_off(); }},
           Ending{"KD", 200,
                  [](Story& s) {
                    s.client_says(get).backend_says(
                        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nh");
                    s.cut_off();
                  }},
       }) {
    Story story;
    ending.tell(story);
    ASSERT_EQ(story.records().size(), 1U) << ending.reason;
    EXPECT_EQ(reason_of(story.records()[0]), ending.reason);
    EXPECT_EQ(story.records()[0].status, ending.status) << ending.reason;
  }
}

TEST(AccessTrace, AClientThatTakesNothingIsTooSlowAndHasNotLeft) {
  topology::Farm farm = round_robin_farm();
  farm.limits.min_body_rate = 0;
  Story story({.farm = farm});
  story.client_stops_reading().client_says(get);
  story.backend_says("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + std::string(500, 'x'));

  story.time_passes(31s);

  ASSERT_EQ(story.records().size(), 1U);
  EXPECT_EQ(reason_of(story.records()[0]), "cD");
}

TEST(AccessTrace, SaysThatNoServerCouldBeHad) {
  Story story;
  story.farm().set_usable(0, false);
  story.client_says(get);

  ASSERT_EQ(story.records().size(), 1U);
  EXPECT_EQ(reason_of(story.records()[0]), "RQ");
  EXPECT_TRUE(story.records()[0].server.empty());
  EXPECT_EQ(story.records()[0].queue, not_reached);
}

std::uint64_t bytes_in(const Story& story) {
  return story.records().empty() ? 0 : story.records().back().bytes_in;
}

TEST(AccessTrace, CountsWhatTheClientSentHoweverItIsCut) {
  const std::string post = with_fields("POST /", "Content-Length: 5\r\n") + "hello";
  const std::string chunked = with_fields("POST /", "Transfer-Encoding: chunked\r\n") +
                              "3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 1\r\n\r\n";
  for (const std::string& request : {post, chunked}) {
    for (const std::size_t piece : {1U, 2U, 7U, 1'000U}) {
      Story story({.piece = piece});
      story.client_says(request + std::string(get)).backend_says(hello);
      EXPECT_EQ(bytes_in(story), request.size()) << "in pieces of " << piece;
      story.backend_says(hello);
      EXPECT_EQ(bytes_in(story), get.size()) << "the next one's own";
    }
  }
}

TEST(AccessTrace, CountsWhatCameOfAHeadThatNeverWasWhole) {
  Story cut;
  cut.client_says("GET / HT").client_ends();
  EXPECT_EQ(bytes_in(cut), 8U);

  Story late;
  late.client_says("GET / HTTP").time_passes(10s);
  EXPECT_EQ(bytes_in(late), 10U);

  Story bad;
  bad.client_says("GET /\r\n\r\n").client_ends();
  EXPECT_EQ(bytes_in(bad), 9U);
}

TEST(AccessTrace, CountsBothWaysOfAnUpgrade) {
  const std::string upgrade = with_fields("GET /", "Connection: upgrade\r\nUpgrade: websocket\r\n");
  Story story;
  story.client_says(upgrade).backend_says(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
  story.client_says("ping").client_says("ping").client_ends().backend_ends();

  EXPECT_EQ(bytes_in(story), upgrade.size() + 8);
}

TEST(AccessTrace, TellsOfAConnectionInTcpMode) {
  Story story({.tcp = true});
  story.client_says("ping").time_passes(3s).backend_says("pong pong");
  EXPECT_TRUE(story.records().empty()) << "it goes on";
  story.client_ends().time_passes(1s).backend_ends();

  ASSERT_EQ(story.records().size(), 1U);
  const AccessRecord& record = story.records().front();
  EXPECT_TRUE(record.connection);
  EXPECT_EQ(record.server.text(), "web-1");
  EXPECT_EQ(to_text(record.client), "192.0.2.7");
  EXPECT_EQ(reason_of(record), "--");
  EXPECT_EQ(record.bytes_in, 4U);
  EXPECT_EQ(record.bytes_out, 9U);
  EXPECT_EQ(record.queue, 0s);
  EXPECT_EQ(record.connect, 0s);
  EXPECT_EQ(record.response, not_reached);
  EXPECT_EQ(record.total, 4s);
}

TEST(AccessTrace, CountsWhatTheKernelRelays) {
  Story story({.tcp = true});
  for (const auto& [from, size] : {std::pair{Side::backend, 1'000'000U}, {Side::client, 70'000U}}) {
    story.session().relaying(from, size, story.now());
    story.session().relayed(from, size, story.now());
  }
  story.client_ends().backend_ends();

  ASSERT_EQ(story.records().size(), 1U);
  EXPECT_EQ(story.records()[0].bytes_out, 1'000'000U);
  EXPECT_EQ(story.records()[0].bytes_in, 70'000U);
}

TEST(AccessTrace, CountsTheConnectsOfAConnection) {
  Story story({.servers = 2, .tcp = true});
  EXPECT_TRUE(story.records().empty());
  story.connects("silent").next_client();
  story.connects("taken").time_passes(2s).client_ends().backend_ends();

  ASSERT_EQ(story.records().size(), 1U);
  EXPECT_EQ(story.records()[0].retries, 1U);
  EXPECT_EQ(story.records()[0].connect, 2s);
}

TEST(AccessTrace, SaysWhoEndedAConnection) {
  struct Case {
    const char* reason;
    void (*tell)(Story&);
  };
  for (const Case& ending : {
           Case{"CT", [](Story& s) { s.client_says("x").client_resets(); }},
           Case{"ST", [](Story& s) { s.client_says("x").backend_resets(); }},
           Case{"ST", [](Story& s) { s.backend_refuses_bytes().client_says("x").backend_ends(); }},
           Case{"ST", [](Story& s) { s.backend_refuses_bytes().backend_ends().client_says("x"); }},
           Case{"KT", [](Story& s) { s.client_says("x").cut_off(); }},
           Case{"cT", [](Story& s) { s.time_passes(10min); }},
           Case{"cT",
                [](Story& s) { s.client_stops_reading().backend_says("x").time_passes(10min); }},
           Case{"sT",
                [](Story& s) { s.backend_stops_reading().client_says("x").time_passes(10min); }},
           Case{"PT",
                [](Story& s) {
                  for (int i = 0; i < 5; ++i) s.time_passes(5min).client_says("x");
                }},
           Case{"SC", [](Story& s) { s.connects("refused").next_client(); }},
           Case{"sC", [](Story& s) { s.connects("silent").next_client().time_passes(2s); }},
           Case{"CC", [](Story& s) { s.connects("silent").next_client().client_resets(); }},
           Case{"RQ",
                [](Story& s) {
                  s.farm().set_usable(0, false);
                  s.next_client();
                }},
       }) {
    Story story({.tcp = true, .tcp_times = {.total = 20min}});
    ending.tell(story);
    ASSERT_EQ(story.records().size(), 1U) << ending.reason;
    EXPECT_EQ(reason_of(story.records()[0]), ending.reason);
  }
}

TEST(ShortText, CutsAndSaysSo) {
  ShortText<4> text;
  text.set("abcd");
  EXPECT_FALSE(text.cut());
  text.set("abcde");
  EXPECT_EQ(text.text(), "abcd");
  EXPECT_TRUE(text.cut());
}

}  // namespace
}  // namespace hither::lb::test
