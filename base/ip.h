// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hither {

/// An IPv4 or IPv6 address. IPv4 is kept as IPv4-mapped IPv6 (::ffff:a.b.c.d, RFC 4291 s2.5.5.2),
/// so there is one address space, one order and one code path; it prints as IPv4. A plain value.
class Address {
 public:
  /// The unspecified IPv6 address.
  constexpr Address() = default;

  static Address v4(std::uint32_t host_order);
  static Address v4(std::span<const std::byte, 4> octets);
  static Address v6(std::span<const std::byte, 16> octets);

  bool is_v4() const;
  bool is_loopback() const;
  /// Precondition: is_v4().
  std::uint32_t v4_value() const;
  /// All 16 octets, mapped where it is IPv4.
  const std::array<std::uint8_t, 16>& octets() const { return octets_; }
  /// The octets that go on the wire: 4 or 16.
  std::span<const std::uint8_t> wire() const;
  /// Bit `index` of 128, 0 the most significant. IPv4 begins at bit 96.
  bool bit(int index) const {
    const auto at = static_cast<unsigned>(index);
    const unsigned octet = octets_[at / 8U];
    return (octet >> (7U - at % 8U) & 1U) != 0;
  }
  /// With all bits from `length` (of 128) on cleared.
  Address masked(int length) const;

  friend auto operator<=>(const Address&, const Address&) = default;

 private:
  std::array<std::uint8_t, 16> octets_{};
};

/// An address and a port.
struct Endpoint {
  Address address;
  std::uint16_t port = 0;

  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

/// A block of addresses. `length` counts in 128 bits, so 10.0.0.0/8 has length 104; family_length()
/// is the 8 people write. The bits behind the length are zero.
struct Prefix {
  Address address;
  int length = 0;

  bool contains(const Address& other) const { return other.masked(length) == address; }
  bool is_v4() const { return length >= 96 && address.is_v4(); }
  int family_length() const { return is_v4() ? length - 96 : length; }

  friend auto operator<=>(const Prefix&, const Prefix&) = default;
};

/// The block of `length` (of 128) bits that holds `address`.
Prefix prefix_of(const Address& address, int length);

[[nodiscard]] Result<Address> parse_address(std::string_view text);
/// "127.0.0.1:53" or "[::1]:53".
[[nodiscard]] Result<Endpoint> parse_endpoint(std::string_view text);
/// "10.0.0.0/8" or "2001:db8::/32". Bits behind the length are refused, with the right spelling.
[[nodiscard]] Result<Prefix> parse_prefix(std::string_view text);

std::string to_text(const Address& address);
std::string to_text(const Endpoint& endpoint);
std::string to_text(const Prefix& prefix);

}  // namespace hither
