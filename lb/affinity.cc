// SPDX-License-Identifier: Apache-2.0
#include "lb/affinity.h"

#include <fmt/format.h>

#include <charconv>
#include <cstring>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/text.h"

namespace hither::lb {
namespace {

using topology::Balance;
using topology::HashBy;

constexpr std::size_t token_digits = 16;

std::string_view hashed(const HashBy& by, const RequestHead& head,
                        std::string_view client_address) {
  std::string_view text;
  switch (by.kind) {
    case HashBy::Kind::path:
      return head.path;
    case HashBy::Kind::source:
      return client_address;
    case HashBy::Kind::header:
      text = head.fields.find(by.name).value_or("");
      break;
    case HashBy::Kind::cookie:
      text = cookie_value(head.fields, by.name);
      break;
  }
  return text.empty() ? client_address : text;
}

std::uint64_t token_in(std::string_view cookie) {
  std::uint64_t token = 0;
  if (cookie.size() != token_digits) return 0;
  const char* const end = cookie.data() + cookie.size();
  const auto [stopped, error] = std::from_chars(cookie.data(), end, token, 16);
  return error == std::errc{} && stopped == end ? token : 0;
}

SipKey key_of(std::string_view secret) {
  SipKey key{};
  const std::uint64_t halves[] = {hash_bytes(secret, 1), hash_bytes(secret, 2)};
  static_assert(sizeof halves == sizeof key);
  std::memcpy(key.data(), halves, sizeof halves);
  return key;
}

}  // namespace

Affinity affinity_of(const topology::Farm& farm, const RequestHead& head,
                     std::string_view client_address) {
  Affinity affinity;
  if (farm.balance == Balance::maglev) {
    affinity.hash = hash_bytes(hashed(hash_of(farm), head, client_address));
  } else if (farm.balance == Balance::source) {
    affinity.hash = hash_bytes(client_address);
  }
  if (!farm.sticky.empty()) affinity.sticky = token_in(cookie_value(head.fields, farm.sticky));
  return affinity;
}

Affinity affinity_of(const topology::Farm& farm, const Address& client) {
  if (farm.balance != Balance::maglev && farm.balance != Balance::source) return {};
  return {.hash = hash_bytes(to_text(client))};
}

std::string_view cookie_value(const HttpFields& fields, std::string_view name) {
  for (const HttpField& field : fields.all()) {
    if (field.name.size() != 6 || !equal_ignoring_case(field.name, "cookie")) continue;
    std::string_view rest = field.value;
    while (!rest.empty()) {
      const std::size_t semicolon = rest.find(';');
      const std::string_view pair = trim(rest.substr(0, semicolon));
      rest = semicolon == std::string_view::npos ? "" : rest.substr(semicolon + 1);
      if (pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=') {
        return pair.substr(name.size() + 1);
      }
    }
  }
  return {};
}

std::uint64_t sticky_token(const topology::Farm& farm, std::string_view room,
                           std::string_view server) {
  const std::string named = fmt::format("{}/{}/{}", room, farm.name, server);
  const std::uint64_t token = siphash(key_of(farm.sticky_secret), as_bytes(named));
  return token == 0 ? 1 : token;
}

std::string set_cookie_field(std::string_view name, std::uint64_t token) {
  return fmt::format("Set-Cookie: {}={:016x}; Path=/; HttpOnly; SameSite=Lax\r\n", name, token);
}

}  // namespace hither::lb
