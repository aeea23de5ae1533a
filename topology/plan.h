// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/time.h"
#include "topology/description.h"

namespace hither::topology {

/// One process of the world as plain data. Nothing in it is a path of this machine or a time, so
/// the same description gives the same plan, byte for byte.
struct Process {
  enum class Kind { backend, balancer, dns };
  /// How it says that it is ready. Every process may also say READY=1 on $NOTIFY_SOCKET
  /// (sd_notify), which counts at once; a copy that never speaks is asked what its balancer will
  /// ask it.
  struct Ready {
    enum class How { notify, http, tcp, tls };
    How how = How::notify;
    Endpoint endpoint;
    HealthRule rule;                        ///< of a copy; its kind is `how`
    SendProxy send_proxy = SendProxy::off;  ///< of a copy: what it is asked begins with this header
    Duration timeout = std::chrono::seconds(10);
  };
  /// A socket it will listen on, to say before anything is started that a port is taken.
  struct Listen {
    Endpoint endpoint;
    bool udp = false;
    Position where;  ///< the key that chose the port
  };

  std::string name;  ///< "fra/web-1", "fra/balancer", "dns"
  Kind kind = Kind::backend;
  std::string room;  ///< empty for the DNS
  std::string farm;  ///< of a backend
  int copy = 0;      ///< of a backend, from 1
  std::vector<std::string> argv;
  std::vector<std::string> environment;  ///< "KEY=value", sorted
  std::vector<std::string> after;        ///< names that should be ready before it starts
  Ready ready;
  std::vector<Listen> listen;
  Position where;  ///< of its command, or of what made it
};

/// The processes of the world in start order: each room's copies, its balancer, and the DNS last.
/// Rooms that run elsewhere (Room::local() is false) have none.
std::vector<Process> make_plan(const Description& description);

/// Where copy `copy` (from 1) of a farm listens in a local world. Shared with the balancer, which
/// finds its servers by it. Precondition: the room is local and has that farm.
Endpoint endpoint_of_copy(const Description& description, const Room& room, const Farm& farm,
                          int copy);

/// The range of ports that copies get in a local world, nobody else's on any address; nullopt if no
/// local room starts copies. A description without mistakes has last <= 65535.
struct CopyPorts {
  int first = 0;
  int last = 0;
};
std::optional<CopyPorts> ports_of_copies(const Description& description);

/// One process a line: name, what it waits for, where it listens, environment and command.
std::string to_text(const std::vector<Process>& plan);
/// The same as JSON.
std::string to_json(const std::vector<Process>& plan);

}  // namespace hither::topology
