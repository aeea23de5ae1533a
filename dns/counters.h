// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/counter.h"
#include "base/metrics.h"
#include "base/time.h"
#include "dns/answer.h"
#include "dns/query.h"
#include "dns/transfer.h"
#include "dns/types.h"

namespace hither::dns {

/// What one data thread has answered. Its thread writes, the status pages read and add up.
struct Counters {
  /// Types that are counted by name; all others share the last place.
  static constexpr std::array<Type, 14> types = {
      Type::a,  Type::aaaa, Type::https, Type::svcb, Type::ns,  Type::soa, Type::cname,
      Type::mx, Type::txt,  Type::ptr,   Type::srv,  Type::caa, Type::ds,  Type::any};
  static constexpr std::size_t rcodes = 24;  ///< NOERROR to BADCOOKIE

  std::array<Counter, 2> by_transport;  ///< queries that were answered: UDP, TCP
  std::array<Counter, types.size() + 1> by_type;
  std::array<Counter, rcodes> by_rcode;
  Counter ignored;      ///< packets that got silence
  Counter truncated;    ///< answers with TC
  Counter send_failed;  ///< answers over UDP that the kernel did not take
  Counter with_subnet;
  std::array<Counter, subnet_faults.size()> by_subnet_fault;  ///< queries with a malformed one
  /// Those by the scope of their answer, for IPv4 (0 to 32) and IPv6 (0 to 128).
  std::array<std::array<Counter, 129>, 2> by_scope;
  std::array<Counter, 4> by_cookie;  ///< by CookieVerdict; those without one are not counted
  Counter rate_cut;                  ///< answers beyond a rate limit that were cut short
  Counter rate_dropped;              ///< and those that were not sent
  std::array<Counter, transfer_verdicts.size()> by_transfer;  ///< by TransferVerdict
  Counter transfers_broken;                                   ///< begun, and not taken to the end
  Counter log_dropped;                     ///< records that the query log had no room for
  std::array<Counter, rooms_max> by_room;  ///< answers that named it
  /// Until when somebody may still keep an answer that names the room, in seconds since the clock
  /// of Instant began.
  std::array<Highest, rooms_max> named_until_s;

  /// `snapshot` is the one that the answer was made from.
  void count(const Query& query, const Answer& answer, Transport transport, Instant at,
             const Snapshot& snapshot);
};

/// When the last answer of all threads that named the room has run out; nullopt if none did.
std::optional<Instant> named_until(const std::vector<const Counters*>& threads, std::size_t room);

/// The sums over all threads as metric families. `rooms` are the names behind the indexes.
Metrics to_metrics(const std::vector<const Counters*>& threads,
                   const std::vector<std::string>& rooms);

}  // namespace hither::dns
