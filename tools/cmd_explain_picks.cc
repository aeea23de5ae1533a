// SPDX-License-Identifier: Apache-2.0
#include "tools/cmd_explain_picks.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "base/ip.h"
#include "base/text.h"
#include "io/admin.h"
#include "io/clock.h"
#include "io/http_client.h"
#include "tools/ask_world.h"
#include "tools/console.h"

namespace hither::tools {
namespace {

using Json = nlohmann::ordered_json;
using Row = std::vector<std::string>;

constexpr int nothing_found = 1;
constexpr int nobody_answered = 2;
/// A thousand decisions of twenty copies each.
constexpr std::size_t page_bytes_max = std::size_t{8} * 1024 * 1024;
constexpr auto look_interval = std::chrono::milliseconds(200);

struct Room {
  std::string name;
  Endpoint admin;
};

Result<std::vector<Room>> rooms_of(const Json& world, const std::string& wanted) {
  std::vector<Room> rooms;
  std::vector<std::string> names;
  for (const Json& room : world["rooms"]) {
    names.push_back(room["name"]);
    const auto admin = parse_endpoint(room["admin"].get<std::string>());
    if (admin && (wanted.empty() || wanted == names.back())) {
      rooms.push_back({.name = names.back(), .admin = *admin});
    }
  }
  if (rooms.empty()) {
    return fail(fmt::format("there is no room '{}'; the rooms are {}", wanted, join_words(names)));
  }
  return rooms;
}

/// The page of one balancer.
Result<std::string> ask(const Room& room, const ExplainPicksOptions& options, int record_s) {
  const auto reply =
      io::fetch_now({.target = room.admin,
                     .path = fmt::format("/decisions?farm={}&request={}&last={}&record={}",
                                         io::encode_url(options.farm),
                                         io::encode_url(options.request), options.last, record_s),
                     .timeout = patience,
                     .body_bytes_max = page_bytes_max});
  if (reply.status == 200) return std::string(trim(reply.body));
  if (reply.status == 0) {
    return fail(fmt::format("the balancer of {} at {} does not answer: {}; see hither status",
                            room.name, to_text(room.admin), reply.error));
  }
  return fail(std::string(trim(reply.body)));
}

std::size_t decisions_in(const std::string& page) {
  std::size_t count = 0;
  const Json json = Json::parse(page, nullptr, false);
  if (!json.is_object()) return 0;
  for (const Json& farm : json["farms"]) count += farm["decisions"].size();
  return count;
}

/// What the rooms said. One that is silent keeps nobody from what the others know.
struct PickPages {
  std::vector<Room> rooms;  ///< that answered
  std::vector<std::string> pages;
  std::vector<std::string> failures;  ///< of the others; equal ones once
};

/// Of all rooms; with `record_s`, and has them record everything for so long.
PickPages ask_all(const std::vector<Room>& rooms, const ExplainPicksOptions& options,
                  int record_s) {
  PickPages answers;
  for (const Room& room : rooms) {
    auto page = ask(room, options, record_s);
    if (page) {
      answers.rooms.push_back(room);
      answers.pages.push_back(std::move(*page));
    } else if (std::ranges::find(answers.failures, page.error().message) ==
               answers.failures.end()) {
      answers.failures.push_back(page.error().message);
    }
  }
  return answers;
}

bool any_found(const std::vector<std::string>& pages) {
  for (const std::string& page : pages) {
    if (decisions_in(page) > 0) return true;
  }
  return false;
}

/// Has everything recorded, and comes back when the time is over, or the request was seen. Who is
/// silent at first is not asked again: each time may take as long as our patience.
PickPages watch(const std::vector<Room>& rooms, const ExplainPicksOptions& options) {
  const Instant end = io::monotonic_now() + std::chrono::seconds(options.watch_s);
  PickPages first = ask_all(rooms, options, options.watch_s);
  const std::vector<Room> heard = first.rooms;
  PickPages latest;
  latest.pages = std::move(first.pages);
  while (!heard.empty() && (options.request.empty() || !any_found(latest.pages))) {
    // A command with nothing else to do: it asks several times a second until somebody answers.
    std::this_thread::sleep_for(look_interval);
    latest = ask_all(heard, options, 0);
    if (io::monotonic_now() >= end) break;
  }
  latest.failures.insert(latest.failures.begin(), first.failures.begin(), first.failures.end());
  return latest;
}

Colour colour_of_part(const std::string& part) {
  if (part == "chosen") return Colour::bold;
  if (part == "down" || part == "ejected") return Colour::red;
  if (part == "tried" || part == "probation" || part == "passed") return Colour::yellow;
  return part == "outdone" ? Colour::plain : Colour::dim;
}

std::string number_cell(const Json& number) {
  return number.is_null() ? "-" : fmt::format("{:.1f}", number.get<double>());
}

std::string decision_text(const Json& decision, const std::string& where, bool colour) {
  const std::string server =
      decision["server"].is_null() ? "nobody" : decision["server"].get<std::string>();
  std::string text = paint(fmt::format("{} -> {}", where, server), Colour::bold, colour);
  text += fmt::format(": {}\n", decision["why"].get<std::string>());
  text += fmt::format("  {:.3f} s ago, {}, attempt {}", decision["ago_s"].get<double>(),
                      decision["balance"].get<std::string>(), decision["attempt"].get<int>());
  if (!decision["request"].is_null()) {
    text += fmt::format(", request {}", decision["request"].get<std::string>());
  }
  text += fmt::format(", {} retries left\n", decision["retries_left"].get<std::int64_t>());
  std::vector<Row> rows = {{"  COPY", "IN FLIGHT", "WEIGHT", "MS", "WHY"}};
  for (const Json& copy : decision["copies"]) {
    const Colour hue = colour_of_part(copy["part"]);
    rows.push_back({"  " + paint(copy["server"].get<std::string>(), hue, colour),
                    std::to_string(copy["in_flight"].get<int>()),
                    std::to_string(copy["weight"].get<int>()), number_cell(copy["response_ms"]),
                    paint(copy["why"].get<std::string>(), hue, colour)});
  }
  text += format_table(rows);
  if (const int more = decision["left_out"]; more > 0) {
    text += fmt::format("  and {} more, which nobody looked at\n", more);
  }
  return text;
}

}  // namespace

std::string picks_text(const std::string& page, bool colour) {
  const Json json = Json::parse(page, nullptr, false);
  if (!json.is_object()) return "the balancer sent something that is not JSON\n";
  std::string text;
  for (const Json& farm : json["farms"]) {
    const std::string where =
        fmt::format("{} {}", json["room"].get<std::string>(), farm["farm"].get<std::string>());
    for (const Json& decision : farm["decisions"]) {
      text += (text.empty() ? "" : "\n") + decision_text(decision, where, colour);
    }
  }
  return text;
}

int cmd_explain_picks(const ExplainPicksOptions& options) {
  const auto status = ask_world(options.world);
  if (!status) return complain(status.error());
  const auto rooms = rooms_of(*status, options.room);
  if (!rooms) return complain(rooms.error());
  if (options.watch_s > 0 && !options.json) {
    fmt::print(stderr, "every pick is recorded for {} s ...\n", options.watch_s);
  }
  const PickPages answers =
      options.watch_s > 0 ? watch(*rooms, options) : ask_all(*rooms, options, /*record_s=*/0);
  for (const std::string& failure : answers.failures) complain({failure});
  if (answers.pages.empty()) return nobody_answered;
  if (options.json) {
    for (const std::string& page : answers.pages) fmt::print("{}\n", page);
  } else {
    std::string all;
    for (const std::string& page : answers.pages) {
      const std::string text = picks_text(page, wants_colour(stdout));
      all += (all.empty() || text.empty() ? "" : "\n") + text;
    }
    fmt::print("{}", all);
  }
  if (any_found(answers.pages)) return 0;
  if (options.request.empty()) {
    fmt::print(stderr, "hither: no request came yet\n");
  } else {
    fmt::print(stderr,
               "hither: nobody remembers request {}: each thread keeps its last 256 picks, of more "
               "than 50 a second a sample; --watch SECONDS has all of them kept\n",
               options.request);
  }
  return nothing_found;
}

}  // namespace hither::tools
