// SPDX-License-Identifier: Apache-2.0
//
// The number of the attempt that a request is, and what follows from it (lb/http_forwarding.h).
#include <gtest/gtest.h>

#include "tests/lb/messages.h"
#include "tests/lb/story.h"

namespace hither::lb::test {
namespace {

using namespace std::chrono_literals;

std::string request(std::string_view fields = "", std::string_view line = "GET /") {
  return std::string(line) + " HTTP/1.1\r\nHost: a.test\r\n" + std::string(fields) + "\r\n";
}

/// What stands in the last head that servers got.
std::string attempt_in(const std::string& got) {
  const std::string name = "\r\nHither-Attempt: ";
  const std::size_t at = got.rfind(name);
  if (at == std::string::npos || got.find(name) != at) return "not once";
  return got.substr(at + name.size(), got.find("\r\n", at + 1) - at - name.size());
}

/// Three servers; clients in 198.51.100.0/24 are trusted.
Story::Settings settings(std::string client) {
  Story::Settings settings{.servers = 3, .client = std::move(client)};
  settings.farm.trusted_proxies = {*parse_prefix("198.51.100.0/24")};
  return settings;
}
constexpr const char* stranger = "192.0.2.7";
constexpr const char* proxy = "198.51.100.7";

TEST(HttpAttempt, IsOneForTheFirst) {
  Story story(settings(stranger));

  story.client_says(request());

  EXPECT_EQ(story.backends_got(), forwarded("GET / HTTP/1.1\r\nHost: a.test\r\n"));
  EXPECT_EQ(attempt_in(story.backends_got()), "1");
}

TEST(HttpAttempt, GrowsWithEachServerThatDidNotTakeIt) {
  Story story(settings(stranger));
  story.connects("unanswered").client_says(request("Content-Length: 4\r\n", "PUT /") + "body");
  story.time_passes(2s).connects("taken").time_passes(2s);

  EXPECT_EQ(attempt_in(story.backends_got()), "3");
  EXPECT_TRUE(story.backends_got().ends_with("Hither-Attempt: 3\r\n\r\nbody"));
  story.backend_says(hello);
  EXPECT_EQ(story.client_got(), hello);
}

TEST(HttpAttempt, OfStrangersIsReplaced) {
  Story story(settings(stranger));
  story.connects("unanswered").client_says(request("hither-attempt: 7\r\nHither-Attempt: 8\r\n"));

  story.connects("taken").time_passes(2s);

  EXPECT_EQ(attempt_in(story.backends_got()), "2");
}

TEST(HttpAttempt, OfAProxyIsPassedOn) {
  const struct {
    const char* name;
    const char* fields;
    const char* attempt;
  } rows[] = {{"none", "", "1"},
              {"the first", "Hither-Attempt: 1\r\n", "1"},
              {"a retry", "HITHER-ATTEMPT:  2 \r\n", "2"},
              {"one digit is all there is", "Hither-Attempt: 10\r\n", "9"},
              {"nothing", "Hither-Attempt: 0\r\n", "1"},
              {"nonsense", "Hither-Attempt: x\r\n", "1"},
              {"a sign", "Hither-Attempt: -2\r\n", "1"},
              {"an empty one", "Hither-Attempt:\r\n", "1"},
              {"the first of two", "Hither-Attempt: 3\r\nHither-Attempt: 4\r\n", "3"},
              {"named by Connection", "Connection: hither-attempt\r\nHither-Attempt: 3\r\n", "3"}};
  for (const auto& row : rows) {
    Story story(settings(proxy));

    story.client_says(request(row.fields));

    EXPECT_EQ(attempt_in(story.backends_got()), row.attempt) << row.name;
  }
}

TEST(HttpAttempt, WhatSomebodyTriesAgainIsTriedOnceHere) {
  Story story(settings(proxy));

  story.connects("refused").client_says(request("Hither-Attempt: 2\r\n"));

  const std::string got = story.client_got();
  EXPECT_TRUE(got.starts_with("HTTP/1.1 503 ")) << got;
  EXPECT_NE(got.find("(1 tried; web-1: Connection refused; it is somebody's retry already)"),
            std::string::npos)
      << got;
  EXPECT_EQ(story.farm().retry_budget().taken(), 0U);
}

TEST(HttpAttempt, TheFirstOfAProxyIsTriedAgainHere) {
  Story story(settings(proxy));

  story.connects("refused").client_says(request("Hither-Attempt: 1\r\n"));

  EXPECT_NE(story.client_got().find("(3 tried; "), std::string::npos) << story.client_got();
  EXPECT_EQ(story.farm().retry_budget().taken(), 2U);
}

TEST(HttpAttempt, HoldsForOneRequestOfAConnection) {
  Story story(settings(proxy));
  story.connects("refused").client_says(request("Hither-Attempt: 2\r\n"));
  story.client_says(request());

  EXPECT_NE(story.client_got().find("(3 tried; "), std::string::npos) << story.client_got();
}

/// Nobody saw it, so it is no retry to anybody.
TEST(HttpAttempt, AConnectionThatDiedIdleCountsAsNone) {
  Story::Settings of_one = settings(proxy);
  of_one.servers = 1;
  Story story(of_one);
  story.client_says(request()).backend_says(hello);
  story.client_says(request("Hither-Attempt: 2\r\n"));
  ASSERT_EQ(story.connections_opened(), 1);

  story.backend_ends();

  EXPECT_EQ(story.connections_opened(), 2);
  EXPECT_EQ(attempt_in(story.backend_got(2)), "2");
  story.backend_says(hello);
  EXPECT_EQ(story.client_got(), std::string(hello) + std::string(hello));
}

}  // namespace
}  // namespace hither::lb::test
