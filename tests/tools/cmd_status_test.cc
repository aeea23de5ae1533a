// SPDX-License-Identifier: Apache-2.0
#include "tools/cmd_status.h"

#include <gtest/gtest.h>

#include "tests/support/stand_in_world.h"

namespace hither::tools::cmd_status_test {
namespace {

using test::StandInWorld;

/// A world with one copy, of which its supervisor and its balancer know this.
std::string status_of(const std::string& process, const std::string& server) {
  const StandInWorld world(
      {{"fra",
        {{"/status", R"({"farms":[{"farm":"web","mode":"http","servers":[{"name":"web-1",)" +
                         server + "}]}]}"}}}},
      R"([{"name":"fra/web-1","room":"fra","farm":"web","since_s":20.0,"pid":7,"restarts":0,)" +
          process + "}]");
  testing::internal::CaptureStdout();
  EXPECT_EQ(cmd_status("", false), 0);
  return testing::internal::GetCapturedStdout();
}

TEST(Status, SaysOfACopyThatIsNotReadyInTimeWhatItsBalancerSaw) {
  const std::string late = R"("state":"starting","overdue":true,"last_exit":"exit status 1")";
  const std::string table = status_of(late, R"("last_failure":"status 404")");
  EXPECT_NE(table.find("not ready in time: status 404\n"), std::string::npos) << table;
  const std::string unasked = status_of(late, R"("state":"down")");
  EXPECT_NE(unasked.find("not ready in time\n"), std::string::npos) << unasked;
}

TEST(Status, SaysOfACopyThatEndedHow) {
  const std::string table =
      status_of(R"("state":"backoff","overdue":false,"last_exit":"exit status 1")",
                R"("last_failure":"refused")");
  EXPECT_NE(table.find("exit status 1\n"), std::string::npos) << table;
}

}  // namespace
}  // namespace hither::tools::cmd_status_test
