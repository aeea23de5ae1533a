// SPDX-License-Identifier: Apache-2.0
#include "tools/cmd_check.h"

#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>
#include <vector>

#include "io/files.h"
#include "tools/load_description.h"
#include "topology/plan.h"
#include "topology/schema.h"
#include "topology/warnings.h"

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

constexpr int has_warnings = 1;

nlohmann::json as_json(const std::vector<topology::Mistake>& all) {
  auto list = nlohmann::json::array();
  for (const topology::Mistake& one : all) {
    list.push_back(
        {{"line", one.where.line}, {"column", one.where.column}, {"message", one.message}});
  }
  return list;
}

/// What is wrong is part of what was asked for, so it is on stdout as well.
int check_as_json(const CheckOptions& options) {
  const auto text = io::read_file(options.file);
  if (!text) {
    fmt::print(stderr, "{}\n", text.error().message);
    return bad_input;
  }
  const auto reading = topology::read_description(*text, options.file);
  std::vector<topology::Mistake> warnings;
  if (reading.description) warnings = topology::find_warnings(*reading.description);
  const nlohmann::json result = {{"file", options.file},
                                 {"sound", reading.description.has_value()},
                                 {"mistakes", as_json(reading.mistakes)},
                                 {"warnings", as_json(warnings)}};
  // A mistake may quote octets of the file that are no UTF-8.
  fmt::print("{}\n", result.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  if (!reading.description) return bad_input;
  return options.strict && !warnings.empty() ? has_warnings : 0;
}

}  // namespace

int cmd_check(const CheckOptions& options) {
  if (options.json) return check_as_json(options);
  const auto description = load_description(options.file);
  if (!description) return bad_input;
  const std::size_t warnings = print_warnings(*description);
  const auto plan = make_plan(*description);
  fmt::print("{}: sound; {}, {}, {}, {}{}\n", options.file,
             counted(description->rooms.size(), "room"), counted(description->farms.size(), "farm"),
             counted(description->names.size(), "name"),
             plan.size() == 1 ? "1 process" : fmt::format("{} processes", plan.size()),
             warnings > 0 ? ", " + counted(warnings, "warning") : "");
  for (const topology::Name& name : description->names) {
    fmt::print("  name {}: farm {}, {}\n", name.name, name.farm, name.policy);
  }
  for (const topology::Room& room : description->rooms) fmt::print("  {}", room_line(room));
  return options.strict && warnings > 0 ? has_warnings : 0;
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
