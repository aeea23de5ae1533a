// SPDX-License-Identifier: Apache-2.0
#include "base/hash.h"

#include <gtest/gtest.h>

#include <bit>
#include <set>
#include <string>

namespace hither {
namespace {

TEST(Hash, MixIsTheFinaliserOfSplitMix64) {
  // The first output of SplitMix64 seeded with 0, as published with it.
  EXPECT_EQ(mix64(0x9e3779b97f4a7c15ULL), 0xe220a8397b1dcdafULL);
}

TEST(Hash, OneFlippedBitFlipsAboutHalfOfTheResult) {
  double flipped = 0;
  for (unsigned bit = 0; bit < 64; ++bit) {
    for (std::uint64_t x = 1; x <= 64; ++x) {
      flipped += std::popcount(mix64(x) ^ mix64(x ^ (std::uint64_t{1} << bit)));
    }
  }

  EXPECT_NEAR(flipped / (64 * 64), 32.0, 0.5);
}

TEST(Hash, PairDependsOnTheOrder) { EXPECT_NE(hash_pair(1, 2), hash_pair(2, 1)); }

TEST(Hash, BytesAreEqualOnEveryMachine) {
  // Fixed values: servers of one world must agree, whatever they were built with.
  EXPECT_EQ(hash_bytes(""), 0U);
  EXPECT_EQ(hash_bytes("hither"), 0x4cb6406beaba6b45ULL);
  EXPECT_EQ(hash_bytes("hither", 1), 0x75c35321342c79cfULL);
}

TEST(Hash, TrailingZerosAreSeen) {
  std::set<std::uint64_t> seen;
  for (std::size_t size = 0; size <= 24; ++size)
    seen.insert(hash_bytes(std::string(size, '\0'), 5));

  EXPECT_EQ(seen.size(), 25U);
}

TEST(Hash, LowBitsFillBucketsEvenly) {
  int buckets[16] = {};
  for (int i = 0; i < 16000; ++i) ++buckets[hash_bytes(std::to_string(i)) & 15U];

  for (const int count : buckets) EXPECT_NEAR(count, 1000, 150);
}

}  // namespace
}  // namespace hither
