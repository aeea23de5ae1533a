// SPDX-License-Identifier: Apache-2.0
#include "topology/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/assert.h"
#include "base/text.h"

namespace hither::topology {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::ordered_json;

constexpr Duration balancer_ready_timeout = 10s;
constexpr Duration dns_ready_timeout = 15s;

/// The key that chose something, or what it is about if it was left at its default.
Position first_of(const Position& chosen, const Position& otherwise) {
  return chosen.line > 0 ? chosen : otherwise;
}

/// Farms of local rooms that hither starts itself. Copies are dealt to them in turn: the first copy
/// of each, then the second of each. So a change in one farm's number of copies moves no other
/// port.
int number_of_started_farms(const Description& description, const Room* before_room,
                            std::string_view before_farm) {
  int number = 0;
  for (const Room& room : description.rooms) {
    if (!room.local()) continue;
    for (const Farm& farm : room.farms) {
      if (&room == before_room && farm.name == before_farm) return number;
      if (farm.servers.empty()) ++number;
    }
  }
  return number;
}

std::string copy_name(const Room& room, const Farm& farm, int copy) {
  return fmt::format("{}/{}-{}", room.name, farm.name, copy);
}

Process::Ready::How how_of(HealthRule::Kind kind) {
  switch (kind) {
    case HealthRule::Kind::http:
      return Process::Ready::How::http;
    case HealthRule::Kind::tcp:
      return Process::Ready::How::tcp;
    case HealthRule::Kind::tls:
      return Process::Ready::How::tls;
  }
  return Process::Ready::How::tcp;
}

Process backend(const Description& description, const Room& room, const Farm& farm, int copy) {
  const Endpoint endpoint = endpoint_of_copy(description, room, farm, copy);
  std::map<std::string, std::string> environment = {
      {"HITHER_COPY", std::to_string(copy)},
      {"HITHER_FARM", farm.name},
      {"HITHER_ROOM", room.name},
      {"HITHER_THREADS", "1"},
      {"HOST", to_text(endpoint.address)},
      {"PORT", std::to_string(endpoint.port)},
  };
  for (const auto& [key, value] : farm.environment) environment[key] = value;

  Process process;
  process.name = copy_name(room, farm, copy);
  process.kind = Process::Kind::backend;
  process.room = room.name;
  process.farm = farm.name;
  process.copy = copy;
  process.argv = farm.command;
  for (const auto& [key, value] : environment) {
    process.environment.push_back(fmt::format("{}={}", key, value));
  }
  process.ready = {.how = how_of(farm.health.kind),
                   .endpoint = endpoint,
                   .rule = farm.health,
                   .send_proxy = farm.send_proxy,
                   .timeout = farm.ready_timeout};
  process.listen = {{.endpoint = endpoint,
                     .udp = false,
                     .where = first_of(description.local.where_first_port, farm.where)}};
  process.where = first_of(farm.where_command, farm.where);
  return process;
}

Process balancer(const Description& description, const Room& room,
                 const std::vector<std::string>& after) {
  Process process;
  process.name = room.name + "/balancer";
  process.kind = Process::Kind::balancer;
  process.room = room.name;
  process.argv = {"hither-lb"};
  process.environment = {"HITHER_ROOM=" + room.name, "HITHER_THREADS=1",
                         "HITHER_TOPOLOGY=" + description.file};
  process.after = after;
  process.ready = {.how = Process::Ready::How::notify,
                   .endpoint = description.admin_of(room),
                   .rule = {},
                   .timeout = balancer_ready_timeout};
  for (const Farm& farm : room.farms) {
    for (const Address& address : room.address) {
      process.listen.push_back({{address, farm.port}, false, farm.where_port});
    }
  }
  const Position admin = room.admin ? room.where_admin : description.local.where_admin_port;
  process.listen.push_back({description.admin_of(room), false, first_of(admin, room.where)});
  process.where = room.where;
  return process;
}

Process dns(const Description& description, const std::vector<std::string>& after) {
  Process process;
  process.name = "dns";
  process.kind = Process::Kind::dns;
  process.argv = {"hither-dns"};
  process.environment = {"HITHER_TOPOLOGY=" + description.file};
  process.after = after;
  process.ready = {.how = Process::Ready::How::notify,
                   .endpoint = description.dns_admin(),
                   .rule = {},
                   .timeout = dns_ready_timeout};
  for (const Endpoint& endpoint : description.dns.listen) {
    process.listen.push_back({endpoint, true, description.dns.where_listen});
    process.listen.push_back({endpoint, false, description.dns.where_listen});
  }
  process.listen.push_back({description.dns_admin(), false, description.local.where_admin_port});
  process.where = description.dns.where_listen;
  return process;
}

/// As a shell would read it back.
std::string quoted(const std::string& word) {
  const bool plain = !word.empty() && std::ranges::all_of(word, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_-./:=,@%+").find(c) != std::string_view::npos;
  });
  if (plain) return word;
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

std::string listen_text(const Process& process) {
  std::string text;
  for (const Process::Listen& listen : process.listen) {
    if (!text.empty()) text += ',';
    text += to_text(listen.endpoint) + (listen.udp ? "/udp" : "");
  }
  return text;
}

std::string command_text(const Process& process) {
  std::string text;
  for (const std::string& variable : process.environment) {
    const std::size_t equals = variable.find('=') + 1;
    text += variable.substr(0, equals) + quoted(variable.substr(equals)) + " ";
  }
  for (std::size_t i = 0; i < process.argv.size(); ++i) {
    text += (i > 0 ? " " : "") + quoted(process.argv[i]);
  }
  return text;
}

/// "fra/web-1..3,fra/api-1": names that count up are folded, the rest is as it is.
std::string folded(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size();) {
    const std::size_t dash = names[i].rfind('-') + 1;
    const auto first = parse_number(std::string_view(names[i]).substr(dash));
    std::size_t count = 1;
    while (first && i + count < names.size() &&
           names[i + count] == fmt::format("{}{}", names[i].substr(0, dash), *first + count)) {
      ++count;
    }
    text += (text.empty() ? "" : ",") + names[i];
    if (count > 1) text += fmt::format("..{}", *first + count - 1);
    i += count;
  }
  return text;
}

std::string_view to_word(Process::Kind kind) {
  switch (kind) {
    case Process::Kind::backend:
      return "backend";
    case Process::Kind::balancer:
      return "balancer";
    case Process::Kind::dns:
      return "dns";
  }
  return "";
}

std::string_view to_word(Process::Ready::How how) {
  switch (how) {
    case Process::Ready::How::notify:
      return "notify";
    case Process::Ready::How::http:
      return "http";
    case Process::Ready::How::tcp:
      return "tcp";
    case Process::Ready::How::tls:
      return "tls";
  }
  return "";
}

/// What a copy is asked, as far as it is more than a connect.
void add_question(Json& json, const Process::Ready& ready) {
  const HealthRule& rule = ready.rule;
  if (ready.send_proxy != SendProxy::off) {
    json["send_proxy"] = ready.send_proxy == SendProxy::v1 ? "v1" : "v2";
  }
  if (ready.how != Process::Ready::How::tcp && !rule.host.empty()) json["host"] = rule.host;
  if (ready.how != Process::Ready::How::http) return;
  json["path"] = rule.path;
  json["status"] = Json::array();
  for (const StatusRange& range : rule.status) json["status"].push_back(to_text(range));
  if (!rule.body.empty()) json["body"] = rule.body;
}

Json json_of(const Process& process) {
  Json json = {{"name", process.name}, {"kind", to_word(process.kind)}};
  if (!process.room.empty()) json["room"] = process.room;
  if (!process.farm.empty()) {
    json["farm"] = process.farm;
    json["copy"] = process.copy;
  }
  json["argv"] = process.argv;
  json["environment"] = process.environment;
  json["after"] = process.after;
  json["ready"] = {
      {"how", to_word(process.ready.how)},
      {"endpoint", to_text(process.ready.endpoint)},
      {"timeout_seconds", std::chrono::duration<double>(process.ready.timeout).count()}};
  if (process.ready.how != Process::Ready::How::notify) {
    add_question(json["ready"], process.ready);
  }
  json["listen"] = Json::array();
  for (const Process::Listen& listen : process.listen) {
    json["listen"].push_back(
        {{"endpoint", to_text(listen.endpoint)}, {"transport", listen.udp ? "udp" : "tcp"}});
  }
  return json;
}

}  // namespace

std::optional<CopyPorts> ports_of_copies(const Description& description) {
  const int stride = number_of_started_farms(description, nullptr, "");
  std::optional<CopyPorts> ports;
  int place = 0;
  for (const Room& room : description.rooms) {
    if (!room.local()) continue;
    for (const Farm& farm : room.farms) {
      if (!farm.servers.empty()) continue;
      if (farm.copies > 0) {
        const int first = description.local.first_port;
        const int last = first + (farm.copies - 1) * stride + place;
        ports = {.first = first, .last = std::max(last, ports ? ports->last : 0)};
      }
      ++place;
    }
  }
  return ports;
}

std::vector<Process> make_plan(const Description& description) {
  std::vector<Process> plan;
  std::vector<std::string> balancers;
  for (const Room& room : description.rooms) {
    if (!room.local()) continue;
    std::vector<std::string> copies;
    for (const Farm& farm : room.farms) {
      for (int copy = 1; copy <= farm.copies; ++copy) {
        plan.push_back(backend(description, room, farm, copy));
        copies.push_back(plan.back().name);
      }
    }
    plan.push_back(balancer(description, room, copies));
    balancers.push_back(plan.back().name);
  }
  plan.push_back(dns(description, balancers));
  return plan;
}

Endpoint endpoint_of_copy(const Description& description, const Room& room, const Farm& farm,
                          int copy) {
  ASSERT(copy >= 1 && !room.address.empty());
  const Room* own = description.find_room(room.name);
  ASSERT(own != nullptr);
  const int stride = number_of_started_farms(description, nullptr, "");
  const int place = number_of_started_farms(description, own, farm.name);
  const int port = description.local.first_port + (copy - 1) * stride + place;
  return {room.address.front(), static_cast<std::uint16_t>(port)};
}

std::string to_text(const std::vector<Process>& plan) {
  std::size_t name_width = 0;
  std::size_t listen_width = 0;
  for (const Process& process : plan) {
    name_width = std::max(name_width, process.name.size());
    listen_width = std::max(listen_width, listen_text(process).size());
  }
  std::string text;
  for (const Process& process : plan) {
    text += fmt::format("{:<{}}  {:<{}}  {}", process.name, name_width, listen_text(process),
                        listen_width, command_text(process));
    if (!process.after.empty()) text += "  after " + folded(process.after);
    text += '\n';
  }
  return text;
}

std::string to_json(const std::vector<Process>& plan) {
  Json json = Json::array();
  for (const Process& process : plan) json.push_back(json_of(process));
  // Arguments and variables come from a file that TOML has checked to be UTF-8.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace hither::topology
