// SPDX-License-Identifier: Apache-2.0
#include "tools/cmd_explain_picks.h"

#include <gtest/gtest.h>

#include "tests/support/stand_in_world.h"

namespace hither::tools::cmd_explain_picks_test {
namespace {

using test::StandInWorld;

/// What a balancer says of one request.
StandInWorld::Pages remembers(const std::string& room) {
  return {{"/decisions",
           R"({"room":")" + room +
               R"(","farms":[{"farm":"web","decisions":[{"server":"web-1","why":"the only one",)"
               R"("ago_s":1.0,"balance":"least-request","attempt":1,"request":"1f","left_out":0,)"
               R"("retries_left":7,"copies":[]}]}]})"}};
}

struct Said {
  int status;
  std::string out;
  std::string err;
};

/// That request, at once or after so many seconds.
Said explain(int watch_s) {
  ExplainPicksOptions options;
  options.request = "1f";
  options.watch_s = watch_s;
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const int status = cmd_explain_picks(options);
  const std::string out = testing::internal::GetCapturedStdout();
  return {.status = status, .out = out, .err = testing::internal::GetCapturedStderr()};
}

TEST(ExplainPicks, ASilentBalancerIsNamedBesideWhatTheOthersSay) {
  const StandInWorld world({{"fra", {}}, {"nrt", remembers("nrt")}}, "[]");
  for (const int watch_s : {0, 1}) {
    const Said said = explain(watch_s);

    EXPECT_EQ(said.status, 0) << said.err;
    EXPECT_NE(said.out.find("nrt web -> web-1: the only one"), std::string::npos) << said.out;
    EXPECT_NE(said.err.find("the balancer of fra at "), std::string::npos) << said.err;
    EXPECT_EQ(said.err.find("the balancer of nrt at "), std::string::npos) << said.err;
  }
}

TEST(ExplainPicks, FailsWhereAllBalancersAreSilent) {
  const StandInWorld world({{"fra", {}}, {"nrt", {}}}, "[]");
  for (const int watch_s : {0, 1}) {
    const Said said = explain(watch_s);

    EXPECT_EQ(said.status, 2);
    EXPECT_EQ(said.out, "");
    EXPECT_NE(said.err.find("the balancer of fra at "), std::string::npos) << said.err;
    EXPECT_NE(said.err.find("the balancer of nrt at "), std::string::npos) << said.err;
    EXPECT_EQ(said.err.find("nobody remembers"), std::string::npos) << said.err;
  }
}

}  // namespace
}  // namespace hither::tools::cmd_explain_picks_test
