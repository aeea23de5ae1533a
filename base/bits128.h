// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "base/ip.h"

namespace hither {

/// An address as a number, for code that computes with blocks: the prefix map and the geo tables.
/// Both compilers have it on every 64-bit machine; nothing outside those files should need it.
__extension__ typedef unsigned __int128 Bits128;

constexpr Bits128 bits128(std::uint64_t high, std::uint64_t low) {
  return Bits128{high} << 64U | low;
}
constexpr std::uint64_t high_half(Bits128 bits) { return static_cast<std::uint64_t>(bits >> 64U); }
constexpr std::uint64_t low_half(Bits128 bits) { return static_cast<std::uint64_t>(bits); }

/// Where IPv4 lies (RFC 4291 s2.5.5.2): ::ffff:0.0.0.0 to ::ffff:255.255.255.255.
inline constexpr Bits128 v4_first = 0xffff'0000'0000ULL;
inline constexpr Bits128 v4_last = 0xffff'ffff'ffffULL;

/// The eight octets of a number in the other order.
constexpr std::uint64_t swap_octets(std::uint64_t bits) { return __builtin_bswap64(bits); }
static_assert(std::endian::native == std::endian::little, "to_bits() and to_address() swap octets");

inline Bits128 to_bits(const Address& address) {
  const auto halves = std::bit_cast<std::array<std::uint64_t, 2>>(address.octets());
  return bits128(swap_octets(halves[0]), swap_octets(halves[1]));
}

inline Address to_address(Bits128 bits) {
  const std::array<std::uint64_t, 2> halves = {swap_octets(high_half(bits)),
                                               swap_octets(low_half(bits))};
  return Address::v6(std::bit_cast<std::array<std::byte, 16>>(halves));
}

/// The number of zero bits at the end; 128 for zero.
constexpr int trailing_zeros(Bits128 bits) {
  return low_half(bits) != 0 ? std::countr_zero(low_half(bits))
                             : 64 + std::countr_zero(high_half(bits));
}
/// The number of bits up to the highest one; 0 for zero.
constexpr int bit_length(Bits128 bits) {
  return high_half(bits) != 0 ? 128 - std::countl_zero(high_half(bits))
                              : 64 - std::countl_zero(low_half(bits));
}

/// The last address of the block of `length` bits that begins at `first`.
constexpr Bits128 block_last(Bits128 first, int length) {
  return length == 0 ? ~Bits128{0}
                     : first | ((Bits128{1} << static_cast<unsigned>(128 - length)) - 1);
}

/// The length of the widest block that begins at `first` and ends at `last` or before.
/// Precondition: first <= last.
constexpr int widest_block_at(Bits128 first, Bits128 last) {
  const Bits128 count = last - first + 1;  // 0 stands for all 2^128
  const int room = count == 0 ? 128 : bit_length(count) - 1;
  const int aligned = trailing_zeros(first);
  return 128 - (room < aligned ? room : aligned);
}

}  // namespace hither
