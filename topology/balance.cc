// SPDX-License-Identifier: Apache-2.0
#include "topology/balance.h"

#include <array>
#include <utility>

#include "base/http_head.h"

namespace hither::topology {
namespace {

constexpr std::array<std::pair<std::string_view, Balance>, 7> words = {{
    {"least-request", Balance::least_request},
    {"round-robin", Balance::round_robin},
    {"peak-ewma", Balance::peak_ewma},
    {"hot-cold", Balance::hot_cold},
    {"maglev", Balance::maglev},
    {"source", Balance::source},
    {"first", Balance::first},
}};

constexpr std::string_view header_prefix = "header:";
constexpr std::string_view cookie_prefix = "cookie:";

}  // namespace

std::string_view to_text(Balance balance) {
  for (const auto& [word, value] : words) {
    if (value == balance) return word;
  }
  return {};
}

std::optional<Balance> balance_of(std::string_view word) {
  for (const auto& [known, value] : words) {
    if (known == word) return value;
  }
  return std::nullopt;
}

std::string to_text(const HashBy& hash) {
  switch (hash.kind) {
    case HashBy::Kind::path:
      return "path";
    case HashBy::Kind::source:
      return "source";
    case HashBy::Kind::header:
      return std::string(header_prefix) + hash.name;
    case HashBy::Kind::cookie:
      return std::string(cookie_prefix) + hash.name;
  }
  return {};
}

std::optional<HashBy> hash_by_of(std::string_view text) {
  if (text == "path") return HashBy{.kind = HashBy::Kind::path, .name = {}};
  if (text == "source") return HashBy{.kind = HashBy::Kind::source, .name = {}};
  HashBy named{.kind = HashBy::Kind::header, .name = {}};
  if (text.starts_with(header_prefix)) {
    named.name = text.substr(header_prefix.size());
  } else if (text.starts_with(cookie_prefix)) {
    named = {.kind = HashBy::Kind::cookie, .name = std::string(text.substr(cookie_prefix.size()))};
  }
  if (!is_short_token(named.name)) return std::nullopt;
  return named;
}

bool is_short_token(std::string_view text) {
  constexpr std::size_t longest = 64;
  return text.size() <= longest && is_token(text);
}

}  // namespace hither::topology
