// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include "base/bytes.h"

namespace hither {

/// A key of SipHash: 128 bits that nobody else knows.
using SipKey = std::array<std::byte, 16>;

namespace siphash_detail {

inline std::uint64_t little_endian(const std::byte* at) {
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  static_assert(std::endian::native == std::endian::little);
  return word;
}

struct State {
  std::uint64_t v0, v1, v2, v3;

  void round() {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  }
  void take(std::uint64_t word) {
    v3 ^= word;
    round();
    round();
    v0 ^= word;
  }
};

}  // namespace siphash_detail

/// SipHash-2-4 (Aumasson and Bernstein): a 64-bit code of `bytes` that only who knows `key` can
/// make. The library's (EVP_MAC of OpenSSL) costs about four times as much for the 20 to 32 octets
/// of a DNS cookie, and may allocate; a query with a cookie needs one or two. Its number is what
/// the reference writes as eight octets, the lowest first.
inline std::uint64_t siphash(const SipKey& key, ByteView bytes) {
  using siphash_detail::little_endian;
  const std::uint64_t k0 = little_endian(key.data());
  const std::uint64_t k1 = little_endian(key.data() + 8);
  siphash_detail::State state = {k0 ^ 0x736f6d6570736575ULL, k1 ^ 0x646f72616e646f6dULL,
                                 k0 ^ 0x6c7967656e657261ULL, k1 ^ 0x7465646279746573ULL};
  std::uint64_t last = std::uint64_t{bytes.size()} << 56U;
  for (; bytes.size() >= 8; bytes = bytes.subspan(8)) state.take(little_endian(bytes.data()));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    last |= std::to_integer<std::uint64_t>(bytes[i]) << (8 * i);
  }
  state.take(last);
  state.v2 ^= 0xff;
  for (int i = 0; i < 4; ++i) state.round();
  return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

}  // namespace hither
