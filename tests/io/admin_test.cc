// SPDX-License-Identifier: Apache-2.0
#include "io/admin.h"

#include <gtest/gtest.h>

#include <unistd.h>
#include <limits>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "io/clock.h"
#include "io/http_client.h"

namespace hither::io {
namespace {

using namespace std::chrono_literals;

/// Asks a server that shows one page, /echo, over a real socket.
HttpReply ask(const std::string& method, const std::string& path, const std::string& body = "") {
  Loop loop;
  AdminServer admin(loop);
  const auto echo = [](const PageRequest& request) {
    std::string text = request.method + " " + request.body;
    for (const auto& [name, value] : request.query) text += " " + name + "=" + value;
    return Page{200, "text/plain", text};
  };
  admin.add_page("/echo", echo);
  admin.add_action("/echo", echo);
  const auto endpoint = admin.listen({Address::v4(0x7f000001), 0});
  EXPECT_TRUE(endpoint);
  HttpReply reply;
  const HttpFetch fetch(loop, {.target = *endpoint, .method = method, .path = path, .body = body},
                        [&](HttpReply got) {
                          reply = std::move(got);
                          loop.stop();
                        });
  loop.run();
  return reply;
}

TEST(Admin, GivesAPageTheDecodedQuery) {
  EXPECT_EQ(ask("GET", "/echo?name=www.example.test&from=10.0.0.0%2F8").body,
            "GET  from=10.0.0.0/8 name=www.example.test");
}

TEST(Admin, GivesAnActionItsBody) {
  EXPECT_EQ(ask("POST", "/echo?a=b+c", "the body").body, "POST the body a=b c");
}

TEST(Admin, AnswersHeadWithoutABody) {
  const HttpReply reply = ask("HEAD", "/echo");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, "");
}

TEST(Admin, NamesItsPagesToWhoAsksForAnother) {
  const HttpReply reply = ask("GET", "/nothing");
  EXPECT_EQ(reply.status, 404);
  EXPECT_NE(reply.body.find("/echo"), std::string::npos);
}

TEST(Admin, RefusesOtherMethodsAndBrokenTargets) {
  EXPECT_EQ(ask("PUT", "/echo").status, 405);
  EXPECT_EQ(ask("GET", "/echo?a=%4").status, 400);
}

TEST(Admin, ListensOnAUnixSocketToo) {
  Loop loop;
  AdminServer admin(loop);
  admin.add_page("/health", [](const PageRequest&) { return Page{200, "text/plain", "fine"}; });
  const std::string path = testing::TempDir() + "/hither_admin_" + std::to_string(getpid());
  ASSERT_TRUE(admin.listen_unix(path));
  HttpReply reply;
  const HttpFetch fetch(loop, {.target = path, .path = "/health"}, [&](HttpReply got) {
    reply = std::move(got);
    loop.stop();
  });
  loop.run();
  std::filesystem::remove(path);

  EXPECT_EQ(reply.body, "fine");
}

/// One client of a server with a page /health, at made-up instants; idle_max is 10 s.
class Client {
 public:
  Client() {
    admin_.add_page("/health", [](const PageRequest&) { return Page{.body = "fine"}; });
    session_ = admin_.make_session(Instant{});
  }

  /// The answer to what is sent so long after it came.
  std::string send(Duration at, std::string_view text) {
    Bytes out;
    session_->on_bytes(as_bytes(text), Instant{} + at, out);
    return std::string(as_text(out));
  }
  /// Is it closed then, or was it before?
  bool is_closed(Duration at) {
    Bytes out;
    if (session_->deadline() <= Instant{} + at) session_->on_time(Instant{} + at, out);
    return session_->finished();
  }

 private:
  Loop loop_;
  AdminServer admin_{loop_};
  std::unique_ptr<Session> session_;
};

constexpr std::string_view whole = "GET /health HTTP/1.1\r\nHost: a\r\n\r\n";

TEST(Admin, AClientThatSaysNothingIsClosed) {
  Client client;
  EXPECT_FALSE(client.is_closed(9s));
  EXPECT_TRUE(client.is_closed(10s));
}

TEST(Admin, AClientThatDripsOctetsIsClosed) {
  Client client;
  for (std::size_t i = 0; i < 10; ++i) {
    EXPECT_EQ(client.send(std::chrono::seconds(i), whole.substr(i, 1)), "");
    EXPECT_FALSE(client.is_closed(std::chrono::seconds(i)));
  }
  EXPECT_TRUE(client.is_closed(10s)) << "however long its request is";
}

TEST(Admin, AClientThatAsksStaysUntilItHasBeenIdleForThatLong) {
  Client client;
  EXPECT_TRUE(client.send(9s, whole).ends_with("fine"));
  EXPECT_FALSE(client.is_closed(18s));
  EXPECT_TRUE(client.send(18s, whole).ends_with("fine"));
  EXPECT_EQ(client.send(20s, whole.substr(0, 20)), "") << "the next is not whole";
  EXPECT_FALSE(client.is_closed(27s));
  EXPECT_TRUE(client.is_closed(28s));
}

/// Connects to a server with these limits, says nothing, and returns when it is closed.
bool is_closed_in_time(AdminServer::Limits limits, int clients) {
  Loop loop;
  AdminServer admin(loop, limits);
  const auto endpoint = admin.listen({Address::v4(0x7f000001), 0});
  if (!endpoint) return false;
  const Fd first = *connect_tcp(*endpoint);
  bool closed = false;
  FdWatch watch(
      loop, first.get(),
      [&] {
        closed = true;
        loop.stop();
      },
      [] {});
  watch.want_read(true);
  std::vector<Fd> others;
  for (int i = 1; i < clients; ++i) others.push_back(*connect_tcp(*endpoint));
  Timer bound(loop, [&] { loop.stop(); });
  bound.set(monotonic_now() + 20s);
  loop.run();
  return closed;
}

TEST(Admin, NobodyHoldsADescriptorForNothing) {
  EXPECT_TRUE(is_closed_in_time({.idle_max = 10ms}, 1)) << "by its deadline";
  EXPECT_TRUE(is_closed_in_time({.idle_max = 1h, .connections_max = 2}, 3)) << "for a new one";
}

TEST(Metrics, AreWrittenAsPrometheusReadsThem) {
  const Metrics metrics = {{"hither_queries_total",
                            "Queries.",
                            MetricFamily::Type::counter,
                            {{{{"type", "A"}}, 3}, {{{"type", "a\"b"}}, 0.5}}}};

  EXPECT_EQ(to_prometheus_text(metrics),
            "# HELP hither_queries_total Queries.\n"
            "# TYPE hither_queries_total counter\n"
            "hither_queries_total{type=\"A\"} 3\n"
            "hither_queries_total{type=\"a\\\"b\"} 0.5\n");
}

TEST(Metrics, AHistogramHasBucketsSumAndCount) {
  const double infinity = std::numeric_limits<double>::infinity();
  const Metrics metrics = {
      {.name = "hither_probe_seconds",
       .help = "Probes.",
       .type = MetricFamily::Type::histogram,
       .samples = {
           {.labels = {{"room", "fra"}}, .value = 2.5, .buckets = {{0.5, 1}, {infinity, 3}}}}}};
  EXPECT_EQ(to_prometheus_text(metrics),
            "# HELP hither_probe_seconds Probes.\n"
            "# TYPE hither_probe_seconds histogram\n"
            "hither_probe_seconds_count{room=\"fra\"} 3\n"
            "hither_probe_seconds_sum{room=\"fra\"} 2.5\n"
            "hither_probe_seconds_bucket{room=\"fra\",le=\"0.5\"} 1\n"
            "hither_probe_seconds_bucket{room=\"fra\",le=\"+Inf\"} 3\n");
}

TEST(Url, EncodesWhatItDecodes) {
  const std::string odd = "a b/c?d=e&f%\xff";
  EXPECT_EQ(*decode_url(encode_url(odd)), odd);
  EXPECT_FALSE(decode_url("%zz"));
  EXPECT_FALSE(decode_url("%4"));
}

}  // namespace
}  // namespace hither::io
