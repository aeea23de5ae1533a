// SPDX-License-Identifier: Apache-2.0
#include "lb/http_upgrade.h"

#include "base/text.h"

namespace hither::lb {
namespace {

bool starts_with_word(std::string_view text, std::string_view word) {
  return text.size() >= word.size() && equal_ignoring_case(text.substr(0, word.size()), word);
}

/// protocol-name ["/" protocol-version] (RFC 9110 s7.8).
bool is_protocol(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash != std::string_view::npos && !is_token(text.substr(slash + 1))) return false;
  return is_token(text.substr(0, slash));
}

/// The value of the only Upgrade field; empty if there is none, or more.
std::string_view only_upgrade(const HttpFields& fields) {
  std::string_view value;
  for (const HttpField& field : fields.all()) {
    if (field.name.size() != 7 || !equal_ignoring_case(field.name, "upgrade")) continue;
    if (!value.empty()) return {};
    value = field.value;
  }
  return value;
}

bool is_connection_scheme(std::string_view value) {
  return starts_with_word(value, "ntlm") || starts_with_word(value, "negotiate");
}

}  // namespace

std::string_view protocol_to_offer(const RequestHead& head) {
  if (!head.wants_upgrade || head.framing != BodyFraming::none) return {};
  const std::string_view protocol = only_upgrade(head.fields);
  const bool of_http = equal_ignoring_case(protocol, "h2c") ||
                       equal_ignoring_case(protocol, "h2") || starts_with_word(protocol, "http") ||
                       starts_with_word(protocol, "tls");
  return is_protocol(protocol) && !of_http ? protocol : std::string_view{};
}

bool switches_to(const ResponseHead& head, std::string_view protocol) {
  if (protocol.empty() || !equal_ignoring_case(only_upgrade(head.fields), protocol)) return false;
  for (const HttpField& field : head.fields.all()) {
    if (equal_ignoring_case(field.name, "connection") && list_has_token(field.value, "upgrade")) {
      return true;
    }
  }
  return false;
}

bool authenticates_connection(const HttpFields& fields) {
  for (const HttpField& field : fields.all()) {
    const bool found =
        (field.name.size() == 13 && equal_ignoring_case(field.name, "authorization")) ||
        (field.name.size() == 16 && equal_ignoring_case(field.name, "www-authenticate"));
    if (found && is_connection_scheme(field.value)) return true;
  }
  return false;
}

}  // namespace hither::lb
