// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hither::topology {

/// The words of a farm's balancing, as values. Pure; docs/balancing.md says what they promise.

/// How a balancer picks a copy.
enum class Balance { round_robin, least_request, peak_ewma, hot_cold, maglev, source, first };
std::string_view to_text(Balance balance);
/// nullopt for any other word.
std::optional<Balance> balance_of(std::string_view word);

/// By what balance = "maglev" tells requests apart.
struct HashBy {
  enum class Kind { path, source, header, cookie };
  Kind kind = Kind::path;
  std::string name;  ///< of the header or cookie
  friend bool operator==(const HashBy&, const HashBy&) = default;
};
/// "path", "source", "header:X-User" or "cookie:cart".
std::string to_text(const HashBy& hash);
/// nullopt for any other text.
std::optional<HashBy> hash_by_of(std::string_view text);

/// A name of a cookie or header: a token (RFC 9110 s5.6.2) of at most 64 characters.
bool is_short_token(std::string_view text);

/// The weight of a copy of which nothing is said; one of half of it gets half as much.
constexpr int weight_usual = 100;
constexpr int weight_max = 10'000;

}  // namespace hither::topology
