// SPDX-License-Identifier: Apache-2.0
#include "topology/check_front.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

namespace hither::topology {
namespace {

using Mistakes = std::vector<Mistake>;

void check_names(const Farm& farm, Mistakes& mistakes) {
  if (!farm.server_names.empty() && farm.mode == Mode::http) {
    mistakes.push_back({farm.where_server_names,
                        fmt::format("server_names are for TLS that passes through, and farm '{}' "
                                    "has mode \"http\"; write mode = \"tcp\"",
                                    farm.name)});
  }
}

void check_send_proxy(const Farm& farm, Mistakes& mistakes) {
  if (farm.send_proxy == SendProxy::off || farm.mode == Mode::tcp) return;
  mistakes.push_back({farm.where_send_proxy,
                      fmt::format("send_proxy is for mode \"tcp\"; the copies of farm '{}' find "
                                  "the client in X-Forwarded-For",
                                  farm.name)});
}

/// Farms of one port take the same clients until their names are read.
void check_same_port(const Room& room, Mistakes& mistakes) {
  std::map<std::uint16_t, const Farm*> first_of;
  std::map<std::pair<std::uint16_t, std::string>, const Farm*> taken;
  for (const Farm& farm : room.farms) {
    const Farm& first = *first_of.try_emplace(farm.port, &farm).first->second;
    if (first.accept_proxy != farm.accept_proxy) {
      mistakes.push_back(
          {farm.where_accept_proxy,
           fmt::format("farms '{}' and '{}' share port {}, and only one of them demands a PROXY "
                       "header; write the same accept_proxy in both",
                       first.name, farm.name, farm.port)});
    }
    for (const std::string& name : farm.server_names) {
      const auto [other, fresh] = taken.try_emplace({farm.port, name}, &farm);
      if (fresh || other->second == &farm) continue;
      mistakes.push_back(
          {farm.where_server_names,
           fmt::format("farms '{}' and '{}' share port {}, and both are for '{}'; take it out of "
                       "one",
                       other->second->name, farm.name, farm.port, name)});
    }
  }
}

}  // namespace

bool can_share_port(const Farm& one, const Farm& other) {
  if (one.mode != Mode::tcp || other.mode != Mode::tcp) return false;
  return !one.server_names.empty() || !other.server_names.empty();
}

void check_front(const Description& description, std::vector<Mistake>& mistakes) {
  // None of these keys can be a room's own, so one room tells all.
  if (description.rooms.empty()) return;
  const Room& room = description.rooms.front();
  for (const Farm& farm : room.farms) {
    check_names(farm, mistakes);
    check_send_proxy(farm, mistakes);
  }
  check_same_port(room, mistakes);
}

}  // namespace hither::topology
