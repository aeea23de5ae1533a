// SPDX-License-Identifier: Apache-2.0
#include "base/siphash.h"

#include <gtest/gtest.h>

namespace hither {
namespace {

SipKey counting_key() {
  SipKey key;
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::byte>(i);
  return key;
}

std::uint64_t of_counting(std::size_t size) {
  Bytes input(size);
  for (std::size_t i = 0; i < size; ++i) input[i] = static_cast<std::byte>(i);
  return siphash(counting_key(), input);
}

TEST(Siphash, IsThatOfTheReference) {  // Aumasson and Bernstein, appendix A and their vectors
  EXPECT_EQ(of_counting(15), 0xa129ca6149be45e5ULL);
  EXPECT_EQ(of_counting(0), 0x726fdb47dd0e0e31ULL);
  EXPECT_EQ(of_counting(8), 0x93f5f5799a932462ULL);
}

TEST(Siphash, EveryBitOfKeyAndInputMatters) {
  const std::uint64_t plain = of_counting(20);
  for (std::size_t bit = 0; bit < 128; ++bit) {
    SipKey key = counting_key();
    key[bit / 8] ^= std::byte{1} << (bit % 8);
    Bytes input(20);
    for (std::size_t i = 0; i < input.size(); ++i) input[i] = static_cast<std::byte>(i);
    EXPECT_NE(siphash(key, input), plain) << bit;
    input[bit / 8] ^= std::byte{1} << (bit % 8);
    EXPECT_NE(siphash(counting_key(), input), plain) << bit;
  }
}

}  // namespace
}  // namespace hither
