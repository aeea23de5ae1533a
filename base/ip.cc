// SPDX-License-Identifier: Apache-2.0
#include "base/ip.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "base/text.h"

namespace hither {
namespace {

constexpr std::array<std::uint8_t, 12> mapped_prefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

}  // namespace

Address Address::v4(std::uint32_t host_order) {
  Address address;
  std::ranges::copy(mapped_prefix, address.octets_.begin());
  for (unsigned i = 0; i < 4; ++i) {
    address.octets_[12 + i] = static_cast<std::uint8_t>(host_order >> (24U - 8U * i) & 0xffU);
  }
  return address;
}

Address Address::v4(std::span<const std::byte, 4> octets) {
  Address address;
  std::ranges::copy(mapped_prefix, address.octets_.begin());
  for (std::size_t i = 0; i < 4; ++i)
    address.octets_[12 + i] = static_cast<std::uint8_t>(octets[i]);
  return address;
}

Address Address::v6(std::span<const std::byte, 16> octets) {
  Address address;
  for (std::size_t i = 0; i < 16; ++i) address.octets_[i] = static_cast<std::uint8_t>(octets[i]);
  return address;
}

bool Address::is_v4() const {
  return std::equal(mapped_prefix.begin(), mapped_prefix.end(), octets_.begin());
}

bool Address::is_loopback() const {
  if (is_v4()) return octets_[12] == 127;
  return std::all_of(octets_.begin(), octets_.end() - 1, [](auto octet) { return octet == 0; }) &&
         octets_[15] == 1;
}

std::uint32_t Address::v4_value() const {
  ASSERT(is_v4());
  std::uint32_t value = 0;
  for (std::size_t i = 12; i < 16; ++i) value = value << 8U | octets_[i];
  return value;
}

std::span<const std::uint8_t> Address::wire() const {
  const std::span<const std::uint8_t> all(octets_);
  return is_v4() ? all.subspan(12) : all;
}

Address Address::masked(int length) const {
  Address result = *this;
  const auto whole = static_cast<std::size_t>(length) / 8;
  if (whole >= 16) return result;
  const unsigned rest = static_cast<unsigned>(length) % 8U;
  result.octets_[whole] &= static_cast<std::uint8_t>(0xff00U >> rest & 0xffU);
  std::fill(result.octets_.begin() + static_cast<std::ptrdiff_t>(whole) + 1, result.octets_.end(),
            std::uint8_t{0});
  return result;
}

Prefix prefix_of(const Address& address, int length) { return {address.masked(length), length}; }

Result<Address> parse_address(std::string_view text) {
  const std::string zero_ended(text);
  const bool whole = zero_ended.find('\0') == std::string::npos;  // inet_pton stops at a zero.
  std::array<std::byte, 16> octets{};
  if (whole && inet_pton(AF_INET, zero_ended.c_str(), octets.data()) == 1) {
    return Address::v4(std::span<const std::byte, 4>(octets.data(), 4));
  }
  if (whole && inet_pton(AF_INET6, zero_ended.c_str(), octets.data()) == 1) {
    return Address::v6(octets);
  }
  return fail(
      fmt::format("'{}' is not an IP address; write one such as 192.0.2.1 or 2001:db8::1", text));
}

Result<Endpoint> parse_endpoint(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  const std::string advice =
      fmt::format("'{}' is not an address and port; write 127.0.0.1:53 or [::1]:53", text);
  if (colon == std::string_view::npos) return fail(advice);
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (!bracketed && host.find(':') != std::string_view::npos) return fail(advice);
  const auto address = parse_address(host);
  const auto port = parse_number(text.substr(colon + 1));
  if (!address || !port || *port > 65535) return fail(advice);
  return Endpoint{*address, static_cast<std::uint16_t>(*port)};
}

Result<Prefix> parse_prefix(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = parse_address(text.substr(0, slash));
  if (!address) {
    return fail(
        fmt::format("'{}' is not a network; write one such as 10.0.0.0/8 or 2001:db8::/32", text));
  }
  const int bits = address->is_v4() ? 32 : 128;
  if (slash == std::string_view::npos) {
    return fail(fmt::format("'{}' has no length; write {}/{}", text, text, bits));
  }
  const auto length = parse_number(text.substr(slash + 1));
  if (!length || *length > static_cast<std::uint64_t>(bits)) {
    return fail(fmt::format("'{}' has no length between 0 and {} behind its slash", text, bits));
  }
  const Prefix prefix = prefix_of(*address, static_cast<int>(*length) + 128 - bits);
  if (prefix.address != *address) {
    return fail(
        fmt::format("'{}' has bits set behind its length; write {}", text, to_text(prefix)));
  }
  return prefix;
}

std::string to_text(const Address& address) {
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  const auto wire = address.wire();
  inet_ntop(address.is_v4() ? AF_INET : AF_INET6, wire.data(), buffer.data(), buffer.size());
  return buffer.data();
}

std::string to_text(const Endpoint& endpoint) {
  return fmt::format(fmt::runtime(endpoint.address.is_v4() ? "{}:{}" : "[{}]:{}"),
                     to_text(endpoint.address), endpoint.port);
}

std::string to_text(const Prefix& prefix) {
  return fmt::format("{}/{}", to_text(prefix.address), prefix.family_length());
}

}  // namespace hither
