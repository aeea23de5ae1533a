// SPDX-License-Identifier: Apache-2.0
#include "tools/cmd_upgrade.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/text.h"
#include "io/admin.h"
#include "io/clock.h"
#include "io/http_client.h"
#include "tools/ask_world.h"
#include "tools/state_folder.h"

namespace hither::tools {
namespace {

using Json = nlohmann::ordered_json;

/// Longer than a supervisor lets a successor try.
constexpr Duration patience = std::chrono::seconds(30);
constexpr int ask_again_ms = 20;

/// The process that balances a room, or none.
std::optional<Json> balancer_of(const Json& world, const std::string& room) {
  for (const Json& process : world["processes"]) {
    if (process["name"] == room + "/balancer") return process;
  }
  return std::nullopt;
}

std::vector<std::string> local_rooms(const Json& world) {
  std::vector<std::string> rooms;
  for (const Json& room : world["rooms"]) {
    if (room.value("local", false)) rooms.push_back(room["name"]);
  }
  return rooms;
}

int refuse(const std::string& why) {
  fmt::print(stderr, "hither: {}\n", why);
  return 2;
}

/// Waits for what becomes of it.
int wait_for(const std::string& world, const std::string& room, const Json& before) {
  const Instant until = io::monotonic_now() + patience;
  while (io::monotonic_now() < until) {
    poll(nullptr, 0, ask_again_ms);
    const auto status = ask_world(world);
    if (!status) return complain(status.error());
    const auto now = balancer_of(*status, room);
    if (!now) return refuse(fmt::format("room {} has no balancer any more", room));
    const Json& upgrade = (*now)["upgrade"];
    if (upgrade["done"] > before["upgrade"]["done"]) {
      fmt::print("{}: pid {} took over from {} after {:.2f} s\n", room, (*now)["pid"].get<int>(),
                 before["pid"].get<int>(), (*now)["ready_after_s"].get<double>());
      return 0;
    }
    if (upgrade["failed"] > before["upgrade"]["failed"]) {
      fmt::print(stderr, "hither: {}: the new process did not take over: {}; pid {} serves on\n",
                 room, upgrade["error"].get<std::string>(), (*now)["pid"].get<int>());
      return 1;
    }
    if ((*now)["pid"] != before["pid"]) {
      fmt::print(stderr, "hither: {}: pid {} ended during the upgrade; pid {} is in its place\n",
                 room, before["pid"].get<int>(), (*now)["pid"].get<int>());
      return 1;
    }
  }
  fmt::print(stderr, "hither: {}: the supervisor does not say what became of it\n", room);
  return 1;
}

int upgrade(const std::string& world, const std::string& socket, const std::string& room) {
  const auto status = ask_world(world);
  if (!status) return complain(status.error());
  const auto before = balancer_of(*status, room);
  if (!before) {
    return refuse(fmt::format("there is no balancer of a room '{}' in this world; the rooms are {}",
                              room, join_words(local_rooms(*status))));
  }
  const io::HttpReply reply = io::fetch_now({.target = socket,
                                             .method = "POST",
                                             .path = "/upgrade?room=" + io::encode_url(room),
                                             .timeout = patience});
  if (reply.status != 202) {
    const std::string why = reply.status == 0 ? reply.error : reply.body;
    return refuse(why.substr(0, why.find('\n')));
  }
  return wait_for(world, room, *before);
}

}  // namespace

int cmd_upgrade(const std::string& world, const std::vector<std::string>& rooms) {
  const auto socket = find_world(world);
  if (!socket) return complain(socket.error());
  std::vector<std::string> all = rooms;
  if (all.empty()) {
    const auto status = ask_world(world);
    if (!status) return complain(status.error());
    all = local_rooms(*status);
  }
  int worst = 0;
  for (const std::string& room : all) worst = std::max(worst, upgrade(world, *socket, room));
  return worst;
}

}  // namespace hither::tools
