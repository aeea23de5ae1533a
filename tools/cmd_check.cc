// SPDX-License-Identifier: Apache-2.0
#include "tools/cmd_check.h"

#include <fmt/format.h>

#include <cstdio>
#include <string_view>
#include <utility>

#include "tools/load_description.h"
#include "topology/plan.h"
#include "topology/schema.h"

namespace hither::tools {
namespace {

std::string counted(std::size_t number, std::string_view noun) {
  return fmt::format("{} {}{}", number, noun, number == 1 ? "" : "s");
}

/// "fra 127.10.0.1 Frankfurt: web x3".
std::string room_line(const topology::Room& room) {
  std::string text = fmt::format("room {}:", room.name);
  for (const Address& address : room.address) text += " " + to_text(address);
  if (room.title != room.name) text += fmt::format(" ({})", room.title);
  for (const topology::Farm& farm : room.farms) {
    if (farm.servers.empty()) {
      text += fmt::format(", {} x{}", farm.name, farm.copies);
    } else {
      text += fmt::format(", {} on {}", farm.name, counted(farm.servers.size(), "server"));
    }
  }
  return text + (room.local() ? "\n" : ", runs elsewhere\n");
}

}  // namespace

int cmd_check(const std::string& file) {
  const auto description = load_description(file);
  if (!description) return bad_input;
  const auto plan = make_plan(*description);
  fmt::print("{}: sound; {}, {}, {}, {}\n", file, counted(description->rooms.size(), "room"),
             counted(description->farms.size(), "farm"), counted(description->names.size(), "name"),
             plan.size() == 1 ? "1 process" : fmt::format("{} processes", plan.size()));
  for (const topology::Name& name : description->names) {
    fmt::print("  name {}: farm {}, {}\n", name.name, name.farm, name.policy);
  }
  for (const topology::Room& room : description->rooms) fmt::print("  {}", room_line(room));
  return 0;
}

int cmd_plan(const std::string& file, bool json) {
  const auto description = load_description(file);
  if (!description) return bad_input;
  const auto plan = make_plan(*description);
  fmt::print("{}", json ? to_json(plan) : to_text(plan));
  return 0;
}

int cmd_schema() {
  fmt::print("{}", topology::schema_json());
  return 0;
}

}  // namespace hither::tools
