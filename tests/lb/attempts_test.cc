// SPDX-License-Identifier: Apache-2.0
#include "lb/attempts.h"

#include <gtest/gtest.h>

#include "tests/lb/start.h"
#include "tests/lb/story.h"

namespace hither::lb::test {
namespace {

TEST(Attempts, StopAtThreeServers) {
  const auto farm = make_farm(5);
  Picker picker(*farm, 0, 1);
  Attempts attempts;

  EXPECT_EQ(attempts.begin(picker, {}, start), Search::found);
  EXPECT_EQ(attempts.next(picker, "Connection refused", start), Search::found);
  EXPECT_EQ(attempts.next(picker, "Connection refused", start), Search::found);
  EXPECT_EQ(attempts.next(picker, "Connection refused", start), Search::none);
  EXPECT_EQ(farm->report().load, 0);
}

TEST(Attempts, EndWhenNoOtherCopyIsLeft) {
  const auto farm = make_farm(1);
  Picker picker(*farm, 0, 1);
  Attempts attempts;

  EXPECT_EQ(attempts.begin(picker, {}, start), Search::found);
  EXPECT_EQ(attempts.next(picker, "Connection refused", start), Search::none);
  EXPECT_EQ(attempts.why_none(*farm),
            "no copy of farm web took the connection (1 tried; web-1: Connection refused)");
}

}  // namespace
}  // namespace hither::lb::test
