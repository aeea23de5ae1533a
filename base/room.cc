// SPDX-License-Identifier: Apache-2.0
#include "base/room.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace hither {
namespace {

using Json = nlohmann::ordered_json;

/// The count behind `key`, or -1 where there is no such whole number >= 0.
std::int64_t count_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number_unsigned()) return -1;
  return found->get<std::int64_t>();
}

std::int64_t count_or_none(const Json& object, const char* key) {
  return object.contains(key) ? count_of(object, key) : 0;
}

}  // namespace

std::string to_json(const RoomReport& report) {
  Json farms = Json::array();
  for (const FarmReport& farm : report.farms) {
    farms.push_back({{"farm", farm.farm},
                     {"copies", farm.copies},
                     {"usable", farm.usable},
                     {"capacity", farm.capacity},
                     {"load", farm.load},
                     {"limit", farm.limit},
                     {"waiting", farm.waiting},
                     {"wait_ms", farm.wait_ms}});
  }
  const Json json = {{"room", report.room}, {"draining", report.draining}, {"farms", farms}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<RoomReport> parse_room_report(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return fail("the report is not a JSON object");
  const auto room = json.find("room");
  const auto draining = json.find("draining");
  const auto farms = json.find("farms");
  if (room == json.end() || !room->is_string()) return fail("the report names no room");
  if (farms == json.end() || !farms->is_array()) return fail("the report lists no farms");
  if (draining == json.end() || !draining->is_boolean()) {
    return fail("the report does not say if the room is draining");
  }
  RoomReport report;
  report.room = room->get<std::string>();
  report.draining = draining->get<bool>();
  for (const Json& item : *farms) {
    if (!item.is_object() || !item.contains("farm") || !item["farm"].is_string()) {
      return fail("the report has a farm without a name");
    }
    FarmReport farm{.farm = item["farm"].get<std::string>(),
                    .copies = count_of(item, "copies"),
                    .usable = count_of(item, "usable"),
                    .capacity = count_of(item, "capacity"),
                    .load = count_of(item, "load"),
                    .limit = count_or_none(item, "limit"),
                    .waiting = count_or_none(item, "waiting"),
                    .wait_ms = count_or_none(item, "wait_ms")};
    if (std::min({farm.copies, farm.usable, farm.capacity, farm.load, farm.limit, farm.waiting,
                  farm.wait_ms}) < 0) {
      return fail(fmt::format("the report's farm '{}' lacks a count", farm.farm));
    }
    report.farms.push_back(std::move(farm));
  }
  return report;
}

}  // namespace hither
