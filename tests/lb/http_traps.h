// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "tests/lb/messages.h"

namespace hither::lb::test {

/// The 22 traps that proxies of HTTP/1.1 fall into, each with a test of its number and name:
/// http_traps_test.cc those about what a message is, http_traps_flow_test.cc those about what
/// happens around it. docs/http.md lists them.

/// A request for "/" with these field lines behind Host, and an empty line.
inline std::string with_fields(std::string_view first, std::string_view fields) {
  return std::string(first) + " HTTP/1.1\r\nHost: a.test\r\n" + std::string(fields) + "\r\n";
}

/// The request is answered with `status`, no server hears of it, and the connection ends: what
/// comes behind it is never read as a request.
inline void expect_refused(std::string_view request, std::string_view status) {
  Story story;
  story.client_says(request).client_says(get);
  EXPECT_TRUE(story.client_got().starts_with("HTTP/1.1 " + std::string(status) + " "))
      << request.substr(0, 200) << "\n"
      << story.client_got();
  EXPECT_EQ(story.client_got().find("\nHTTP/1.1 "), std::string::npos) << request.substr(0, 200);
  EXPECT_EQ(story.connections_opened(), 0) << request.substr(0, 200);
  EXPECT_TRUE(story.client_got_end()) << request.substr(0, 200);
  story.client_ends();
  EXPECT_TRUE(story.closed()) << request.substr(0, 200);
  expect_at_rest(story);
}

/// The response becomes a 502 of ours, and its connection is closed.
inline void expect_bad_response(std::string_view response) {
  Story story;
  story.client_says(get).backend_says(response);
  EXPECT_TRUE(story.client_got().starts_with("HTTP/1.1 502 ")) << response;
  EXPECT_FALSE(story.connection_open(1)) << response;
  EXPECT_FALSE(story.closed()) << "the client did nothing wrong";
  expect_at_rest(story);
}

}  // namespace hither::lb::test
