// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "topology/description.h"

namespace hither::dns {

/// What was said on the command line or in the environment, as text; empty: not said.
struct Flags {
  std::string topology;      ///< HITHER_TOPOLOGY: path of the description
  std::string listen;        ///< HITHER_DNS_LISTEN: "127.0.0.1:5300", several with commas
  std::string host;          ///< HOST: with PORT, where platforms say where to listen
  std::string port;          ///< PORT
  std::string admin_listen;  ///< HITHER_ADMIN_LISTEN
  std::string threads;       ///< HITHER_THREADS
  std::string node;          ///< HITHER_NODE
  std::string overrides;     ///< HITHER_OVERRIDES: path of the overrides file
  std::string state;  ///< HITHER_STATE: the folder of that file, where it is not named itself
};

/// What this program runs by: the description, and what the environment puts over it. Never changed
/// once it is made.
struct Settings {
  static constexpr int threads_max = 256;

  topology::Description description;
  std::vector<Endpoint> listen;
  Endpoint admin;
  int threads = 1;
  std::string node;       ///< what the server calls itself; empty: the host's name
  std::string overrides;  ///< path; empty: nobody overrides anything
};

/// HITHER_DNS_LISTEN wins over HOST and PORT, which win over the description; HOST alone says
/// nothing, PORT alone listens on 127.0.0.1. As many threads as `cores` if nobody says. The
/// description's dns.listen becomes what is listened on, so that a made-up zone names these
/// addresses. Every mistake is added to `mistakes` as one line; then there are no settings.
std::optional<Settings> make_settings(const Flags& flags, const topology::Description& description,
                                      int cores, std::vector<Error>& mistakes);

}  // namespace hither::dns
