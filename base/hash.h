// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace hither {

/// One 64-bit mix for tables, rendezvous hashing and stickiness: equal on every machine and build,
/// so that all servers agree. Never for secrets: an attacker can aim collisions.

/// A bijection of 64 bits with full avalanche (the finaliser of SplitMix64).
constexpr std::uint64_t mix64(std::uint64_t x) {
  x ^= x >> 30U;
  x *= 0xbf58476d1ce4e5b9ULL;
  x ^= x >> 27U;
  x *= 0x94d049bb133111ebULL;
  x ^= x >> 31U;
  return x;
}

constexpr std::uint64_t hash_pair(std::uint64_t one, std::uint64_t other) {
  return mix64(one * 0x9e3779b97f4a7c15ULL + mix64(other + 0x9e3779b97f4a7c15ULL));
}

constexpr std::uint64_t hash_bytes(std::string_view bytes, std::uint64_t seed = 0) {
  std::uint64_t hash = mix64(seed ^ (bytes.size() * 0x9e3779b97f4a7c15ULL));
  std::size_t i = 0;
  while (i < bytes.size()) {
    std::uint64_t word = 0;
    for (unsigned shift = 0; shift < 64 && i < bytes.size(); shift += 8, ++i) {
      word |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << shift;
    }
    hash = hash_pair(hash, word);
  }
  return hash;
}

}  // namespace hither
