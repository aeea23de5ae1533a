// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/ip.h"
#include "base/time.h"

namespace hither::lb {

/// Decides for one server that is described by a name when the name is asked for again, and which
/// of its addresses is used. Pure; one owner, who has a resolver and a clock.
///
/// 1. It is asked for again when the answer's TTL is over, but after `wait_least` at the soonest
///    and `wait_most` at the latest: /etc/hosts has no TTL, and a TTL of a day should not bind us.
/// 2. The address in use stays in use while it is in the answer, whatever order that has. Else the
///    first of the answer is used.
/// 3. A failure takes nothing away: a name that does not resolve, an error of the server, no answer
///    at all (be it only for the family in use: io/resolver.h), or an answer without an address.
///    What was used before is used on ("kept"), however long that takes; it is probes that say if
///    somebody is still there. The name is asked for again after `wait_least`, then twice as long
///    each time, up to `retry_most`.
/// 4. A name that has never resolved has no address, and is asked for in the same way.
class NameWatch {
 public:
  static constexpr Duration wait_least = std::chrono::seconds(1);
  static constexpr Duration wait_most = std::chrono::seconds(60);
  static constexpr Duration retry_most = std::chrono::seconds(10);

  /// What an answer, or its lack, comes to.
  struct News {
    bool moved = false;     ///< address() is another one than before, or the first
    bool fails = false;     ///< it did not resolve this time, and did the time before (or ever)
    bool recovers = false;  ///< it did not the time before
  };

  /// `in_use`: what is known of it already, from a predecessor.
  NameWatch(std::string host, Instant now, std::optional<Address> in_use = std::nullopt)
      : host_(std::move(host)), next_(now), address_(in_use) {}

  const std::string& host() const { return host_; }
  /// When it should be asked for; `never` while it is.
  Instant next() const { return asking_ ? never : next_; }
  /// It is being asked for, until one of the next two.
  void asks() { asking_ = true; }
  News on_answer(std::span<const Address> addresses, Duration ttl, Instant now);
  News on_failure(std::string reason, Instant now);

  /// The one to use; nullopt if there has never been any.
  const std::optional<Address>& address() const { return address_; }
  /// Of the last good answer.
  const std::vector<Address>& addresses() const { return addresses_; }
  /// When that came.
  std::optional<Instant> answered_at() const { return answered_at_; }
  /// Did it fail the last time?
  bool failing() const { return failures_ > 0; }
  /// Is the address in use older than the last time that it was asked for?
  bool kept() const { return failing() && address_.has_value(); }
  /// Why it failed; empty if it did not.
  const std::string& failure() const { return failure_; }

 private:
  std::string host_;
  Instant next_;
  bool asking_ = false;
  std::optional<Address> address_;
  std::vector<Address> addresses_;
  std::optional<Instant> answered_at_;
  int failures_ = 0;  ///< in a row, up to some
  std::string failure_;
};

}  // namespace hither::lb
