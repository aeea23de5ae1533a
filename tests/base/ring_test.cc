// SPDX-License-Identifier: Apache-2.0
#include "base/ring.h"

#include <gtest/gtest.h>

#include <thread>

namespace hither {
namespace {

TEST(Ring, RefusesWhatDoesNotFitAndLosesNothingElse) {
  Ring<int> ring(2);

  EXPECT_TRUE(ring.push(1));
  EXPECT_TRUE(ring.push(2));
  EXPECT_FALSE(ring.push(3));

  EXPECT_EQ(ring.pop(), 1);
  EXPECT_TRUE(ring.push(4));
  EXPECT_EQ(ring.pop(), 2);
  EXPECT_EQ(ring.pop(), 4);
  EXPECT_EQ(ring.pop(), std::nullopt);
}

TEST(Ring, BringsEverythingInOrderToTheOtherThread) {
  constexpr int count = 20'000;
  Ring<int> ring(16);
  std::thread writer([&ring] {
    for (int i = 0; i < count;) {
      if (ring.push(i)) {
        ++i;
      } else {
        std::this_thread::yield();
      }
    }
  });

  for (int expected = 0; expected < count;) {
    const auto got = ring.pop();
    if (!got) {
      std::this_thread::yield();
      continue;
    }
    ASSERT_EQ(*got, expected);
    ++expected;
  }
  writer.join();
}

}  // namespace
}  // namespace hither
