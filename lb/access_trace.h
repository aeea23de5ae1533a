// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string_view>

#include "lb/access_record.h"
#include "lb/farm.h"
#include "lb/timings.h"

namespace hither::lb {

/// Follows a request (or a connection in TCP mode) while it runs: how long each of its stages took
/// goes into the histograms of its farm and copy, and with a sink everything that the access log
/// will say into a record. Without one it costs a few plain stores per event and allocates nothing.
/// A plain value with one owner; told every instant.
class AccessTrace {
 public:
  /// `times` are those of the farm; `sink` may be null: no access log. Both must outlive it, and
  /// so must the servers of all leases.
  AccessTrace(Timings& times, AccessSink* sink, const Address& client)
      : times_(times), sink_(sink), client_(client) {}

  /// The first byte of a request came.
  void begin(Instant now);
  /// Its head is read.
  void head(std::string_view method, std::string_view path, std::string_view id, Instant now);
  /// In TCP mode, instead of both: the connection is here.
  void begin_connection(Instant now);
  void picked(const Lease& lease, Instant now);
  /// No copy was: it waited in the queue, in vain.
  void waited(Instant now);
  void retried(Instant now);
  /// `opened`: it is a new connection, and not one that was idle.
  void connected(bool opened, Instant now);
  void answered(int status, Instant now);  ///< the head of the server's response is read
  void replied(int status);                ///< the response is ours
  void received(std::uint64_t bytes);      ///< more from the client
  void sent(std::uint64_t bytes);          ///< more to it
  /// Why it ends, if not by going well. The first word stands.
  void fault(EndReason reason);
  /// Ends it: the record goes to the sink. Nothing if none has begun.
  void finish(Instant now);

  bool running() const { return running_; }

 private:
  void measured(Stage stage, Duration took);

  Timings& times_;
  Timings* copy_ = nullptr;  ///< of the server it was given to last
  AccessSink* sink_;
  Address client_;
  std::unique_ptr<AccessRecord> record_;  ///< made with the first request, if there is a sink
  Instant began_{};
  Instant last_{};     ///< the end of the stage before
  Instant attempt_{};  ///< when the present server was asked
  Duration queue_ = not_reached;
  Duration connect_ = not_reached;
  Duration response_ = not_reached;
  bool running_ = false;
  bool read_ = false;  ///< its head was
};

}  // namespace hither::lb
