// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "base/assert.h"
#include "base/ip.h"
#include "dns/query.h"
#include "dns/record.h"
#include "dns/snapshot.h"

namespace hither::dns {

/// A list in place, of at most `max` items: answers are made without allocation.
template <class T, std::size_t max>
class Few {
 public:
  void push_back(const T& item) {
    ASSERT(size_ < max);
    items_[size_++] = item;
  }
  bool full() const { return size_ == max; }
  bool empty() const { return size_ == 0; }
  std::span<const T> all() const { return {items_.data(), size_}; }

 private:
  std::array<T, max> items_;
  std::size_t size_ = 0;
};

/// One RRset of an answer. Owner and set are borrowed: from the query, the snapshot, or constants.
struct Item {
  ByteView owner;  ///< wire form, in the case to be answered with
  const RrSet* set = nullptr;
  std::uint32_t ttl = 0;
};

/// What goes into which section, with which flags: query and view -> answer. Valid as long as the
/// query and the snapshot it was made from.
struct Answer {
  static constexpr std::size_t glue_max = 32;

  Rcode rcode = Rcode::noerror;
  bool authoritative = false;
  Few<Item, cname_chain_max + 1> answer;
  Few<Item, 1> authority;
  Few<Item, glue_max> additional;
  EdnsAnswer edns;                    ///< said only to those who sent an OPT record
  std::optional<std::uint16_t> room;  ///< the room that was chosen, for counters
};

/// Decides the answer. Pure, no allocation.
///  1. What `query.problem` names is answered with that. Classes other than IN, and zone
///     transfers, are REFUSED; query types that are not of data (RFC 6895 s3.1) are NOTIMP, or
///     FORMERR where their RFC says so (OPT, and NXNAME by RFC 9824 s3.4).
///  2. Names outside of all zones: REFUSED, with the extended error Not Authoritative.
///  3. Zone data as RFC 1034 s4.3.2 says, negative answers with the SOA (RFC 2308). ANY gets one
///     HINFO (RFC 8482 s4.2). No additional data but glue (RFC 9471), which is never steered.
///  4. CNAMEs are followed inside their zone, at most cname_chain_max of them, and never on to a
///     steered name: the address behind it would tie the whole chain to the client (RFC 7871
///     s7.2.1).
///  5. A or AAAA of a steered name: the addresses of the view's room. Before the first round of
///     probes is over: SERVFAIL, with the extended error Not Ready. All else about it, and every
///     negative answer, is the same for everybody: scope 0 (RFC 7871 s7.4).
Answer make_answer(const Query& query, const Snapshot& snapshot, const Address& asker);

}  // namespace hither::dns
