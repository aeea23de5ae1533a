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

/// A list in place, of at most `max` items: answers are made without allocation. Places behind
/// size() hold nothing that may be read.
template <class T, std::size_t max>
class Few {
 public:
  void push_back(const T& item) {
    ASSERT(size_ < max);
    items_[size_++] = item;
  }
  bool full() const { return size_ == max; }
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  const T& operator[](std::size_t index) const { return items_[index]; }
  std::span<const T> all() const { return {items_.data(), size_}; }

 private:
  std::array<T, max> items_;
  std::size_t size_ = 0;
};

/// Where in the message the name stands that owns a set: the question, or the name that the data of
/// an item written before begins with (a CNAME's target, a delegation's server), from octet `start`
/// of it on.
struct Owner {
  enum class In : std::uint8_t { question, answer, authority };

  In in;
  std::uint8_t start;    ///< octets left out in front
  std::uint8_t size;     ///< of the name from there on
  std::uint8_t item;     ///< of the section; not for the question
  std::uint16_t record;  ///< of that item's set
};

/// One RRset of an answer, or a part of one. The set is borrowed from the snapshot or a constant.
struct Item {
  Owner owner;
  const RrSet* set;  ///< nullptr: the CNAME that a DNAME makes, to Answer::synthesized
  std::uint32_t ttl;
  bool continues;            ///< belongs to the set of the item before: both are written or none
  std::uint8_t synthesized;  ///< index, where `set` is nullptr
};

/// What goes into which section, with which flags: query and view -> answer. Valid as long as the
/// query and the snapshot it was made from.
struct Answer {
  /// Every DNAME on the way adds two items.
  static constexpr std::size_t answers_max = 2 * cname_chain_max + 2;

  Rcode rcode = Rcode::noerror;
  bool authoritative = false;
  Few<Item, answers_max> answer;
  Few<Item, 1> authority;
  Few<Item, glue_max> additional;
  Few<Name, cname_chain_max + 1> synthesized;       ///< targets of CNAMEs that no zone has
  EdnsAnswer edns;                                  ///< said only to those who sent an OPT record
  Few<std::uint16_t, topology::answers_max> rooms;  ///< that were chosen, for counters
};

/// Decides the answer. Pure, no allocation.
///  1. What `query.problem` names is answered with that. Classes other than IN are
///     REFUSED, and so are zone transfers, which are not asked here (dns/transfer.h); query types
///     that are not of data (RFC 6895 s3.1) are NOTIMP, or FORMERR where their RFC says so (OPT,
///     and NXNAME by RFC 9824 s3.4).
///  2. Names outside of all zones: REFUSED, with the extended error Not Authoritative.
///  3. Zone data as RFC 1034 s4.3.2 says, negative answers with the SOA (RFC 2308). ANY gets one
///     HINFO, or the CNAME that is there (RFC 8482 s4.2). No additional data but glue (RFC 9471),
///     which is never steered.
///  4. CNAMEs are followed inside their zone, at most cname_chain_max of them and none twice, and
///     never on to a steered name: the address behind it would tie the whole chain to the client
///     (RFC 7871 s7.2.1). A name below a DNAME gets it and the CNAME it makes, which is followed
///     like any other (RFC 6672 s3.1); YXDOMAIN where that would be too long a name.
///  5. A or AAAA of a steered name: the addresses of the view's rooms. Before the first round of
///     probes is over: SERVFAIL, with the extended error Not Ready. All else about it, and every
///     negative answer, is the same for everybody: scope 0 (RFC 7871 s7.4).
Answer make_answer(const Query& query, const Snapshot& snapshot, const Address& asker);

}  // namespace hither::dns
