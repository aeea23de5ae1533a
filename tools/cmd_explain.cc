// SPDX-License-Identifier: Apache-2.0
#include "tools/cmd_explain.h"

#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/text.h"
#include "io/admin.h"
#include "io/http_client.h"
#include "tools/ask_world.h"
#include "tools/console.h"

namespace hither::tools {
namespace {

using Json = nlohmann::ordered_json;

std::string join(const Json& list) {
  std::string text;
  for (const Json& item : list) text += (text.empty() ? "" : ", ") + item.get<std::string>();
  return text;
}

/// "133.11.0.0/16 in JP at 36.0, 138.0 (builtin 2026-06-17)".
std::string network_line(const Json& network) {
  if (network.is_null()) return "nobody knows where that is: the rooms are tried in file order";
  std::string text = network["block"];
  if (const std::string title = network["title"]; !title.empty()) text += ", " + title;
  if (const std::string country = network["country"]; !country.empty()) text += " in " + country;
  text += fmt::format(" at {:.1f}, {:.1f}", network["location"][0].get<double>(),
                      network["location"][1].get<double>());
  return text + fmt::format(" (by {})", network["source"].get<std::string>());
}

Colour colour_of(const std::string& state) {
  if (state == "up") return Colour::green;
  return state == "down" ? Colour::red : Colour::yellow;
}

std::vector<std::string> room_row(const Json& room, std::size_t rank, bool colour) {
  const std::string state = room["state"];
  const std::string verdict = room["verdict"];
  const auto since = std::chrono::duration<double>(room["since_s"].get<double>());
  std::string state_cell = paint(state, colour_of(state), colour);
  return {fmt::format("  {}.", rank),
          room["room"],
          room["title"],
          room["km"].is_null() ? "? km" : fmt::format("{} km", room["km"].get<std::int64_t>()),
          state_cell,
          to_rough_text(std::chrono::duration_cast<Duration>(since)),
          fmt::format("{}/{} copies, load {}/{}", room["usable"].get<std::int64_t>(),
                      room["copies"].get<std::int64_t>(), room["load"].get<std::int64_t>(),
                      room["capacity"].get<std::int64_t>()),
          paint(verdict, verdict == "chosen" ? Colour::bold : Colour::dim, colour),
          state == "up" ? "" : room["reason"].get<std::string>()};
}

void print_for_people(const Json& json) {
  const bool colour = wants_colour(stdout);
  std::string answer = join(json["addresses"]);
  if (answer.empty()) answer = json["rcode"];
  std::vector<std::vector<std::string>> facts = {{"answer", paint(answer, Colour::bold, colour)},
                                                 {"client", network_line(json["network"])}};
  if (json["steered"].get<bool>()) {
    facts.push_back({"policy", fmt::format("{}, farm {}", json["policy"].get<std::string>(),
                                           json["farm"].get<std::string>())});
    facts.push_back({"ttl", fmt::format("{}s: {}", json["ttl"].get<std::int64_t>(),
                                        json["ttl_because"].get<std::string>())});
  } else {
    const bool ours = json["rcode"] == "NOERROR" || json["rcode"] == "NXDOMAIN";
    facts.push_back({"policy", ours ? "none: this is zone data, the same for everybody"
                                    : "none: no zone of this server holds that name"});
  }
  const Json& scope = json["scope"];
  facts.push_back({"scope", scope.is_null() ? "everybody gets this answer"
                                            : fmt::format("all of {} gets this answer",
                                                          scope.get<std::string>())});
  fmt::print("{} {} for a client in {}\n", json["name"].get<std::string>(),
             json["type"].get<std::string>(), json["from"].get<std::string>());
  fmt::print("{}", format_table(facts));
  if (json["rooms"].empty()) return;
  std::vector<std::vector<std::string>> rows;
  for (const Json& room : json["rooms"]) rows.push_back(room_row(room, rows.size() + 1, colour));
  fmt::print("rooms, in the order in which this client should try them:\n{}", format_table(rows));
  if (json["fail_open"].get<bool>()) {
    fmt::print("{}\n",
               paint("no room is up: the first is named all the same", Colour::red, colour));
  }
}

}  // namespace

int cmd_explain(const std::string& world, const std::string& name, const std::string& from,
                bool json) {
  const auto status = ask_world(world);
  if (!status) return complain(status.error());
  const auto admin = parse_endpoint((*status)["dns"]["admin"].get<std::string>());
  if (!admin) return complain(admin.error());
  const auto reply =
      io::fetch_now({.target = *admin,
                     .path = fmt::format("/explain?name={}&from={}", io::encode_url(name),
                                         io::encode_url(from))});
  if (reply.status != 200) {
    const Json refusal = Json::parse(reply.body, nullptr, false);
    const std::string text =
        refusal.is_object() ? refusal.value("error", "") : std::string(trim(reply.body));
    return complain(Error{reply.status == 0
                              ? fmt::format("the DNS at {} does not answer: {}; see hither status",
                                            to_text(*admin), reply.error)
                              : text});
  }
  if (json) {
    fmt::print("{}\n", trim(reply.body));
    return 0;
  }
  const Json explanation = Json::parse(reply.body, nullptr, false);
  if (!explanation.is_object()) return complain(Error{"the DNS sent something that is not JSON"});
  print_for_people(explanation);
  return 0;
}

}  // namespace hither::tools
