// SPDX-License-Identifier: Apache-2.0
#include "lb/handover_memory.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "lb/handover_json.h"

namespace hither::lb {
namespace {

using Json = nlohmann::ordered_json;

/// No document makes anything older than a year.
constexpr double seconds_max = 366.0 * 86'400;

Duration duration_in(const Json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_number()) return Duration::zero();
  const double value = std::clamp(found->get<double>(), 0.0, seconds_max);
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(value));
}

std::uint64_t number_in(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

double real_in(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_number() ? found->get<double>() : 0;
}

const Json& list_in(const Json& json, const char* key) {
  static const Json none = Json::array();
  const auto found = json.find(key);
  return found != json.end() && found->is_array() ? *found : none;
}

Json json_of(const CopyMemory& copy) {
  Json json = {{"name", copy.name}, {"address", copy.address}};
  if (!copy.endpoint.empty()) json["endpoint"] = copy.endpoint;
  if (copy.known) {
    json["state"] = copy.up ? "up" : "down";
    json["in_state_s"] = in_seconds(copy.in_state);
  }
  if (!copy.failure.empty()) json["failure"] = copy.failure;
  json["outlier"] = {
      {"standing", to_text(copy.standing)},      {"reason", copy.reason},
      {"out_for_s", in_seconds(copy.out_for)},   {"backoff_s", in_seconds(copy.backoff)},
      {"back_for_s", in_seconds(copy.back_for)}, {"ejections", copy.ejections}};
  json["response"] = {{"peak_s", in_seconds(copy.peak)},
                      {"mean_s", in_seconds(copy.mean)},
                      {"pace_s", in_seconds(copy.pace)}};
  if (copy.ramped) json["slow_start"] = {{"ramped_s", in_seconds(*copy.ramped)}};
  if (copy.limit.samples > 0) {
    json["limit"] = {{"found", copy.limit.limit},
                     {"usual_s", in_seconds(copy.limit.usual)},
                     {"samples", copy.limit.samples}};
  }
  return json;
}

CopyMemory copy_of(const Json& json) {
  CopyMemory copy;
  copy.name = text_in(json, "name");
  copy.address = text_in(json, "address");
  copy.endpoint = text_in(json, "endpoint");
  const std::string state = text_in(json, "state");
  copy.known = state == "up" || state == "down";
  copy.up = state == "up";
  copy.in_state = duration_in(json, "in_state_s");
  copy.failure = text_in(json, "failure");
  if (const auto outlier = json.find("outlier"); outlier != json.end() && outlier->is_object()) {
    const bool out = text_in(*outlier, "standing") == to_text(Standing::ejected);
    copy.standing = out ? Standing::ejected : Standing::good;
    copy.reason = text_in(*outlier, "reason");
    copy.out_for = duration_in(*outlier, "out_for_s");
    copy.backoff = duration_in(*outlier, "backoff_s");
    copy.back_for = duration_in(*outlier, "back_for_s");
    copy.ejections = number_in(*outlier, "ejections");
  }
  if (const auto times = json.find("response"); times != json.end() && times->is_object()) {
    copy.peak = duration_in(*times, "peak_s");
    copy.mean = duration_in(*times, "mean_s");
    copy.pace = duration_in(*times, "pace_s");
  }
  if (const auto ramp = json.find("slow_start"); ramp != json.end() && ramp->is_object()) {
    const auto ramped = ramp->find("ramped_s");
    if (ramped != ramp->end() && ramped->is_number()) copy.ramped = duration_in(*ramp, "ramped_s");
  }
  if (const auto limit = json.find("limit"); limit != json.end() && limit->is_object()) {
    copy.limit = {.limit = real_in(*limit, "found"),
                  .usual = duration_in(*limit, "usual_s"),
                  .samples = number_in(*limit, "samples")};
  }
  return copy;
}

CopyMemory remember(const FarmView& view, std::size_t place, Instant now) {
  const Server& server = view.farm->server(place);
  const Health& health = view.prober->health(place);
  const Outliers::Record outlier = view.outliers->record(place);
  CopyMemory copy;
  copy.name = server.name();
  copy.address = server.address();
  if (const auto endpoint = server.endpoint()) copy.endpoint = to_text(*endpoint);
  copy.known = health.known();
  // One that the guard holds is up for who doubts as we do; what is wrong the next finds out too.
  copy.up = view.prober->belief(place) != Prober::Belief::down;
  copy.in_state = copy.up == health.up() ? now - health.since() : Duration::zero();
  copy.failure = view.prober->last_failure(place);
  copy.standing = outlier.copy.standing == Standing::good ? Standing::good : Standing::ejected;
  copy.reason = outlier.copy.reason;
  if (copy.standing == Standing::ejected) {
    copy.out_for = std::max(outlier.copy.until - now, Duration::zero());
  } else if (outlier.length > Duration::zero()) {
    copy.back_for = now - outlier.returned;
  }
  copy.backoff = outlier.length;
  copy.ejections = outlier.copy.ejections;
  copy.peak = server.feedback().peak(now);
  copy.mean = server.feedback().mean(now);
  copy.pace = server.feedback().pace(now);
  const Allotments::Learned learned = view.farm->allotments().learned(place, now);
  copy.ramped = learned.ramped;
  copy.limit = learned.limit;
  return copy;
}

Outliers::Record record_of(const CopyMemory& copy, Instant now) {
  Outliers::Record record;
  record.copy.standing = copy.standing;
  record.copy.reason = copy.reason;
  record.copy.until = now + copy.out_for;
  record.copy.ejections = copy.ejections;
  record.length = copy.backoff;
  record.returned = now - copy.back_for;
  return record;
}

}  // namespace

RoomMemory remember(const RoomView& room, Instant now) {
  RoomMemory memory{.room = std::string(room.room), .generation = 0, .farms = {}};
  for (const FarmView& view : room.farms) {
    FarmMemory& farm = memory.farms.emplace_back();
    farm.name = view.farm->name();
    for (const std::size_t place : view.farm->order()) {
      farm.copies.push_back(remember(view, place, now));
    }
  }
  return memory;
}

std::size_t recall(const FarmMemory& memory, Farm& farm, Prober& prober, Outliers& outliers,
                   Instant now) {
  const auto find = [&memory, &farm](std::size_t place) {
    const Server& server = farm.server(place);
    return std::ranges::find_if(memory.copies, [&server](const CopyMemory& copy) {
      return copy.name == server.name() && copy.address == server.address();
    });
  };
  const auto is_ours = [&](std::size_t place) { return find(place) != memory.copies.end(); };
  const bool others_serve = std::ranges::any_of(farm.order(), is_ours);
  std::size_t recalled = 0;
  for (const std::size_t place : farm.order()) {
    Server& server = farm.server(place);
    const auto found = find(place);
    const bool fresh = std::ranges::find(memory.copies, server.address(), &CopyMemory::address) ==
                       memory.copies.end();
    if (fresh && others_serve) {
      farm.inherit_allotment(place, {.ramped = Duration::zero(), .limit = {}}, now);
    }
    if (found == memory.copies.end() || !found->known) continue;
    const Result<Endpoint> endpoint = parse_endpoint(found->endpoint);
    if (found->up && !endpoint) continue;  // Nobody could be sent there.
    if (endpoint) server.resolve(*endpoint);
    prober.inherit(
        place, {.up = found->up, .since = now - found->in_state, .failure = found->failure}, now);
    farm.set_usable(place, found->up);
    farm.inherit_feedback(place, {.peak = found->peak, .mean = found->mean, .pace = found->pace},
                          now);
    farm.inherit_allotment(place, {.ramped = found->ramped, .limit = found->limit}, now);
    outliers.inherit(place, record_of(*found, now));
    if (found->standing != Standing::good) farm.set_standing(place, found->standing);
    ++recalled;
  }
  return recalled;
}

std::string to_json(const RoomMemory& memory) {
  Json farms = Json::array();
  for (const FarmMemory& farm : memory.farms) {
    Json copies = Json::array();
    for (const CopyMemory& copy : farm.copies) copies.push_back(json_of(copy));
    farms.push_back({{"name", farm.name}, {"copies", std::move(copies)}});
  }
  const Json json = {{"room", memory.room}, {"generation", memory.generation}, {"farms", farms}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<RoomMemory> parse_room_memory(const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object() || text_in(json, "room").empty()) return std::nullopt;
  RoomMemory memory{
      .room = text_in(json, "room"), .generation = number_in(json, "generation"), .farms = {}};
  for (const Json& farm : list_in(json, "farms")) {
    if (!farm.is_object()) continue;
    FarmMemory& read = memory.farms.emplace_back();
    read.name = text_in(farm, "name");
    for (const Json& copy : list_in(farm, "copies")) {
      if (copy.is_object()) read.copies.push_back(copy_of(copy));
    }
  }
  return memory;
}

}  // namespace hither::lb
