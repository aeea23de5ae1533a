// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/ip.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/rng.h"
#include "base/time.h"
#include "dns/snapshot.h"

namespace hither::dns {

/// Tells other servers that a zone has a new serial (NOTIFY, RFC 1996): a pure state machine,
/// zones, packets and instants in, packets, log records and a deadline out. One owner.
///
/// 1. Every server in a zone's `notify` is told at start, and whenever the serial is another one
///    than it was told last, newer or not: what to make of it is the secondary's business.
/// 2. A server that does not answer is told again after 1, 2, 4, 8, 16 and 32 seconds, in all seven
///    times in about a minute, and then no more: it will ask by itself at the zone's REFRESH (s3.6
///    leaves times and tries open).
/// 3. An answer counts that comes from where the packet went, with its id, QR, opcode NOTIFY and
///    the same question, if it has one. Any RCODE ends it (s4.8 names none to retry on).
/// 4. A zone that changes again meanwhile begins anew, with another id.
/// 5. No more than `burst_max` packets leave at once; the next ones `burst_pause` later.
class Notifier {
 public:
  static constexpr Duration first_wait = std::chrono::seconds(1);
  static constexpr int attempts_max = 7;
  static constexpr std::size_t burst_max = 32;
  static constexpr Duration burst_pause = std::chrono::milliseconds(50);

  struct Packet {
    Endpoint to;
    Bytes bytes;
  };

  explicit Notifier(std::uint64_t seed) : rng_(seed) {}

  /// What is served from now on. Servers that are no longer named are forgotten.
  void set_zones(const Directory& directory, Instant now);
  /// Packets that are due. To be asked at deadline().
  std::vector<Packet> step(Instant now);
  /// A packet that came back; whatever else it is, is passed over.
  void on_packet(const Endpoint& from, ByteView bytes);
  Instant deadline() const;

  /// What has happened since the last call: notify-answered, notify-refused, notify-unanswered.
  std::vector<LogRecord> take_records() { return std::exchange(records_, {}); }
  /// hither_dns_notifies_total by result.
  MetricFamily to_metric() const;

 private:
  struct Task {
    Name zone;
    std::uint32_t serial = 0;
    Endpoint to;
    std::uint16_t id = 0;
    Bytes soa;  ///< data of the record that says what is new (s3.7)
    std::uint32_t ttl = 0;
    int attempts = 0;
    Instant due = never;  ///< `never`: it is over
  };

  static Bytes packet_of(const Task& task);
  static LogRecord about(LogRecord record, const Task& task);
  void finish(Task& task, LogRecord record);

  Rng rng_;
  std::vector<Task> tasks_;  ///< one for each server of each zone, in the order of the description
  std::vector<LogRecord> records_;
  Instant paused_until_{};
  std::uint64_t sent_ = 0;
  std::uint64_t answered_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t unanswered_ = 0;
};

}  // namespace hither::dns
