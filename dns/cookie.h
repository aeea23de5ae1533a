// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "base/siphash.h"
#include "dns/edns.h"

namespace hither::dns {

/// What a query's cookie shows. Only `good` shows that its source address is not forged.
enum class CookieVerdict {
  none,         ///< there is no cookie
  client_only,  ///< the asker has none of ours yet
  bad,          ///< made by somebody else, for another address, too old, or from the future
  good,
};

/// What a cookie is worth, and what to answer with: itself while it is good, young, and made with
/// the first secret, otherwise a new one.
struct CookieAnswer {
  CookieVerdict verdict = CookieVerdict::none;
  FullCookie cookie;
};

/// DNS cookies that all servers of one address make alike (RFC 9018 on RFC 7873): version 1, a
/// time in seconds, and SipHash-2-4 of the client's cookie, these and the client's address. Made
/// with the first secret; good if made with any. Never changed once it is made; pure: the wall
/// clock's seconds are an argument. No allocation; one hash per secret tried, one more to renew.
class Cookies {
 public:
  static constexpr std::size_t secrets_max = 8;
  /// RFC 9018 s4.3: how old a cookie may be, how far ahead of our clock the one who made it.
  static constexpr std::int32_t age_seconds_max = 3600;
  static constexpr std::int32_t ahead_seconds_max = 300;
  /// Older than this a good one is answered with a new one.
  static constexpr std::int32_t renew_seconds = 1800;

  /// At least one.
  explicit Cookies(std::vector<SipKey> secrets);

  CookieAnswer answer(const Cookie& cookie, const Address& client, std::uint32_t now) const;

 private:
  /// The secret that made it, in its time; secrets_.size() if none.
  std::size_t find_secret(const Cookie& cookie, const Address& client, std::uint32_t now) const;

  std::vector<SipKey> secrets_;
};

/// Reads the file of secrets: each in a line of its own, as 32 hexadecimal digits; empty lines and
/// what follows a # are passed over. The error names the line, never what stands in it.
[[nodiscard]] Result<std::vector<SipKey>> parse_cookie_secrets(std::string_view text,
                                                               std::string_view file);

}  // namespace hither::dns
