// SPDX-License-Identifier: Apache-2.0
#include "tools/cmd_explain.h"

#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/text.h"
#include "dns/explain.h"
#include "dns/whatif.h"
#include "io/admin.h"
#include "io/http_client.h"
#include "tools/ask_world.h"
#include "tools/console.h"
#include "tools/load_description.h"
#include "tools/suppose.h"

namespace hither::tools {
namespace {

using Json = nlohmann::ordered_json;

std::string join(const Json& list) {
  std::string text;
  for (const Json& item : list) text += (text.empty() ? "" : ", ") + item.get<std::string>();
  return text;
}

/// "133.11.0.0/16 in JP at 36.0, 138.0 (builtin 2026-06-17)".
std::string network_line(const Json& network, bool file_order) {
  if (network.is_null()) {
    return fmt::format("nobody knows where that is{}",
                       file_order ? ": the rooms are tried as the file lists them" : "");
  }
  std::string text = network["block"];
  if (const std::string title = network["title"]; !title.empty()) text += ", " + title;
  if (const std::string country = network["country"]; !country.empty()) text += " in " + country;
  text += fmt::format(" at {:.1f}, {:.1f}", network["location"][0].get<double>(),
                      network["location"][1].get<double>());
  return text + fmt::format(" (by {})", network["source"].get<std::string>());
}

Colour colour_of_state(const std::string& state) {
  if (state == "up") return Colour::green;
  return state == "down" ? Colour::red : Colour::yellow;
}

/// "9346 km", "95 ms (measured)", and what the bias makes of it.
std::string cost_cell(const Json& room) {
  std::string text = "? km";
  if (!room["km"].is_null()) text = fmt::format("{} km", room["km"].get<std::int64_t>());
  if (!room["rtt_ms"].is_null()) {
    text = fmt::format("{:g} ms measured", room["rtt_ms"].get<double>());
  }
  const bool counts_otherwise = room["bias"] != 0 || !room["rtt_ms"].is_null();
  if (counts_otherwise && !room["cost_km"].is_null()) {
    text += fmt::format(", counts as {} km", room["cost_km"].get<std::int64_t>());
  }
  return text;
}

std::vector<std::string> room_row(const Json& room, std::size_t rank, bool colour) {
  const std::string state = room["state"];
  const std::string verdict = room["verdict"];
  const auto since = std::chrono::duration<double>(room["since_s"].get<double>());
  std::string state_cell = paint(state, colour_of_state(state), colour);
  std::string why = room["note"];
  if (const std::string reason = room["reason"]; state != "up" && !reason.empty()) {
    why += (why.empty() ? "" : "; ") + reason;
  }
  return {fmt::format("  {}.", rank),
          room["room"],
          room["title"],
          cost_cell(room),
          state_cell,
          to_rough_text(std::chrono::duration_cast<Duration>(since)),
          fmt::format("{}/{} copies, load {}/{}", room["usable"].get<std::int64_t>(),
                      room["copies"].get<std::int64_t>(), room["load"].get<std::int64_t>(),
                      room["capacity"].get<std::int64_t>()),
          paint(verdict, verdict == "chosen" ? Colour::bold : Colour::dim, colour),
          why};
}

void print_for_people(const Json& json) {
  const bool colour = wants_colour(stdout);
  std::string answer = join(json["addresses"]);
  if (answer.empty()) answer = json["rcode"];
  std::vector<std::vector<std::string>> facts = {
      {"answer", paint(answer, Colour::bold, colour)},
      {"client", network_line(json["network"], json.value("file_order", false))}};
  if (json["steered"].get<bool>()) {
    facts.push_back({"policy", fmt::format("{}, farm {}", json["policy"].get<std::string>(),
                                           json["farm"].get<std::string>())});
    for (const Json& rule : json["rules"]) facts.push_back({"rule", rule.get<std::string>()});
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
  std::string through;
  if (!json["resolver"].is_null()) through = " that asks " + json["resolver"].get<std::string>();
  fmt::print("{} {} for a client in {}{}\n", json["name"].get<std::string>(),
             json["type"].get<std::string>(), json["from"].get<std::string>(), through);
  fmt::print("{}", format_table(facts));
  if (json["rooms"].empty()) return;
  std::vector<std::vector<std::string>> rows;
  for (const Json& room : json["rooms"]) rows.push_back(room_row(room, rows.size() + 1, colour));
  fmt::print("rooms, in the order in which this client should try them:\n{}", format_table(rows));
  if (json["fail_open"].get<bool>()) {
    fmt::print("{}\n", paint("no room of this client is up: the first is named all the same",
                             Colour::red, colour));
  }
}

/// The answer of the running DNS.
Result<std::string> ask_live(const ExplainOptions& options) {
  const auto status = ask_world(options.world);
  if (!status) return tl::unexpected(status.error());
  const auto admin = parse_endpoint((*status)["dns"]["admin"].get<std::string>());
  if (!admin) return tl::unexpected(admin.error());
  const auto reply = io::fetch_now(
      {.target = *admin,
       .path = fmt::format("/explain?name={}&from={}&type={}&resolver={}",
                           io::encode_url(options.name), io::encode_url(options.from),
                           io::encode_url(options.type), io::encode_url(options.resolver)),
       .timeout = patience});
  if (reply.status == 200) return std::string(trim(reply.body));
  if (reply.status == 0) {
    return fail(fmt::format("the DNS at {} does not answer: {}; see hither status", to_text(*admin),
                            reply.error));
  }
  const Json refusal = Json::parse(reply.body, nullptr, false);
  return fail(refusal.is_object() ? refusal.value("error", "") : std::string(trim(reply.body)));
}

/// The answer that a DNS would give that has just read the file.
Result<std::string> ask_file(const Supposed& supposed, const ExplainOptions& options) {
  const auto question = dns::parse_question({.name = options.name,
                                             .from = options.from,
                                             .type = options.type,
                                             .resolver = options.resolver});
  if (!question) return tl::unexpected(question.error());
  const auto down = rooms_called(supposed.description, options.down);
  if (!down) return tl::unexpected(down.error());
  const dns::Snapshot snapshot{.directory = supposed.loaded.directory,
                               .rooms = dns::supposed_states(supposed.description, *down),
                               .protocol = supposed.loaded.protocol};
  return dns::to_json(dns::explain(snapshot, *supposed.loaded.geography, *question), Instant{});
}

}  // namespace

int cmd_explain(const ExplainOptions& options) {
  Result<std::string> answer = fail("");
  if (options.file.empty()) {
    if (!options.down.empty()) {
      return complain(Error{"--down supposes; write --file FILE to suppose it for a description"});
    }
    answer = ask_live(options);
  } else {
    const auto supposed = suppose_world(options.file);
    if (!supposed) return bad_input;
    answer = ask_file(*supposed, options);
  }
  if (!answer) return complain(answer.error());
  if (options.json) {
    fmt::print("{}\n", *answer);
    return 0;
  }
  const Json explanation = Json::parse(*answer, nullptr, false);
  if (!explanation.is_object()) return complain(Error{"the DNS sent something that is not JSON"});
  print_for_people(explanation);
  return 0;
}

}  // namespace hither::tools
