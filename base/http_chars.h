// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace hither {

/// Which octets may stand where in an HTTP/1.1 message, as one table of bits: one load per octet.
/// Shared by the head and the body parser, for nobody else.
namespace http_chars {

constexpr std::uint8_t token = 1;   ///< tchar, RFC 9110 s5.6.2
constexpr std::uint8_t target = 2;  ///< of a request target: visible ASCII but '#'
constexpr std::uint8_t host = 4;    ///< of a host name: letters, digits, - . _ ~
constexpr std::uint8_t value = 8;   ///< of a field value: all but controls, with TAB
constexpr std::uint8_t digit = 16;

constexpr std::array<std::uint8_t, 256> make_table() {
  std::array<std::uint8_t, 256> table{};
  for (std::size_t c = 0; c < 256; ++c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool number = c >= '0' && c <= '9';
    const auto one_of = [c](std::string_view set) {
      return set.find(static_cast<char>(c)) != std::string_view::npos;
    };
    unsigned bits = 0;
    if (letter || number || (c != 0 && one_of("!#$%&'*+-.^_`|~"))) bits |= token;
    if (c > ' ' && c < 0x7f && c != '#') bits |= target;
    if (letter || number || (c != 0 && one_of("-._~"))) bits |= host;
    if ((c >= ' ' && c != 0x7f) || c == '\t') bits |= value;
    if (number) bits |= digit;
    table[c] = static_cast<std::uint8_t>(bits);
  }
  return table;
}

inline constexpr std::array<std::uint8_t, 256> table = make_table();

constexpr bool is(char c, std::uint8_t bits) {
  return (table[static_cast<unsigned char>(c)] & bits) != 0;
}

}  // namespace http_chars
}  // namespace hither
