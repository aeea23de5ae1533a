// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/log.h"
#include "base/ring.h"
#include "dns/answer.h"
#include "dns/ecs.h"
#include "dns/name.h"
#include "dns/types.h"

namespace hither::dns {

/// The sample of queries that is logged (dns.query_log). A data thread notes one query in so many
/// as a plain value; the control thread takes the values now and then and writes the lines. In
/// between lies a ring of fixed size: neither ever waits for the other, and what does not fit is
/// dropped by the data thread, which counts it.

/// One query and what became of it. Some 350 octets; owns nothing.
struct QueryRecord {
  Address client;
  std::optional<ClientSubnet> subnet;
  std::uint8_t scope = 0;     ///< for `subnet`
  bool has_question = false;  ///< `name`, `type` and `class_of` were read
  Name name;
  Type type = Type::a;
  Class class_of = Class::in;
  Rcode rcode = Rcode::noerror;
  Transport transport = Transport::udp;
  std::uint16_t size = 0;  ///< of the answer, in octets; 0: a rate limit made it silence
  Few<std::uint16_t, topology::answers_max> rooms;  ///< that were named, as Snapshot::slot_of
};

/// `query client=192.0.2.53 subnet=10.3.0.0/16 scope=16 name=www.example.test. type=A rcode=NOERROR
/// rooms=nrt transport=udp size=71`. Left out: what the query did not have; class where it is IN;
/// rooms where none was named. rcode=none: no answer was sent. `rooms` are the names by slot.
LogRecord to_log(const QueryRecord& record, const std::vector<std::string>& rooms);

/// From a data thread to the control thread.
class QueryRing : public Ring<QueryRecord> {
 public:
  static constexpr std::size_t capacity = 1024;  ///< records that wait, at most
  QueryRing() : Ring(capacity) {}
};

/// The log of one data thread. Everything is for that thread but take().
class QueryLog {
 public:
  /// Log one in `one_in` from now on, 0: none. The first time that some are wanted the ring is
  /// made, so this may allocate; it stays until the end, because the other thread may be reading.
  void set_one_in(int one_in);
  /// Counts a query; true: note it. The last of every `one_in`, so 1 is every query.
  bool due() {
    if (one_in_ == 0 || ++counted_ < one_in_) return false;
    counted_ = 0;
    return true;
  }
  /// Precondition: due() was true. False: there was no room for it.
  bool add(const QueryRecord& record) { return made_->push(record); }

  /// The oldest that waits. One other thread.
  std::optional<QueryRecord> take();

 private:
  int one_in_ = 0;
  int counted_ = 0;
  std::unique_ptr<QueryRing> made_;
  std::atomic<QueryRing*> ring_{nullptr};  ///< made_, for the other thread
};

}  // namespace hither::dns
