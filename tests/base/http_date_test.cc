// SPDX-License-Identifier: Apache-2.0
#include "base/http_date.h"

#include <gtest/gtest.h>

namespace hither {
namespace {

using namespace std::chrono_literals;

std::chrono::sys_seconds at(std::int64_t seconds) {
  return std::chrono::sys_seconds(std::chrono::seconds(seconds));
}

TEST(HttpDate, IsTheFixedFormOfTheInternetMessageFormat) {
  EXPECT_EQ(http_date_line(at(784'111'777)), "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
  EXPECT_EQ(http_date_line(at(0)), "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n");
  EXPECT_EQ(http_date_line(at(951'782'399)), "Date: Mon, 28 Feb 2000 23:59:59 GMT\r\n");
  EXPECT_EQ(http_date_line(at(951'782'400)), "Date: Tue, 29 Feb 2000 00:00:00 GMT\r\n");
}

TEST(HttpDate, GoesWithTheInstants) {
  HttpDate date;
  const Instant start(1h);
  EXPECT_EQ(date.line(start), "");

  date.set_clock(784'111'777s + 900ms - 1h);

  EXPECT_EQ(date.line(start), "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
  EXPECT_EQ(date.line(start + 99ms), "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
  EXPECT_EQ(date.line(start + 100ms), "Date: Sun, 06 Nov 1994 08:49:38 GMT\r\n");
  EXPECT_EQ(date.line(start + 1h), "Date: Sun, 06 Nov 1994 09:49:37 GMT\r\n");
}

TEST(HttpDate, ReadingsOfOneClockWriteNothingAnew) {
  HttpDate date;
  const Instant start(1h);
  date.set_clock(784'111'777s - 1h);
  const std::string_view line = date.line(start);

  date.set_clock(784'111'777s - 1h - 50us);

  EXPECT_EQ(date.line(start).data(), line.data());
  EXPECT_EQ(date.line(start), "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
}

TEST(HttpDate, FollowsAClockThatIsSetAnew) {
  HttpDate date;
  const Instant start(1h);
  date.set_clock(784'111'777s - 1h);
  EXPECT_EQ(date.line(start), "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");

  date.set_clock(784'111'777s - 1h - 5s);

  EXPECT_EQ(date.line(start), "Date: Sun, 06 Nov 1994 08:49:32 GMT\r\n");
}

}  // namespace
}  // namespace hither
