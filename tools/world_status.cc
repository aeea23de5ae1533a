// SPDX-License-Identifier: Apache-2.0
#include "tools/world_status.h"

#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

namespace hither::tools {
namespace {

using Json = nlohmann::ordered_json;

Json process_json(const topology::Process& process, const topology::Supervisor::Status& status,
                  Instant now) {
  Json json = {{"name", process.name},
               {"room", process.room},
               {"farm", process.farm},
               {"copy", process.copy},
               {"state", topology::to_text(status.state)},
               {"since_s", in_seconds(now - status.since)},
               {"pid", status.pid},
               {"restarts", status.restarts},
               {"overdue", status.overdue},
               {"ready_after_s", in_seconds(status.ready_after)},
               {"last_exit", status.last_exit}};
  Json leaving = Json::array();
  for (const topology::Supervisor::Beside& one : status.leaving) {
    leaving.push_back({{"pid", one.pid}, {"since_s", in_seconds(now - one.since)}});
  }
  json["leaving"] = leaving;
  json["upgrade"] = {{"successor", status.successor ? status.successor->pid : 0},
                     {"under_way", status.successor.has_value()},
                     {"done", status.upgrades},
                     {"failed", status.upgrades_failed},
                     {"error", status.upgrade_error}};
  Json listen = Json::array();
  for (const auto& socket : process.listen) {
    listen.push_back(to_text(socket.endpoint) + (socket.udp ? "/udp" : "/tcp"));
  }
  json["listen"] = listen;
  return json;
}

/// Whoever asks may stand in another folder.
std::string absolute(const std::string& file) {
  std::error_code none;
  return file.empty() ? file : std::filesystem::absolute(file, none).string();
}

}  // namespace

std::string world_status(const topology::Description& description,
                         const topology::Supervisor& supervisor, Instant started, Instant now) {
  Json rooms = Json::array();
  for (const topology::Room& room : description.rooms) {
    Json addresses = Json::array();
    for (const Address& address : room.address) addresses.push_back(to_text(address));
    rooms.push_back({{"name", room.name},
                     {"title", room.title},
                     {"address", addresses},
                     {"local", room.local()},
                     {"admin", to_text(description.admin_of(room))}});
  }
  Json processes = Json::array();
  for (std::size_t i = 0; i < supervisor.plan().size(); ++i) {
    processes.push_back(process_json(supervisor.plan()[i], supervisor.status(i), now));
  }
  Json listen = Json::array();
  for (const Endpoint& endpoint : description.dns.listen) listen.push_back(to_text(endpoint));
  const bool stopping = supervisor.stop_requested();
  const Json json = {{"world", description.name},
                     {"file", absolute(description.file)},
                     {"state", stopping               ? "stopping"
                               : supervisor.settled() ? "up"
                                                      : "starting"},
                     {"since_s", in_seconds(now - started)},
                     {"pid", getpid()},
                     {"dns", {{"listen", listen}, {"admin", to_text(description.dns_admin())}}},
                     {"rooms", rooms},
                     {"processes", processes}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace hither::tools
