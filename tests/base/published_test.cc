// SPDX-License-Identifier: Apache-2.0
#include "base/published.h"

#include <gtest/gtest.h>

#include <array>
#include <thread>
#include <vector>

namespace hither {
namespace {

TEST(Published, IsWhatWasSetLast) {
  Published<std::array<char, 11>> value;
  EXPECT_EQ(value.get(), (std::array<char, 11>{}));
  value.set({'h', 'i', 't', 'h', 'e', 'r'});
  EXPECT_EQ(value.get()[3], 'h');
}

/// Readers see whole values and never an older one than before.
TEST(Published, ReadersSeeWholeValuesInTheirOrder) {
  struct Triple {
    std::uint64_t one, two, three;
  };
  constexpr std::uint64_t last = 200'000;
  Published<Triple> value;
  std::vector<std::thread> readers;
  std::atomic<int> faults{0};
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      std::uint64_t before = 0;
      while (before < last) {
        const Triple now = value.get();
        if (now.one != now.two || now.two != now.three || now.one < before) ++faults;
        before = now.one;
      }
    });
  }
  for (std::uint64_t i = 1; i <= last; ++i) value.set({i, i, i});
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(faults, 0);
}

}  // namespace
}  // namespace hither
