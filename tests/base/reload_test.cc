// SPDX-License-Identifier: Apache-2.0
#include "base/reload.h"

#include <gtest/gtest.h>

namespace hither {
namespace {

TEST(ChangeWatch, ReadsAFileOnceItHasStoppedChanging) {
  using Watch = ChangeWatch<int>;
  Watch watch({1, 1});
  EXPECT_FALSE(watch.look({1, 1}));
  EXPECT_FALSE(watch.look({1, 2})) << "it may still be written";
  EXPECT_FALSE(watch.look({1, 3}));
  EXPECT_TRUE(watch.look({1, 3}));
  EXPECT_FALSE(watch.look({1, 3})) << "it was tried";
  EXPECT_FALSE(watch.look({std::nullopt, 3}));
  EXPECT_TRUE(watch.look({std::nullopt, 3})) << "that it has gone is a change";
}

}  // namespace
}  // namespace hither
