// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <gtest/gtest.h>

namespace hither {
namespace {

TEST(LogRecord, PrintsFieldsInTheOrderGiven) {
  EXPECT_EQ(to_text(log_info("room-down").with("room", "fra").with("probes", 3)),
            "room-down room=fra probes=3");
}

TEST(LogRecord, QuotesValuesThatAWordSplitterWouldBreak) {
  EXPECT_EQ(to_text(log_info("e").with("a", "two words").with("b", "x=y").with("c", "")),
            R"(e a="two words" b="x=y" c="")");
}

TEST(LogRecord, EscapesQuotesAndBackslashes) {
  EXPECT_EQ(to_text(log_info("e").with("a", R"(say "hi" \o/)")), R"(e a="say \"hi\" \\o/")");
}

TEST(LogRecord, IsAlwaysOneLine) {
  const std::string line =
      to_text(log_info("e").with("a", std::string_view("x\r\n\t\x1b[2J\x7f\0", 9)));

  EXPECT_EQ(line, R"(e a="x\x0d\n\x09\x1b[2J\x7f")");
}

TEST(LogRecord, KeepsUtf8Readable) {
  EXPECT_EQ(to_text(log_info("e").with("title", "Zürich")), "e title=\"Zürich\"");
}

TEST(LogLevel, ParsesItsOwnNames) {
  for (const LogLevel level :
       {LogLevel::debug, LogLevel::info, LogLevel::warning, LogLevel::error}) {
    EXPECT_EQ(parse_log_level(to_text(level)), level);
  }
}

TEST(LogLevel, RefusesOtherWords) {
  EXPECT_FALSE(parse_log_level("").has_value());
  EXPECT_FALSE(parse_log_level("INFO").has_value());
  EXPECT_FALSE(parse_log_level("warn").has_value());
}

TEST(LogRecord, MakersSetTheLevel) {
  EXPECT_EQ(log_debug("e").level, LogLevel::debug);
  EXPECT_EQ(log_info("e").level, LogLevel::info);
  EXPECT_EQ(log_warning("e").level, LogLevel::warning);
  EXPECT_EQ(log_error("e").level, LogLevel::error);
}

}  // namespace
}  // namespace hither
