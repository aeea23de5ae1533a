// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "dns/room_watch.h"
#include "dns/server_load.h"
#include "dns/server_thread.h"
#include "dns/settings.h"
#include "dns/share_control.h"
#include "dns/status.h"
#include "io/admin.h"
#include "io/http_client.h"
#include "io/loop.h"

namespace hither::dns {

/// The driver of hither-dns. Its own (main) thread probes the rooms and serves the status pages;
/// data threads answer queries. It listens from the first moment, so that a port in use is found at
/// once and static names are answered; steered names are SERVFAIL (Not Ready) until every room was
/// probed once, and only then does the program say that it is ready.
class Server {
 public:
  /// `loop` and `settings` must outlive it.
  Server(io::Loop& loop, const Settings& settings, Loaded loaded);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Opens all sockets; nothing is answered yet. The error is one line with its cure.
  [[nodiscard]] Result<void> listen();
  /// Starts the data threads and the probes. Then run the loop.
  void start();

  /// Where it listens, ports chosen by the kernel filled in.
  const std::vector<Endpoint>& endpoints() const { return endpoints_; }
  const Endpoint& admin_endpoint() const { return admin_endpoint_; }

 private:
  [[nodiscard]] Result<std::vector<ListenSockets>> open_sockets();
  void add_pages();
  void probe_due_rooms();
  void on_reply(std::uint16_t room, const io::HttpReply& reply);
  void publish();
  StatusInput status_input() const;
  io::Page explain_page(const io::PageRequest& request) const;

  io::Loop& loop_;
  const Settings& settings_;
  Loaded loaded_;
  Instant started_;
  RoomWatch watch_;
  ShareControl share_control_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::vector<Endpoint> endpoints_;
  Endpoint admin_endpoint_;
  io::ClientQuota tcp_quota_;
  std::vector<std::unique_ptr<ServerThread>> threads_;
  std::vector<const Counters*> counters_;
  io::AdminServer admin_;
  std::vector<std::unique_ptr<io::HttpFetch>> probes_;  ///< by room, while one is on its way
  io::Timer probe_timer_;
  io::Timer share_timer_;  ///< for what moves though no room changes
};

}  // namespace hither::dns
