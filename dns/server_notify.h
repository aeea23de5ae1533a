// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <memory>
#include <span>

#include "dns/notifier.h"
#include "io/loop.h"
#include "io/socket.h"

namespace hither::dns {

/// Drives the notifier: its sockets, its timer, its log lines. Packets leave from the first address
/// of their family that the server listens on, for secondaries go by it, and from a port of their
/// own. Belongs to the loop's thread.
class NotifySender {
 public:
  /// `loop` must outlive it.
  explicit NotifySender(io::Loop& loop);

  /// What is served from now on, and where.
  void set_zones(const Directory& directory, std::span<const Endpoint> listen);
  const Notifier& notifier() const { return notifier_; }

 private:
  struct Socket {
    io::Fd fd;
    std::unique_ptr<io::FdWatch> watch;
  };

  Socket* socket_for(const Address& to);
  void on_time();
  void on_readable(Socket& socket);
  void write_records();

  io::Loop& loop_;
  Notifier notifier_;
  io::Timer timer_;
  std::vector<Endpoint> listen_;
  std::array<Socket, 2> sockets_;  ///< IPv4 and IPv6, opened when they are first wanted
};

}  // namespace hither::dns
