// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "base/bytes.h"
#include "base/ip.h"
#include "base/time.h"
#include "dns/cookie.h"
#include "dns/counters.h"
#include "dns/query_log.h"
#include "dns/rate_limit.h"
#include "dns/snapshot.h"
#include "dns/transfer.h"
#include "dns/types.h"

namespace hither::dns {

/// How a packet came.
struct Arrival {
  Address client;
  Transport transport = Transport::udp;
  Instant at{};                    ///< rate limits and counters go by it
  std::uint32_t unix_seconds = 0;  ///< the wall clock, which cookies are dated by
  Duration keepalive{};            ///< over TCP: how long the connection may go without a query
};

/// False: whoever sent this cannot hear an answer. Nobody listens at port 0, so it is forged, to
/// make us talk to somebody else.
constexpr bool can_hear(const Endpoint& peer) { return peer.port != 0; }

/// packet -> query -> view -> answer -> packet: the whole pipeline, without a socket. Runs under
/// UDP, TCP, the simulation and the fuzzer. One per thread; nothing is shared but the immutable
/// snapshot and the counters of rate limits. respond() does not allocate, lock or log; only a
/// granted transfer is kept on the heap.
///
/// Before the answer is made the query is counted against the rate limits, where there are any and
/// its source could be forged: over UDP, without a valid cookie. What is beyond the limit gets
/// silence, or every so many-th time an empty answer: what is wrong with the query, if anything is;
/// BADCOOKIE to those who brought a cookie, so that they come back with ours (RFC 7873 s5.2.3); TC
/// to all others.
///
/// One query in so many is noted for the log (dns/query_log.h), those beyond a limit too.
class Responder {
 public:
  explicit Responder(std::shared_ptr<const Snapshot> snapshot);

  /// Writes the answer to `packet` into `out` and returns its size; 0: say nothing. Over UDP it is
  /// at most what the asker can take and dns.udp_payload. Precondition: `out` has room for the
  /// latter, over TCP for message_size_max octets.
  std::size_t respond(ByteView packet, const Arrival& arrival, std::span<std::byte> out);

  /// The transfer of which the last respond() wrote the first message; nullptr: that was none.
  /// Whoever drives the connection sends the others, if it is not done, as the client takes them.
  /// Over UDP there is never one.
  std::unique_ptr<Transfer> take_transfer() { return std::move(transfer_); }
  /// The client did not take all of one.
  void count_broken_transfer() { counters_.transfers_broken.add(); }
  /// So many answers were made and not sent.
  void count_failed_sends(std::size_t answers) { counters_.send_failed.add(answers); }

  /// From the next query on. The caller's thread rule: between two calls of respond().
  /// Rate limits count on. The only call that may allocate.
  void set_snapshot(std::shared_ptr<const Snapshot> snapshot);
  const Snapshot& snapshot() const { return *snapshot_; }
  const Counters& counters() const { return counters_; }
  /// What the log waits for: take() is for one other thread.
  QueryLog& query_log() { return log_; }

 private:
  std::optional<TransferDecision> judge_transfer(const Query& query, const Arrival& arrival);
  std::size_t begin_transfer(std::uint32_t zone, const Query& query, const Address& client,
                             const EdnsAnswer& edns, std::span<std::byte> out);
  CookieAnswer judge_cookie(const Query& query, const Arrival& arrival);
  RateLimiter::Verdict limit(const Arrival& arrival, CookieVerdict cookie);
  void note(const Query& query, const Answer& answer, const Arrival& arrival, std::size_t size);

  std::shared_ptr<const Snapshot> snapshot_;
  std::optional<RateLimiter> limiter_;  ///< nullopt: no limit
  std::unique_ptr<Transfer> transfer_;
  Counters counters_;
  QueryLog log_;
};

}  // namespace hither::dns
