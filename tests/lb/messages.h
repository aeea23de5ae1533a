// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "tests/lb/story.h"

namespace hither::lb::test {

/// The request and the response that most stories of HTTP are told with, what a server gets of the
/// request, and how every story ends.

inline constexpr std::string_view get = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
inline constexpr std::string_view hello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
/// The same from a server that says when: it comes through a real balancer as it is.
inline constexpr std::string_view dated_hello =
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\nhello";

inline std::string got_get() { return forwarded("GET / HTTP/1.1\r\nHost: a.test\r\n"); }

/// Nothing is in flight, no memory is held.
inline void expect_at_rest(Story& story) {
  EXPECT_EQ(story.in_flight(), 0U);
  EXPECT_EQ(story.connecting(), 0U);
  EXPECT_EQ(story.blocks_taken(), 0U);
}

}  // namespace hither::lb::test
