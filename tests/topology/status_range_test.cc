// SPDX-License-Identifier: Apache-2.0
#include "topology/status_range.h"

#include <gtest/gtest.h>

namespace hither::topology {
namespace {

TEST(StatusRange, WhatIsReadIsWrittenAlike) {
  for (const std::string text : {"204", "200-299", "100-599", "401"}) {
    const auto range = status_range_of(text);
    ASSERT_TRUE(range) << text;
    EXPECT_EQ(to_text(*range), text);
  }
}

TEST(StatusRange, NothingElseIsOne) {
  for (const std::string text : {"", "20", "2xx", "99", "600", "0200", "200-", "-299", "299-200",
                                 "200-299-", "200 - 299", "+20", "200,204"}) {
    EXPECT_FALSE(status_range_of(text)) << text;
  }
}

TEST(StatusRange, BothEndsAreInIt) {
  const StatusRange range{.least = 200, .most = 204};
  EXPECT_TRUE(range.holds(200) && range.holds(204));
  EXPECT_FALSE(range.holds(199) || range.holds(205));
}

}  // namespace
}  // namespace hither::topology
