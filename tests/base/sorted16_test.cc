// SPDX-License-Identifier: Apache-2.0
#include "base/sorted16.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "base/rng.h"

namespace hither {
namespace {

constexpr unsigned all = 0xffff;

TEST(Sorted16, FindsTheLastThatIsNotAbove) {
  const std::array<std::uint16_t, 16> numbers = {0,  3,  5,    8,     13,    21,    34,    55,
                                                 89, 89, 1000, 32767, 32768, 40000, 65534, 65535};

  EXPECT_EQ(last_of_16_up_to(numbers.data(), 0, all), 0U);
  EXPECT_EQ(last_of_16_up_to(numbers.data(), 4, all), 1U);
  EXPECT_EQ(last_of_16_up_to(numbers.data(), 89, all), 9U);
  EXPECT_EQ(last_of_16_up_to(numbers.data(), 32767, all), 11U);
  EXPECT_EQ(last_of_16_up_to(numbers.data(), 32768, all), 12U);
  EXPECT_EQ(last_of_16_up_to(numbers.data(), 65535, all), 15U);
}

TEST(Sorted16, LooksOnlyAtThoseThatCount) {
  const std::array<std::uint16_t, 16> numbers = {0, 7, 9};  // zeros behind them

  EXPECT_EQ(last_of_16_up_to(numbers.data(), 8, 0b111), 1U);
  EXPECT_EQ(last_of_16_up_to(numbers.data(), 65535, 0b111), 2U);
}

TEST(Sorted16, SaysWhatASearchSays) {
  Rng rng(16);
  for (int round = 0; round < 20'000; ++round) {
    std::array<std::uint16_t, 16> numbers{};
    for (std::uint16_t& one : numbers) one = static_cast<std::uint16_t>(rng.next());
    numbers[0] = 0;
    std::ranges::sort(numbers);
    const auto bound = static_cast<std::uint16_t>(rng.next());

    const auto behind = std::ranges::upper_bound(numbers, bound);

    ASSERT_EQ(last_of_16_up_to(numbers.data(), bound, all),
              static_cast<unsigned>(behind - numbers.begin()) - 1U)
        << "round " << round << ", bound " << bound;
  }
}

}  // namespace
}  // namespace hither
