// SPDX-License-Identifier: Apache-2.0
#include "tools/ask_world.h"

#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "io/http_client.h"
#include "tools/state_folder.h"

namespace hither::tools {

Result<nlohmann::ordered_json> ask_world(const std::string& world) {
  const auto socket = find_world(world);
  if (!socket) return tl::unexpected(socket.error());
  const auto reply = io::fetch_now({.target = *socket, .path = "/status", .timeout = patience});
  auto json = nlohmann::ordered_json::parse(reply.body, nullptr, false);
  if (reply.status != 200 || !json.is_object()) {
    return fail(fmt::format("the supervisor at {} does not answer: {}; start the world again",
                            *socket, reply.error));
  }
  return json;
}

int complain(const Error& error) {
  fmt::print(stderr, "hither: {}\n", error.message);
  return 2;
}

}  // namespace hither::tools
