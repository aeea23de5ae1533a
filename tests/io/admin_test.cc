// SPDX-License-Identifier: Apache-2.0
#include "io/admin.h"

#include <gtest/gtest.h>

#include <unistd.h>
#include <limits>

#include <filesystem>

#include "io/http_client.h"

namespace hither::io {
namespace {

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
