// SPDX-License-Identifier: Apache-2.0
#include "tools/cmd_whatif.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/text.h"
#include "dns/whatif.h"
#include "io/files.h"
#include "tools/ask_world.h"
#include "tools/console.h"
#include "tools/load_description.h"
#include "tools/suppose.h"

namespace hither::tools {
namespace {

using Json = nlohmann::ordered_json;
using dns::Outcome;
using topology::Description;
using topology::RoomSet;

/// One thing to suppose.
struct Case {
  RoomSet down;
  std::string what;  ///< "fra, iad"
  Outcome outcome;
};

std::string names_of(const Description& description, const RoomSet& rooms) {
  std::string text;
  for (std::size_t i = 0; i < description.rooms.size(); ++i) {
    if (rooms[i]) text += (text.empty() ? "" : ", ") + description.rooms[i].name;
  }
  return text;
}

/// Each room, and each pair of rooms; but never all of them.
std::vector<RoomSet> all_cases(std::size_t rooms) {
  std::vector<RoomSet> cases;
  for (std::size_t one = 0; one < rooms && rooms > 1; ++one) cases.push_back(RoomSet().set(one));
  for (std::size_t one = 0; one < rooms && rooms > 2; ++one) {
    for (std::size_t other = one + 1; other < rooms; ++other) {
      cases.push_back(RoomSet().set(one).set(other));
    }
  }
  return cases;
}

Result<const dns::SteeredName*> find_name(const dns::Directory& directory,
                                          const std::string& wanted) {
  std::vector<std::string> known;
  for (const dns::SteeredName& name : directory.names) known.push_back(to_short_text(name.name));
  if (known.empty()) return fail("the description has no steered name; write [name.\"...\"]");
  if (wanted.empty() && known.size() == 1) return &directory.names.front();
  if (wanted.empty()) {
    return fail(
        fmt::format("there are several names; choose with --name one of {}", join_words(known)));
  }
  const auto found = std::ranges::find(known, to_lower(wanted));
  if (found != known.end()) {
    return &directory.names[static_cast<std::size_t>(found - known.begin())];
  }
  return fail(
      fmt::format("there is no steered name '{}'; the names are {}", wanted, join_words(known)));
}

bool too_full(const dns::SupposedRoom& room, double clients) {
  return clients > 0 && room.share * clients > room.capacity;
}

Json outcome_json(const Description& description, const Outcome& outcome, double clients) {
  Json rooms = Json::array();
  for (std::size_t i = 0; i < outcome.rooms.size(); ++i) {
    const dns::SupposedRoom& room = outcome.rooms[i];
    rooms.push_back({{"room", description.rooms[i].name},
                     {"share", room.share},
                     {"clients", clients > 0 ? Json(room.share * clients) : Json(nullptr)},
                     {"capacity", room.capacity},
                     {"up", room.up},
                     {"too_full", clients > 0 ? Json(too_full(room, clients)) : Json(nullptr)}});
  }
  const auto& first = outcome.full_first;
  return {{"mean_km", outcome.mean_km ? Json(*outcome.mean_km) : Json(nullptr)},
          {"p95_km", outcome.p95_km ? Json(*outcome.p95_km) : Json(nullptr)},
          {"lost", outcome.lost},
          {"full_at", first ? Json(outcome.full_at) : Json(nullptr)},
          {"full_first", first ? Json(description.rooms[*first].name) : Json(nullptr)},
          {"rooms", rooms}};
}

std::string percent(double share) { return fmt::format("{:.1f} %", share * 100); }

std::string km_text(const std::optional<double>& km) {
  return km ? fmt::format("{:.0f} km", *km) : "?";
}

std::string full_text(const Description& description, const Outcome& outcome) {
  if (!outcome.full_first) return "nobody is served";
  return fmt::format("{:.0f} clients ({} first)", std::floor(outcome.full_at),
                     description.rooms[*outcome.full_first].name);
}

/// Rooms that are up and would be too full, or "".
std::string overfull(const Description& description, const Outcome& outcome, double clients) {
  std::string text;
  for (std::size_t i = 0; i < outcome.rooms.size(); ++i) {
    const dns::SupposedRoom& room = outcome.rooms[i];
    if (!room.up || !too_full(room, clients)) continue;
    text += fmt::format("{}{} ({:.0f} of {:.0f})", text.empty() ? "" : ", ",
                        description.rooms[i].name, room.share * clients, room.capacity);
  }
  return text;
}

/// What there is to say of a room, or "".
std::string note_of(const dns::SupposedRoom& room, bool down, double clients) {
  if (room.up) {
    const double there = room.share * clients;
    return too_full(room, clients) ? fmt::format("too full: {:.0f} clients", there) : "";
  }
  const std::string why = down ? "down" : "no copies";
  if (room.share <= 0) return down ? why : "";
  if (clients <= 0) return why + ", and yet named";
  return fmt::format("{}, and yet named to {:.0f} clients", why, room.share * clients);
}

void print_one(const Description& description, const Outcome& before, const Case& after,
               double clients) {
  const bool colour = wants_colour(stdout);
  std::vector<std::vector<std::string>> rows = {
      {"room", "now", after.what.empty() ? "" : after.what + " down", "capacity", ""}};
  for (std::size_t i = 0; i < before.rooms.size(); ++i) {
    const dns::SupposedRoom& room = after.outcome.rooms[i];
    const std::string note = note_of(room, after.down[i], clients);
    rows.push_back({description.rooms[i].name, percent(before.rooms[i].share),
                    after.what.empty() ? "" : percent(room.share),
                    fmt::format("{:.0f}", room.capacity),
                    note.empty() ? "" : paint(note, Colour::red, colour)});
  }
  const auto row = [&](std::string what, auto figure) {
    rows.push_back(
        {std::move(what), figure(before), after.what.empty() ? "" : figure(after.outcome), "", ""});
  };
  row("mean distance", [](const Outcome& o) { return km_text(o.mean_km); });
  row("95 of 100 within", [](const Outcome& o) { return km_text(o.p95_km); });
  row("lost clients", [](const Outcome& o) { return percent(o.lost); });
  row("full at", [&](const Outcome& o) { return full_text(description, o); });
  fmt::print("{}", format_table(rows));
}

void print_all(const Description& description, const Outcome& before,
               const std::vector<Case>& cases, double clients) {
  const bool colour = wants_colour(stdout);
  std::vector<std::vector<std::string>> rows = {
      {"down", "mean", "95 of 100 within", "lost", "full at", ""}};
  const auto add = [&](const std::string& what, const Outcome& outcome) {
    const std::string over = overfull(description, outcome, clients);
    rows.push_back({what, km_text(outcome.mean_km), km_text(outcome.p95_km), percent(outcome.lost),
                    full_text(description, outcome),
                    over.empty() ? "" : paint("too full: " + over, Colour::red, colour)});
  };
  add("nothing", before);
  for (const Case& one : cases) add(one.what, one.outcome);
  fmt::print("{}", format_table(rows));
}

/// All that is supposed, or why it cannot be.
Result<std::vector<RoomSet>> cases_of(const WhatIfOptions& options,
                                      const Description& description) {
  if (options.all && !options.down.empty()) {
    return fail("--all supposes everything; leave --down out, or --all");
  }
  if (options.all) return all_cases(description.rooms.size());
  const auto down = rooms_called(description, options.down);
  if (!down) return tl::unexpected(down.error());
  return std::vector<RoomSet>{*down};
}

/// nullopt after printing every mistake.
std::optional<std::vector<dns::PopulationRow>> read_population(const std::string& file) {
  if (file.empty()) return std::vector<dns::PopulationRow>();
  const auto text = io::read_file(file);
  std::vector<Error> mistakes;
  std::vector<dns::PopulationRow> rows;
  if (text) {
    rows = dns::parse_population(*text, file, mistakes);
  } else {
    mistakes.push_back(text.error());
  }
  for (const Error& mistake : mistakes) fmt::print(stderr, "{}\n", mistake.message);
  if (!mistakes.empty()) return std::nullopt;
  return rows;
}

std::string counted(const WhatIfOptions& options, const dns::WhatIf& whatif) {
  const std::string unknown = percent(whatif.unknown());
  if (!options.population.empty()) {
    return fmt::format("{:.0f} clients of {}, {} of them nobody knows where", whatif.clients(),
                       options.population, unknown);
  }
  return options.ipv6 ? fmt::format("{:.4g} IPv6 blocks of /48", whatif.clients())
                      : fmt::format("{:.0f} million IPv4 addresses", whatif.clients() / 1e6);
}

int print(const WhatIfOptions& options, const Supposed& supposed, const dns::SteeredName& name,
          const dns::WhatIf& whatif, const std::vector<RoomSet>& downs) {
  const Description& description = supposed.description;
  const Outcome before = whatif.suppose({});
  std::vector<Case> cases;
  cases.reserve(downs.size());
  for (const RoomSet& down : downs) {
    cases.push_back({down, names_of(description, down), whatif.suppose(down)});
  }
  if (options.json) {
    Json list = Json::array();
    for (const Case& one : cases) {
      Json rooms = Json::array();
      for (std::size_t i = 0; i < description.rooms.size(); ++i) {
        if (one.down[i]) rooms.push_back(description.rooms[i].name);
      }
      list.push_back(
          {{"down", rooms}, {"outcome", outcome_json(description, one.outcome, options.clients)}});
    }
    const Json json = {{"name", to_short_text(name.name)},
                       {"policy", name.policy},
                       {"counted", counted(options, whatif)},
                       {"before", outcome_json(description, before, options.clients)},
                       {"supposed", list}};
    fmt::print("{}\n", json.dump(2));
    return 0;
  }
  fmt::print("{}, policy {}; counted: {}\n", to_short_text(name.name), name.policy,
             counted(options, whatif));
  if (options.all) {
    print_all(description, before, cases, options.clients);
  } else {
    print_one(description, before, cases.front(), options.clients);
  }
  return 0;
}

Families families_of(dns::Counting counting) {
  switch (counting) {
    case dns::Counting::ipv4_addresses:
      return Families::v4;
    case dns::Counting::ipv6_blocks:
      return Families::v6;
    case dns::Counting::population:
      break;
  }
  return Families::both;
}

}  // namespace

int cmd_whatif(const WhatIfOptions& options) {
  if (options.ipv6 && !options.population.empty()) {
    return complain(Error{"--population says who is counted; leave --ipv6 out"});
  }
  const auto population = read_population(options.population);
  if (!population) return bad_input;
  const dns::Counting counting = !population->empty() ? dns::Counting::population
                                 : options.ipv6       ? dns::Counting::ipv6_blocks
                                                      : dns::Counting::ipv4_addresses;
  const auto supposed =
      suppose_world(options.file, {.walk = true, .families = families_of(counting)});
  if (!supposed) return bad_input;
  const dns::Directory& directory = *supposed->loaded.directory;
  const auto name = find_name(directory, options.name);
  if (!name) return complain(name.error());
  const auto downs = cases_of(options, supposed->description);
  if (!downs) return complain(downs.error());
  const dns::WhatIf whatif(*supposed->loaded.geography, directory, **name, counting, *population);
  if (whatif.clients() <= 0) {
    return complain(Error{"nobody is counted: no place is known of any address; see dns.geo"});
  }
  return print(options, *supposed, **name, whatif, *downs);
}

}  // namespace hither::tools
