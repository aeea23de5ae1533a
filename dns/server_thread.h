// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "base/result.h"
#include "dns/responder.h"
#include "dns/server_udp.h"
#include "io/loop.h"
#include "io/socket.h"
#include "io/stream_server.h"

namespace hither::dns {

/// The sockets of one address: UDP and TCP on the same port.
struct ListenSockets {
  Endpoint endpoint;
  io::Fd udp;
  io::Fd tcp;
};

/// How many TCP connections one share of the work has, and how many one client has in all.
struct TcpLimits {
  std::size_t connections_max = 2000;
  io::ClientQuota* quota = nullptr;  ///< shared by all threads; must outlive them
};

/// One share of the work, with sockets of its own on every address (SO_REUSEPORT): a thread with a
/// loop for TCP, and one that waits for packets on each UDP socket. Each has its own responder and
/// counters and shares nothing but the immutable snapshot it is handed. Made, started, published to
/// and destroyed by the main thread.
class ServerThread {
 public:
  ServerThread(std::vector<ListenSockets> sockets, const std::shared_ptr<const Snapshot>& snapshot,
               const TcpLimits& tcp);
  ~ServerThread();
  ServerThread(const ServerThread&) = delete;
  ServerThread& operator=(const ServerThread&) = delete;

  void start();
  /// Stops all its threads and waits for them; what they counted and noted stays readable.
  void stop();
  /// From now on at most so many connections; those beyond go as new ones come. Any thread.
  void limit_tcp(std::size_t connections_max);
  /// From the next batch on this snapshot is answered from. Any thread.
  void publish(std::shared_ptr<const Snapshot> snapshot);
  /// Of all its threads. Any thread may read them.
  std::vector<const Counters*> counters() const;
  /// Any thread may read them.
  const io::StreamCounts& tcp_counts() const { return tcp_.counts(); }
  /// Of all its threads. One other thread may take from them.
  std::vector<QueryLog*> query_logs();

 private:
  io::Loop loop_;
  Responder responder_;
  std::vector<std::byte> scratch_;  ///< for one answer over TCP
  std::vector<std::unique_ptr<UdpThread>> udp_;
  io::StreamServer tcp_;
  std::jthread thread_;
};

}  // namespace hither::dns
