// SPDX-License-Identifier: Apache-2.0
#include "io/log_sink.h"

#include <gtest/gtest.h>

namespace hither::io {
namespace {

class LogSink : public testing::Test {
 protected:
  void TearDown() override { ASSERT_TRUE(set_up_log("", "")); }

  static std::string written(const LogRecord& record) {
    testing::internal::CaptureStdout();
    write_log(record);
    return testing::internal::GetCapturedStdout();
  }
};

TEST_F(LogSink, WritesOneLineWithTimeLevelAndFields) {
  ASSERT_TRUE(set_up_log("info", "text"));
  const std::string line = written(log_warning("room-down").with("room", "nrt").with("why", "a b"));

  EXPECT_NE(line.find("Z warning room-down room=nrt why=\"a b\"\n"), std::string::npos) << line;
}

TEST_F(LogSink, WritesJsonObjectsWhereAskedTo) {
  ASSERT_TRUE(set_up_log("info", "json"));
  const std::string line = written(log_info("ready").with("said", "\"\n"));

  EXPECT_NE(line.find(R"("level":"info","event":"ready","said":"\"\n"})"), std::string::npos)
      << line;
}

TEST_F(LogSink, LeavesOutWhatIsBelowItsLevel) {
  ASSERT_TRUE(set_up_log("warning", ""));
  EXPECT_EQ(written(log_info("ready")), "");
}

TEST_F(LogSink, RefusesUnknownLevelsAndFormatsWithTheCure) {
  EXPECT_EQ(set_up_log("loud", "").error().message,
            "HITHER_LOG is 'loud'; write debug, info, warning or error");
  EXPECT_EQ(set_up_log("", "xml").error().message,
            "HITHER_LOG_FORMAT is 'xml'; write text or json");
}

}  // namespace
}  // namespace hither::io
