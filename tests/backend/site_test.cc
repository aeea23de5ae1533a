// SPDX-License-Identifier: Apache-2.0
#include "backend/site.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace hither::backend::site_test {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;

constexpr Instant start{};

Site site(const Behaviour& behaviour = {}) {
  return Site({.room = "fra", .farm = "web", .copy = 2, .pid = 77}, behaviour,
              [](const Metrics& metrics) { return metrics.front().name + "\n"; });
}

Answer get(Site& site, std::string_view path) {
  return site.on_request({.method = "GET", .path = path, .body = {}}, start);
}

Answer post(Site& site, std::string_view path, std::string_view body = "") {
  return site.on_request({.method = "POST", .path = path, .body = body}, start);
}

Json json(const Answer& answer) { return Json::parse(answer.body, nullptr, false); }

TEST(Site, TheApplicationSaysWhoAnsweredInAStableOrder) {
  Site fra = site();

  EXPECT_EQ(
      get(fra, "/").body,
      "{\"room\":\"fra\",\"farm\":\"web\",\"copy\":2,\"pid\":77,\"requests\":1,\"path\":\"/\"}\n");
}

TEST(Site, CountsRequestsOfTheApplicationOnly) {
  Site fra = site();
  get(fra, "/health");
  get(fra, "/status");
  get(fra, "/a");

  EXPECT_EQ(json(get(fra, "/b"))["requests"], 2);
}

TEST(Site, AnyPathAndMethodIsTheApplication) {
  Site fra = site();

  EXPECT_EQ(json(get(fra, "/x/y?z=1"))["path"], "/x/y?z=1");
  EXPECT_EQ(post(fra, "/healthy").status, 200);
  EXPECT_EQ(fra.on_request({.method = "OPTIONS", .path = "*", .body = {}}, start).status, 200);
}

TEST(Site, APathThatWouldBreakJsonIsEscaped) {
  Site fra = site();

  EXPECT_EQ(json(get(fra, R"(/"\u0041)"))["path"], R"(/"\u0041)");
}

TEST(Site, ANameThatWouldBreakJsonIsEscaped) {
  Site odd({.room = "a\"b\n", .farm = "Zürich"}, {});

  EXPECT_EQ(json(get(odd, "/"))["room"], "a\"b\n");
  EXPECT_EQ(json(get(odd, "/"))["farm"], "Zürich");
}

TEST(Site, AnswersWhenTheModelSays) {
  Site fra = site({.service = {.mean = 30ms}});

  EXPECT_EQ(get(fra, "/").at, start + 30ms);
  EXPECT_EQ(get(fra, "/health").at, start) << "health does not wait in the line";
}

TEST(Site, AFullLineIs503WithRetryAfter) {
  Site fra = site({.service = {.mean = 30ms}, .concurrency = 1, .queue_max = 0});
  get(fra, "/");

  const Answer refused = get(fra, "/");

  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.extra_fields, "Retry-After: 1\r\n");
}

TEST(Site, ErrorsAre500) {
  Site fra = site({.error_rate = 1});

  EXPECT_EQ(get(fra, "/").status, 500);
  EXPECT_EQ(json(get(fra, "/status"))["failed"], 1);
}

TEST(Site, HealthIsOkAtFirst) {
  Site fra = site();

  EXPECT_EQ(get(fra, "/health").status, 200);
  EXPECT_EQ(json(get(fra, "/health"))["status"], "ok");
}

TEST(Site, HealthIs503WhileSickFailingOrStopping) {
  Site fra = site();

  post(fra, "/fault?sick");
  EXPECT_EQ(get(fra, "/health").status, 503);
  EXPECT_EQ(get(fra, "/").status, 200) << "sick is about health only";
  post(fra, "/fault?heal&error=1");
  EXPECT_EQ(json(get(fra, "/health"))["status"], "failing");
  post(fra, "/fault?error=0.9");
  EXPECT_EQ(get(fra, "/health").status, 200);
  fra.stop();
  EXPECT_EQ(json(get(fra, "/health"))["status"], "stopping");
}

TEST(Site, PagesRefuseOtherMethods) {
  Site fra = site();

  EXPECT_EQ(post(fra, "/health").status, 405);
  EXPECT_EQ(post(fra, "/status").extra_fields, "Allow: GET, HEAD\r\n");
  EXPECT_EQ(fra.on_request({.method = "DELETE", .path = "/fault", .body = {}}, start).status, 405);
}

TEST(Site, StatusIsJsonWithCountsAndFaults) {
  Site fra = site({.service = {.mean = 30ms}, .concurrency = 1});
  get(fra, "/");
  get(fra, "/");
  post(fra, "/fault?slow=5ms");

  const Json status = json(get(fra, "/status"));

  EXPECT_EQ(status["requests"], 2);
  EXPECT_EQ(status["serving"], 1);
  EXPECT_EQ(status["waiting"], 1);
  EXPECT_EQ(status["service"], "fixed 30ms");
  EXPECT_EQ(status["faults"]["slow"], "5ms");
}

TEST(Site, MetricsArePrintedByTheGivenPrinter) {
  Site fra = site();

  EXPECT_EQ(get(fra, "/metrics").body, "hither_backend_requests_total\n");
}

/// The value of one family, which has one sample.
double value_of(const Metrics& metrics, std::string_view name) {
  for (const MetricFamily& family : metrics) {
    if (family.name == name) return family.samples.front().value;
  }
  return -1;
}

TEST(Site, MetricsCountWhatHappened) {
  Site fra = site({.error_rate = 1});
  get(fra, "/");
  fra.on_body_bytes(42);
  fra.on_bad_request();

  const Metrics metrics = fra.metrics(start);

  EXPECT_EQ(value_of(metrics, "hither_backend_requests_total"), 1);
  EXPECT_EQ(value_of(metrics, "hither_backend_failed_total"), 1);
  EXPECT_EQ(value_of(metrics, "hither_backend_refused_total"), 0);
  EXPECT_EQ(value_of(metrics, "hither_backend_bad_requests_total"), 1);
  EXPECT_EQ(value_of(metrics, "hither_backend_request_body_bytes_total"), 42);
}

TEST(Site, WithAnAdminAddressThePagesBelongToTheApplication) {
  Site fra = site();
  fra.set_has_admin(true);

  EXPECT_EQ(json(get(fra, "/status"))["path"], "/status");
  EXPECT_EQ(json(get(fra, "/metrics"))["path"], "/metrics");
  EXPECT_EQ(json(get(fra, "/health"))["status"], "ok") << "the balancer asks here";
}

TEST(Site, FaultShowsAndChangesTheFaults) {
  Site fra = site();

  EXPECT_EQ(post(fra, "/fault?slow=20ms").status, 200);
  EXPECT_EQ(post(fra, "/fault", R"({"error": 1})").status, 200);

  EXPECT_EQ(get(fra, "/fault").body,
            "{\"slow\":\"20ms\",\"error\":1.0,\"sick\":false,\"freeze\":false,\"refuse\":false}\n");
  EXPECT_EQ(get(fra, "/").at, start + 20ms);
  EXPECT_EQ(get(fra, "/").status, 500);
}

TEST(Site, ABadOrderChangesNothing) {
  Site fra = site();

  const Answer answer = post(fra, "/fault?slow=20ms&sicker");

  EXPECT_EQ(answer.status, 400);
  EXPECT_TRUE(json(answer).contains("error"));
  EXPECT_EQ(fra.faults(), Faults{});
  EXPECT_EQ(fra.fault_revision(), 0U);
}

TEST(Site, ACrashIsLeftToTheDriver) {
  Site fra = site();

  EXPECT_EQ(post(fra, "/fault?crash=3").status, 200);

  EXPECT_EQ(fra.crash(), Crash{.status = 3});
  EXPECT_EQ(fra.fault_revision(), 1U);
}

std::string written(Site& site, const Answer& answer, bool head_only = false,
                    std::string_view connection = "") {
  Bytes out;
  site.write(answer, head_only, connection, out);
  return std::string(as_text(out));
}

TEST(Site, WritesAWholeMessage) {
  Site fra = site();

  EXPECT_EQ(written(fra, {.status = 500, .body = "x\n", .extra_fields = "A: b\r\n"}, false,
                    "Connection: close\r\n"),
            "HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\n"
            "Content-Length: 2\r\nConnection: close\r\nA: b\r\n\r\nx\n");
}

TEST(Site, ExtraBytesComeWithTheAnswerAndKeepItJson) {
  Site fra = site({.body_bytes = 1000});

  const std::string text = written(fra, get(fra, "/"));
  const std::string body = text.substr(text.find("\r\n\r\n") + 4);

  EXPECT_EQ(Json::parse(body)["body"].get<std::string>().size(), 1000U);
  EXPECT_NE(text.find("Content-Length: " + std::to_string(body.size()) + "\r\n"),
            std::string::npos);
}

TEST(Site, ToHeadTheLengthIsThatOfTheWholeBody) {
  Site fra = site({.body_bytes = 1000});

  const std::string whole = written(fra, get(fra, "/"));
  const std::string head = written(fra, get(fra, "/"), /*head_only=*/true);

  EXPECT_EQ(head, whole.substr(0, whole.find("\r\n\r\n") + 4));
}

}  // namespace
}  // namespace hither::backend::site_test
