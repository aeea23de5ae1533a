// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/ip.h"
#include "base/log.h"
#include "dns/answer.h"
#include "dns/query.h"
#include "dns/snapshot.h"

namespace hither::dns {

/// Zone transfers out: AXFR (RFC 5936), and IXFR (RFC 1995), which is answered with the whole zone
/// too because no older one is kept. All pure. What is transferred is what the zone's file says:
/// steered names, whose addresses depend on who asks and what is up, are not in it.

/// How a query for a transfer is answered.
enum class TransferVerdict : std::uint8_t {
  whole,          ///< with the zone
  current,        ///< IXFR: with the SOA alone, for the asker has this zone or has come over UDP
  over_udp,       ///< AXFR, which is not defined there (RFC 5936 s4.2): NOTIMP
  not_allowed,    ///< REFUSED, with the extended error Prohibited
  not_authority,  ///< NOTAUTH: no zone of ours begins there (RFC 5936 s2.2.1)
};
constexpr std::array<std::string_view, 5> transfer_verdicts = {"whole", "current", "over_udp",
                                                               "not_allowed", "not_authority"};

/// AXFR or IXFR of class IN, and nothing is wrong with it otherwise?
bool wants_transfer(const Query& query);

struct TransferDecision {
  TransferVerdict verdict = TransferVerdict::not_authority;
  std::uint32_t zone = 0;  ///< index in Directory::zones, for whole and current
};
/// Precondition: wants_transfer(query). Who is allowed is asked before anything else is told about
/// a zone. No allocation.
TransferDecision decide_transfer(const Query& query, const Directory& directory,
                                 const Address& client, Transport transport);
/// The answer; it views the directory. For `whole` only what is not the zone's: its messages are
/// written by Transfer.
Answer answer_transfer(const TransferDecision& decision, const Query& query,
                       const Directory& directory);

/// What became of one transfer.
struct TransferReport {
  Name zone;
  std::uint32_t serial = 0;
  Address to;
  bool incremental = false;  ///< it was IXFR that asked
  bool complete = false;
  std::size_t messages = 0;
  std::size_t records = 0;
  std::size_t octets = 0;  ///< of all messages
};
/// `transfer-sent zone=example.test. serial=7 to=192.0.2.53 type=AXFR messages=1 records=9
/// octets=410`; transfer-broken, as a warning, where the client did not take all of it.
LogRecord to_log(const TransferReport& report);

/// One transfer under way: a place in a zone, and the messages from there on. Holds the snapshot it
/// began with, so that all of it is one version of the zone whatever is reloaded meanwhile; nothing
/// is copied. One owner.
///
/// The SOA is the first record and the last; in between stands every other set once, in the order
/// of the file, with names uncompressed but for the owner's (RFC 5936 s3.4 allows both). Every
/// message repeats the question; the first has the OPT record, if the query had one.
class Transfer {
 public:
  /// A message is full with this many octets, so that a pointer reaches every owner in it (RFC 1035
  /// s4.1.4). The last record may go beyond.
  static constexpr std::size_t message_full_bytes = 16 * 1024;

  Transfer(std::shared_ptr<const Snapshot> snapshot, std::uint32_t zone, const Query& query,
           const Address& client, const EdnsAnswer& edns);

  /// Writes the next message and returns its size. Preconditions: !done(), room for
  /// message_size_max octets, and what `edns` views lives until the first is written.
  std::size_t next(std::span<std::byte> out);
  bool done() const { return report_.complete; }
  const TransferReport& report() const { return report_; }

 private:
  bool write_next_record(Writer& out);
  bool write_record(const Zone::OwnedSet& owned, ByteView data, Writer& out);
  void write_owner(ByteView owner, Writer& out);
  void advance();

  std::shared_ptr<const Snapshot> snapshot_;
  const Zone& zone_;
  Query query_;
  EdnsAnswer edns_;
  TransferReport report_;
  Zone::Place place_;
  Zone::OwnedSet current_;      ///< whose records are being written
  std::size_t data_start_ = 0;  ///< of the next one, in its rdata
  std::size_t owner_at_ = 0;    ///< where its owner stands in this message; 0: not yet
  bool opened_ = false;         ///< the first SOA is written
};

}  // namespace hither::dns
