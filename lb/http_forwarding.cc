// SPDX-License-Identifier: Apache-2.0
#include "lb/http_forwarding.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "lb/http_put.h"

namespace hither::lb {
namespace {

/// The values of all fields of that name, each with a comma behind it: the front of a longer list.
void put_list(Writer& out, const HttpFields& fields, std::string_view name) {
  for (const HttpField& field : fields.all()) {
    if (!equal_ignoring_case(field.name, name) || field.value.empty()) continue;
    put(out, field.value);
    put(out, ", ");
  }
}

/// The client's own word where it is trusted and has one, else ours.
void put_word(Writer& out, const RequestHead& head, const ClientIdentity& client,
              std::string_view name, std::string_view ours) {
  const auto theirs = client.trusted ? head.fields.find(name) : std::nullopt;
  const std::string_view value = theirs.value_or(ours);
  if (!value.empty()) put_field(out, name, value);
}

/// A value of Forwarded: quoted unless it is a token (RFC 7239 s4). A host holds no quote (R15).
void put_value(Writer& out, std::string_view value) {
  const bool quoted = !is_token(value);
  if (quoted) put(out, "\"");
  put(out, value);
  if (quoted) put(out, "\"");
}

/// Fields in which proxies of other makes say what they know of a client.
bool is_proxys_word(std::string_view name) {
  constexpr std::string_view family = "x-forwarded-";
  if (name.size() > family.size()) return is_spelling_of(name.substr(0, family.size()), family);
  return is_spelling_of(name, "x-real-ip");
}

/// Visible ASCII without what would need quoting in a log.
bool is_request_id(std::string_view text) {
  const auto allowed = [](char c) { return c > ' ' && c < 0x7f && c != '"' && c != '\\'; };
  return !text.empty() && text.size() <= request_id_bytes_max && std::ranges::all_of(text, allowed);
}

}  // namespace

ClientIdentity identity_of(const Address& client, std::span<const Prefix> trusted) {
  ClientIdentity identity{.address = to_text(client), .node = {}};
  identity.node = client.is_v4() ? identity.address : fmt::format("\"[{}]\"", identity.address);
  identity.trusted = std::ranges::any_of(
      trusted, [&client](const Prefix& network) { return network.contains(client); });
  return identity;
}

std::string_view request_id_of(const HttpFields& fields, const ClientIdentity& client,
                               std::uint64_t fresh, std::array<char, 16>& space) {
  if (client.trusted) {
    const auto theirs = fields.find("x-request-id");
    if (theirs && is_request_id(*theirs)) return *theirs;
  }
  for (std::size_t i = 0; i < space.size(); ++i) {
    space[i] = "0123456789abcdef"[(fresh >> (60 - 4 * i)) & 0xfU];
  }
  return {space.data(), space.size()};
}

int attempt_of(const HttpFields& fields, const ClientIdentity& client) {
  if (!client.trusted) return 1;
  const auto theirs = fields.find("hither-attempt");
  const std::uint64_t number = theirs ? parse_number(*theirs).value_or(1) : 1;
  return static_cast<int>(std::clamp<std::uint64_t>(number, 1, attempt_max));
}

void set_attempt(std::span<std::byte> head, int attempt) {
  constexpr std::string_view line = "\r\nHither-Attempt: ";
  static_assert(line.substr(2, attempt_field.size()) == attempt_field);
  const std::size_t at = as_text(head).find(line);
  if (at == std::string_view::npos) return;
  head[at + line.size()] = static_cast<std::byte>('0' + std::clamp(attempt, 1, attempt_max));
}

MaxForwards max_forwards_of(const RequestHead& head) {
  MaxForwards found;
  if (head.method != "OPTIONS" && head.method != "TRACE") return found;
  for (const HttpField& field : head.fields.all()) {
    if (field.name.size() != 12 || !equal_ignoring_case(field.name, "max-forwards")) continue;
    found.number = found.said ? std::nullopt : parse_number(field.value);
    found.said = true;
  }
  return found;
}

bool is_forwarding_field(std::string_view name, const Forwarding& forwarding) {
  switch (name.size()) {
    case 9:
      if (is_spelling_of(name, "forwarded")) return true;
      break;
    case 12:
      if (is_spelling_of(name, "x-request-id")) return true;
      if (is_spelling_of(name, "max-forwards")) return forwarding.max_forwards.has_value();
      break;
    case 14:
      if (is_spelling_of(name, "hither-attempt")) return true;
      break;
    case 15:
      if (is_spelling_of(name, "x-forwarded-for")) return true;
      break;
    case 16:
      if (is_spelling_of(name, "x-forwarded-host")) return true;
      break;
    case 17:
      if (is_spelling_of(name, "x-forwarded-proto")) return true;
      break;
    default:
      break;
  }
  // What we do not write: a proxy that is trusted may, in the usual spelling.
  return is_proxys_word(name) && (!forwarding.client.trusted || name.find('_') != name.npos);
}

void put_forwarding(Writer& out, const RequestHead& head, const Forwarding& forwarding) {
  const ClientIdentity& client = forwarding.client;
  // The version is the one that the request came in (RFC 9110 s7.6.3).
  put(out, head.minor_version == 0 ? "Via: 1.0 hither\r\n" : "Via: 1.1 hither\r\n");
  if (forwarding.max_forwards) {
    std::array<char, 20> digits{};
    const auto end =
        std::to_chars(digits.data(), digits.data() + digits.size(), *forwarding.max_forwards).ptr;
    put_field(out, "Max-Forwards", {digits.data(), end});
  }
  put(out, "X-Forwarded-For: ");
  if (client.trusted) put_list(out, head.fields, "x-forwarded-for");
  put(out, client.address);
  put(out, "\r\n");
  put_word(out, head, client, "X-Forwarded-Proto", forwarding.proto);
  put_word(out, head, client, "X-Forwarded-Host", head.authority);
  put(out, "Forwarded: ");
  if (client.trusted) put_list(out, head.fields, "forwarded");
  put(out, "for=");
  put(out, client.node);
  put(out, ";proto=");
  put(out, forwarding.proto);
  if (!head.authority.empty()) {
    put(out, ";host=");
    put_value(out, head.authority);
  }
  put(out, "\r\n");
  put_field(out, "X-Request-Id", forwarding.request_id);
  const char digit = static_cast<char>('0' + forwarding.attempt);
  put_field(out, attempt_field, {&digit, 1});
}

}  // namespace hither::lb
