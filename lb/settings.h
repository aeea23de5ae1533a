// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "topology/description.h"

namespace hither::lb {

/// A farm of our room, and where its servers are: (name, "host:port") pairs.
struct FarmSettings {
  topology::Farm farm;
  std::vector<std::pair<std::string, std::string>> servers;
};

/// The description's part that one balancer needs.
struct Settings {
  std::string room;
  std::vector<Address> listen;  ///< on each of these, every farm's port
  Endpoint admin;
  std::vector<FarmSettings> farms;
  std::vector<Endpoint> resolvers = {};  ///< asked for names; none: those of /etc/resolv.conf
};

/// Takes room `room` out of the description. `admin` is what HITHER_ADMIN_LISTEN says, empty for
/// the description's own place. Fails with the rooms there are if it is none of them.
[[nodiscard]] Result<Settings> make_settings(const topology::Description& description,
                                             const std::string& room, const std::string& admin);

struct HostPort {
  std::string host;
  std::uint16_t port = 0;
};
/// "web.internal:8080" or "[::1]:8080" in its two parts.
[[nodiscard]] Result<HostPort> parse_host_port(std::string_view text);

/// HITHER_RESOLVERS: "10.0.0.2,[fd00::2]:5353", port 53 where none is said; empty means none.
[[nodiscard]] Result<std::vector<Endpoint>> parse_resolvers(std::string_view text);

/// HITHER_THREADS: 1 to 256; empty means 1.
[[nodiscard]] Result<unsigned> parse_threads(std::string_view text);

}  // namespace hither::lb
