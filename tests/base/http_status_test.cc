// SPDX-License-Identifier: Apache-2.0
#include "base/http_status.h"

#include <gtest/gtest.h>

namespace hither {
namespace {

TEST(ReasonPhrase, NamesTheStatus) {
  EXPECT_EQ(reason_phrase(200), "OK");
  EXPECT_EQ(reason_phrase(431), "Request Header Fields Too Large");
  EXPECT_EQ(reason_phrase(503), "Service Unavailable");
  EXPECT_EQ(reason_phrase(505), "HTTP Version Not Supported");
}

TEST(ReasonPhrase, IsUnknownWhereTheRfcNamesNone) {
  EXPECT_EQ(reason_phrase(299), "Unknown");
  EXPECT_EQ(reason_phrase(-1), "Unknown");
}

}  // namespace
}  // namespace hither
