// SPDX-License-Identifier: Apache-2.0
#include "tools/cmd_status.h"

#include <fmt/format.h>

#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/text.h"
#include "io/http_client.h"
#include "tools/ask_world.h"
#include "tools/console.h"
#include "tools/farm_note.h"

namespace hither::tools {
namespace {

using Json = nlohmann::ordered_json;
using Row = std::vector<std::string>;

/// What was asked of whom; null where nobody answered.
struct Answers {
  Json dns;
  std::map<std::string, Json> balancers;  // by room
};

/// Asks the DNS and every balancer at once.
Answers ask_all(const Json& world) {
  io::Loop loop;
  Answers answers;
  std::vector<std::unique_ptr<io::HttpFetch>> fetches;
  std::size_t left = 0;
  const auto ask = [&](const std::string& admin, Json& into) {
    const auto endpoint = parse_endpoint(admin);
    if (!endpoint) return;
    ++left;
    fetches.push_back(std::make_unique<io::HttpFetch>(
        loop,
        io::HttpRequest{.target = *endpoint, .path = "/status", .timeout = std::chrono::seconds(1)},
        [&](const io::HttpReply& reply) {
          Json json = Json::parse(reply.body, nullptr, false);
          if (reply.status == 200 && json.is_object()) into = std::move(json);
          if (--left == 0) loop.stop();
        }));
  };
  ask(world["dns"]["admin"], answers.dns);
  for (const Json& room : world["rooms"]) ask(room["admin"], answers.balancers[room["name"]]);
  if (left > 0) loop.run();
  return answers;
}

/// The member of a list of objects that has this value under this key, or nullptr.
const Json* find_in(const Json& object, const char* list, const char* key,
                    const std::string& value) {
  if (!object.is_object() || !object.contains(list)) return nullptr;
  for (const Json& item : object[list]) {
    if (item.value(key, "") == value) return &item;
  }
  return nullptr;
}

Duration to_duration(const Json& seconds) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds.get<double>()));
}

std::string rough(const Json& seconds) { return to_rough_text(to_duration(seconds)); }

/// "1.2/14.0", or nothing if there was no request lately.
std::string times_cell(const Json& of, const char* stage) {
  const Json times = of.value("times", Json::object()).value(stage, Json::object());
  if (times.value("count", 0) == 0) return {};
  return fmt::format("{:.1f}/{:.1f}", times["p50_ms"].get<double>(), times["p99_ms"].get<double>());
}

Colour colour_of_status(const std::string& state) {
  if (state == "up" || state == "ready") return Colour::green;
  return state == "down" || state == "backoff" || state == "stopped" ? Colour::red : Colour::yellow;
}

class Table {
 public:
  Table(const Json& world, const Answers& answers, bool colour)
      : world_(world), answers_(answers), colour_(colour) {
    rows_.push_back({"NAME", "STATE", "FOR", "PID", "RESTARTS", "LOAD", "MS P50/P99", "NOTE"});
    for (std::string& cell : rows_.back()) cell = paint(cell, Colour::bold, colour_);
  }

  std::string text() {
    for (const Json& process : world_["processes"]) {
      if (process["room"] == "") add_dns(process);
    }
    for (const Json& room : world_["rooms"]) add_room(room);
    return format_table(rows_);
  }

 private:
  std::string state_cell(const std::string& state) const {
    return paint(state, colour_of_status(state), colour_);
  }

  Row process_row(const Json& process, const std::string& name) const {
    const int pid = process["pid"];
    std::string note;
    if (process["state"] != "ready" && process["last_exit"] != "") note = process["last_exit"];
    if (process["overdue"].get<bool>()) note = "not ready in time";
    return {name,
            state_cell(process["state"]),
            rough(process["since_s"]),
            pid == 0 ? "-" : std::to_string(pid),
            std::to_string(process["restarts"].get<int>()),
            "",
            "",
            note};
  }

  void add_dns(const Json& process) {
    Row row = process_row(process, process["name"]);
    std::string listen;
    for (const Json& endpoint : world_["dns"]["listen"]) {
      listen += (listen.empty() ? "" : ", ") + endpoint.get<std::string>();
    }
    if (answers_.dns.is_object()) {
      row[5] = fmt::format("{} queries", answers_.dns.value("queries", std::uint64_t{0}));
    }
    row[7] = row[7].empty() ? listen : row[7];
    rows_.push_back(std::move(row));
  }

  /// The room as the DNS sees it: a row per farm.
  void add_room(const Json& room) {
    const std::string name = room["name"];
    const Json* seen = find_in(answers_.dns, "rooms", "room", name);
    std::string where = room["title"];
    for (const Json& address : room["address"]) where += " " + address.get<std::string>();
    if (seen == nullptr || (*seen)["farms"].empty()) {
      rows_.push_back({name, state_cell("unknown"), "", "", "", "", "", where});
    } else {
      for (const Json& farm : (*seen)["farms"]) rows_.push_back(farm_row(*seen, farm, where));
    }
    for (const Json& process : world_["processes"]) {
      if (process["room"] == name) add_process_of_room(process);
    }
  }

  Row farm_row(const Json& room, const Json& farm, const std::string& where) const {
    FarmSeen seen{.state = farm["state"],
                  .measured = farm.value("measured", ""),
                  .reason = farm["reason"],
                  .override = std::nullopt,
                  .held = farm.value("held", false),
                  .thin = farm.value("thin", false),
                  .usable = farm.value("usable", std::int64_t{0}),
                  .copies = farm.value("copies", std::int64_t{0}),
                  .drained = farm.value("drained", 0.0),
                  .shed = farm.value("shed", 0.0),
                  .named_for = to_duration(room.value("named_for_s", Json(0.0)))};
    if (farm.contains("override") && farm["override"].is_object()) {
      seen.override = farm["override"].value("reason", "");
    }
    return {fmt::format("{} {}", room["room"].get<std::string>(), farm["farm"].get<std::string>()),
            state_cell(seen.state),
            rough(farm["since_s"]),
            "",
            "",
            fmt::format("{}/{}", farm["load"].get<std::int64_t>(),
                        farm["capacity"].get<std::int64_t>()),
            times_of(room["room"], farm["farm"]),
            farm_note(seen, where)};
  }

  /// From the first byte of a request to its end, as the balancer of that room measured.
  std::string times_of(const std::string& room, const std::string& farm_name) const {
    const auto balancer = answers_.balancers.find(room);
    if (balancer == answers_.balancers.end()) return {};
    const Json* farm = find_in(balancer->second, "farms", "farm", farm_name);
    return farm == nullptr ? "" : times_cell(*farm, "total");
  }

  void add_process_of_room(const Json& process) {
    const std::string name = process["name"];
    const std::string short_name = name.substr(name.find('/') + 1);
    Row row = process_row(process, "  " + short_name);
    const Json* farm =
        find_in(answers_.balancers.at(process["room"]), "farms", "farm", process["farm"]);
    const Json* server = farm == nullptr ? nullptr : find_in(*farm, "servers", "name", short_name);
    if (server != nullptr && process["state"] == "ready") {
      // Ready is what it said itself; up or down is what its balancer finds.
      row[1] = state_cell((*server)["state"]);
      row[2] = rough((*server)["since_s"]);
      row[5] = std::to_string((*server)["in_flight"].get<std::int64_t>());
      row[6] = times_cell(*server, farm->value("mode", "") == "tcp" ? "connect" : "response");
      if ((*server)["state"] != "up") {
        row[7] = server->value("last_failure", "");
      } else if (server->value("held", false)) {
        row[7] = fmt::format("held up by the guard: {}", server->value("last_failure", ""));
      } else if (const Json outlier = server->value("outlier", Json::object());
                 outlier.value("standing", "good") != "good") {
        // Its probes pass, but its answers failed.
        row[1] = state_cell(outlier["standing"]);
        row[7] = outlier.value("reason", "");
      }
    } else if (server != nullptr && process["overdue"].get<bool>()) {
      // Its balancer asks as the supervisor does, and says what is wrong with the answers.
      const std::string failure = server->value("last_failure", "");
      if (!failure.empty()) row[7] += ": " + failure;
    }
    rows_.push_back(std::move(row));
    for (const Json& one : process.value("leaving", Json::array())) {
      rows_.push_back({"  " + short_name, state_cell("leaving"), rough(one["since_s"]),
                       std::to_string(one["pid"].get<int>()), "", "", "",
                       "its clients leave; another took its place"});
    }
  }

  const Json& world_;
  const Answers& answers_;
  bool colour_;
  std::vector<Row> rows_;
};

}  // namespace

int cmd_status(const std::string& world, bool json) {
  auto status = ask_world(world);
  if (!status) return complain(status.error());
  const Answers answers = ask_all(*status);
  if (json) {
    (*status)["dns"]["status"] = answers.dns;
    for (Json& room : (*status)["rooms"]) room["balancer"] = answers.balancers.at(room["name"]);
    fmt::print("{}\n", status->dump(2));
    return 0;
  }
  fmt::print("{} is {} for {} (supervisor pid {}, {})\n\n", (*status)["world"].get<std::string>(),
             (*status)["state"].get<std::string>(), rough((*status)["since_s"]),
             (*status)["pid"].get<int>(), (*status)["file"].get<std::string>());
  fmt::print("{}", Table(*status, answers, wants_colour(stdout)).text());
  return 0;
}

}  // namespace hither::tools
