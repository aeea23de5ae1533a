// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>

#include "base/bytes.h"
#include "base/ip.h"
#include "base/time.h"
#include "dns/counters.h"
#include "dns/snapshot.h"
#include "dns/types.h"

namespace hither::dns {

/// How a packet came.
struct Arrival {
  Address client;
  Transport transport = Transport::udp;
  Instant at{};  ///< recorded with the query; no answer of today depends on it
};

/// packet -> query -> view -> answer -> packet: the whole pipeline, without a socket. Runs under
/// UDP, TCP, the simulation and the fuzzer. One per thread; nothing is shared but the immutable
/// snapshot. respond() does not allocate, lock or log.
class Responder {
 public:
  explicit Responder(std::shared_ptr<const Snapshot> snapshot) : snapshot_(std::move(snapshot)) {}

  /// Writes the answer to `packet` into `out` and returns its size; 0: say nothing. Over UDP it is
  /// at most what the asker can take and udp_payload_max. Precondition: `out` has room for
  /// udp_payload_max octets.
  std::size_t respond(ByteView packet, const Arrival& arrival, std::span<std::byte> out);

  /// From the next query on. The caller's thread rule: between two calls of respond().
  void set_snapshot(std::shared_ptr<const Snapshot> snapshot) { snapshot_ = std::move(snapshot); }
  const Snapshot& snapshot() const { return *snapshot_; }
  const Counters& counters() const { return counters_; }

 private:
  std::shared_ptr<const Snapshot> snapshot_;
  Counters counters_;
};

}  // namespace hither::dns
