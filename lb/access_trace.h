// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string_view>

#include "lb/access_record.h"

namespace hither::lb {

/// Collects what the access log will say about a request while the request runs. Holds nothing and
/// costs a branch per event where there is no sink. A plain value with one owner; told every
/// instant.
class AccessTrace {
 public:
  /// `sink` may be null, or must outlive it.
  AccessTrace(AccessSink* sink, const Address& client) : sink_(sink), client_(client) {}

  /// The first byte of a request came (or the connection, in TCP mode).
  void begin(Instant now);
  /// Its head is read.
  void head(std::string_view method, std::string_view path, std::string_view id, Instant now);
  void picked(std::string_view server, Instant now);
  void retried();
  void connected(Instant now);
  void answered(int status, Instant now);  ///< the head of the response is read, or ours written
  void received(std::uint64_t bytes);      ///< in all, so far
  void sent(std::size_t bytes);
  /// Why it ends, if not by going well. The first word stands.
  void fault(EndReason reason);
  /// Ends it: the record goes to the sink. Nothing if none has begun.
  void finish(Instant now);

  bool running() const { return notes_ != nullptr && notes_->running; }

 private:
  struct Notes {
    AccessRecord record;
    Instant began{};
    Instant last{};  ///< the end of the step before
    bool running = false;
  };

  AccessSink* sink_;
  Address client_;
  std::unique_ptr<Notes> notes_;  ///< made with the first request
};

}  // namespace hither::lb
