// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>

#include "dns/responder.h"
#include "io/socket.h"
#include "io/udp_socket.h"

namespace hither::dns {

/// One thread that answers one UDP socket and does nothing else, so that it may wait in the read
/// itself: two system calls a batch, however small. It has a responder and counters of its own and
/// shares nothing but the immutable snapshot. Made, started, published to and destroyed by others.
class UdpThread {
 public:
  UdpThread(io::Fd socket, const Endpoint& endpoint, std::shared_ptr<const Snapshot> snapshot);
  ~UdpThread();
  UdpThread(const UdpThread&) = delete;
  UdpThread& operator=(const UdpThread&) = delete;

  void start();
  /// Waits for packets, at most for UdpSocket::patience, and answers one batch: what the thread
  /// does again and again, and who has not called start() may do in its place. Nothing is allocated
  /// unless there is a new snapshot.
  void turn();
  /// Stops it and waits for it; what it counted and noted stays readable.
  void stop();
  /// From the next batch on this snapshot is answered from; the one before is let go of then, or
  /// soon if nobody asks (UdpSocket::patience). Any thread.
  void publish(std::shared_ptr<const Snapshot> snapshot);
  /// Any thread may read them.
  const Counters& counters() const { return responder_.counters(); }
  /// One other thread may take from it.
  QueryLog& query_log() { return responder_.query_log(); }

 private:
  void run();
  void take_snapshot();
  void answer(std::size_t count);

  io::UdpSocket socket_;
  Responder responder_;
  std::atomic<bool> stopped_ = false;
  std::atomic<bool> posted_ = false;  ///< next_ is newer than the responder's
  std::mutex mutex_;
  std::shared_ptr<const Snapshot> next_;  ///< guarded by mutex_
  std::jthread thread_;
};

}  // namespace hither::dns
