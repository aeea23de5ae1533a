// SPDX-License-Identifier: Apache-2.0
#include "dns/cookie.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "base/assert.h"
#include "base/text.h"

namespace hither::dns {
namespace {

constexpr std::size_t head_octets = 16;  // client cookie, version, reserved, time
constexpr std::size_t full_octets = 24;
constexpr std::uint8_t version = 1;

/// RFC 9018 s4.4: the hash over the first sixteen octets and the client's address.
std::array<std::byte, 8> hash_of(const SipKey& secret, ByteView head, const Address& client) {
  std::array<std::byte, head_octets + 16> input;
  std::memcpy(input.data(), head.data(), head_octets);
  const auto address = client.wire();
  std::memcpy(input.data() + head_octets, address.data(), address.size());
  const std::uint64_t code = siphash(secret, ByteView(input).first(head_octets + address.size()));
  std::array<std::byte, 8> octets;
  for (std::size_t i = 0; i < octets.size(); ++i) {
    octets[i] = static_cast<std::byte>(code >> (8 * i) & 0xffU);
  }
  return octets;
}

/// How old it says it is; the clock of 32 bits goes round (RFC 1982).
std::int32_t age_of(ByteView cookie, std::uint32_t now) {
  Reader in(cookie.subspan(12, 4));
  return static_cast<std::int32_t>(now - in.u32());
}

/// In a time that does not depend on where they differ: who forges learns nothing.
bool equal(ByteView one, ByteView other) {
  std::byte different{0};
  for (std::size_t i = 0; i < one.size(); ++i) different |= one[i] ^ other[i];
  return different == std::byte{0};
}

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  return std::nullopt;
}

std::optional<SipKey> parse_secret(std::string_view digits) {
  SipKey key;
  if (digits.size() != 2 * key.size()) return std::nullopt;
  for (std::size_t i = 0; i < key.size(); ++i) {
    const auto high = hex_digit(digits[2 * i]);
    const auto low = hex_digit(digits[2 * i + 1]);
    if (!high || !low) return std::nullopt;
    key[i] = static_cast<std::byte>(*high << 4U | *low);
  }
  return key;
}

}  // namespace

Cookies::Cookies(std::vector<SipKey> secrets) : secrets_(std::move(secrets)) {
  ASSERT(!secrets_.empty());
}

std::size_t Cookies::find_secret(const Cookie& cookie, const Address& client,
                                 std::uint32_t now) const {
  const ByteView all = cookie.all();
  const bool ours = all.size() == full_octets && all[8] == std::byte{version};
  if (!ours) return secrets_.size();
  const std::int32_t age = age_of(all, now);
  if (age > age_seconds_max || age < -ahead_seconds_max) return secrets_.size();
  std::size_t i = 0;
  while (i < secrets_.size() &&
         !equal(all.subspan(head_octets), hash_of(secrets_[i], all.first(head_octets), client))) {
    ++i;
  }
  return i;
}

CookieAnswer Cookies::answer(const Cookie& cookie, const Address& client, std::uint32_t now) const {
  CookieAnswer result;
  const std::size_t secret = find_secret(cookie, client, now);
  result.verdict = secret < secrets_.size()   ? CookieVerdict::good
                   : cookie.has_server_part() ? CookieVerdict::bad
                                              : CookieVerdict::client_only;
  if (secret == 0 && age_of(cookie.all(), now) <= renew_seconds) {
    std::ranges::copy(cookie.all(), result.cookie.begin());
    return result;
  }
  Writer out(result.cookie);
  out.bytes(cookie.all().first(Cookie::client_octets));
  out.u32(std::uint32_t{version} << 24U);
  out.u32(now);
  out.bytes(hash_of(secrets_.front(), out.written(), client));
  return result;
}

Result<std::vector<SipKey>> parse_cookie_secrets(std::string_view text, std::string_view file) {
  std::vector<SipKey> secrets;
  int number = 0;
  for (std::string_view line : split(text, '\n')) {
    ++number;
    line = trim(line.substr(0, line.find('#')));
    if (line.empty()) continue;
    const auto secret = parse_secret(line);
    if (!secret) {
      return fail(
          fmt::format("{}:{}:1: not a secret; write 32 hexadecimal digits, as from "
                      "'openssl rand -hex 16'",
                      file, number));
    }
    if (secrets.size() == Cookies::secrets_max) {
      return fail(fmt::format("{}:{}:1: one secret too many; keep {} at most", file, number,
                              Cookies::secrets_max));
    }
    secrets.push_back(*secret);
  }
  if (!secrets.empty()) return secrets;
  return fail(fmt::format(
      "{}: holds no secret; write a line of 32 hexadecimal digits, as from 'openssl rand -hex 16'",
      file));
}

}  // namespace hither::dns
