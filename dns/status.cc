// SPDX-License-Identifier: Apache-2.0
#include "dns/status.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/text.h"

namespace hither::dns {
namespace {

using Json = nlohmann::ordered_json;
using topology::Description;
using topology::Room;

double to_seconds(Duration duration) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  return static_cast<double>(ms) / 1000;
}

double part_of(std::uint64_t share) {
  return static_cast<double>(share) / static_cast<double>(RoomShare::all);
}

Json override_json(const FarmState& state, const topology::Override* said, Instant now) {
  if (!state.forced) return nullptr;
  Json json = {{"state", to_text(*state.forced)}};
  json["since_s"] = to_seconds(now - (state.drain ? state.drain->since : state.since));
  if (state.drain) json["over"] = hither::to_text(state.drain->over);
  json["reason"] = said != nullptr ? said->reason : "";
  return json;
}

Json farm_json(const std::string& farm, const FarmState& state, const RoomShare& share,
               const topology::Override* said, Instant now) {
  return {{"farm", farm},
          {"state", to_text(state.state)},
          {"since_s", to_seconds(now - state.since)},
          {"measured", to_text(state.measured)},
          {"held", state.held},
          {"override", override_json(state, said, now)},
          {"reason", state.reason},
          {"copies", state.copies},
          {"usable", state.usable},
          {"capacity", state.capacity},
          {"load", state.load},
          {"holds_for", hither::to_text(state.holds_for)},
          {"thin", share.thin},
          {"drained", part_of(share.drained)},
          {"shed", part_of(share.shed)},
          {"takes_shed", part_of(share.open)}};
}

/// What an earlier process answered is not known, so it has answered until we started.
double named_for_s(const StatusInput& input, std::size_t slot) {
  Instant until = named_until(input.threads, slot).value_or(input.started);
  if (slot < input.ttls_at_start.size()) {
    until = std::max(until, input.started + input.ttls_at_start[slot]);
  }
  return std::max(0.0, to_seconds(until - input.now));
}

Json room_json(const StatusInput& input, std::size_t index) {
  const Description& description = input.settings.description;
  const Room& room = description.rooms[index];
  Json addresses = Json::array();
  for (const Address& address : room.address) addresses.push_back(to_text(address));
  Json farms = Json::array();
  for (std::size_t f = 0; f < description.farms.size(); ++f) {
    const FarmState& state = input.rooms.at(index, f);
    if (!state.runs) continue;
    RoomShare share = input.shares.at(index, f);
    if (state.state != RoomState::draining) share.drained = 0;
    const topology::Override* said = input.overrides != nullptr
                                         ? input.overrides->find(room.name, description.farms[f])
                                         : nullptr;
    farms.push_back(farm_json(description.farms[f], state, share, said, input.now));
  }
  const auto counted = std::ranges::find(input.counted_rooms, room.name);
  const auto slot = counted == input.counted_rooms.end()
                        ? index
                        : static_cast<std::size_t>(counted - input.counted_rooms.begin());
  return {{"room", room.name},
          {"title", room.title},
          {"addresses", addresses},
          {"admin", to_text(description.admin_of(room))},
          {"named_for_s", named_for_s(input, slot)},
          {"farms", farms}};
}

Json guard_json(const StatusInput& input) {
  Json json = Json::array();
  if (input.board == nullptr) return json;
  const auto& guards = input.board->guards();
  for (std::size_t f = 0; f < guards.size(); ++f) {
    if (!guards[f].holding()) continue;
    json.push_back({{"farm", input.settings.description.farms[f]},
                    {"rooms_held", guards[f].rooms_held()},
                    {"ends_in_s", to_seconds(guards[f].deadline() - input.now)}});
  }
  return json;
}

Json reload_json(const StatusInput& input) {
  const ReloadReport& reloads = input.reloads;
  const bool any = reloads.done + reloads.refused > 0;
  return {{"done", reloads.done},
          {"refused", reloads.refused},
          {"last_s", any ? Json(to_seconds(input.now - reloads.last)) : Json(nullptr)},
          {"mistakes", reloads.mistakes}};
}

std::uint64_t queries(const std::vector<const Counters*>& threads) {
  std::uint64_t total = 0;
  for (const Counters* counters : threads) {
    for (const Counter& counter : counters->by_transport) total += counter.total();
  }
  return total;
}

/// The counts are read one after the other, so what closes meanwhile may be ahead.
std::uint64_t open_connections(const TcpTotals& tcp) {
  return tcp.accepted > tcp.closed ? tcp.accepted - tcp.closed : 0;
}

MetricFamily gauge(std::string name, std::string help) {
  return {.name = std::move(name),
          .help = std::move(help),
          .type = MetricFamily::Type::gauge,
          .samples = {}};
}

/// A sample for every farm of every room.
template <class ValueOf>
MetricFamily by_farm_of_room(MetricFamily family, const StatusInput& input, ValueOf value_of) {
  const Description& description = input.settings.description;
  for (std::size_t r = 0; r < description.rooms.size(); ++r) {
    for (std::size_t f = 0; f < description.farms.size(); ++f) {
      const FarmState& state = input.rooms.at(r, f);
      if (!state.runs) continue;
      family.samples.push_back(
          {.labels = {{"room", description.rooms[r].name}, {"farm", description.farms[f]}},
           .value = value_of(state)});
    }
  }
  return family;
}

MetricFamily room_states(const StatusInput& input) {
  return by_farm_of_room(
      gauge("hither_dns_room_up",
            "1 if the farm is up in the room, 0.5 if it drains, 0 if it is down."),
      input, [](const FarmState& state) {
        if (state.state == RoomState::draining) return 0.5;
        return state.state == RoomState::up ? 1.0 : 0.0;
      });
}

MetricFamily overridden(const StatusInput& input) {
  return by_farm_of_room(gauge("hither_dns_room_overridden",
                               "1 if an operator overrules the probes of the farm in the room."),
                         input, [](const FarmState& state) { return state.forced ? 1.0 : 0.0; });
}

MetricFamily answer_classes(const Directory& directory) {
  MetricFamily family =
      gauge("hither_dns_answer_classes", "Different orders of rooms in the map of a policy.");
  for (std::size_t map = 0; map < directory.maps.size(); ++map) {
    const auto user = std::ranges::find(directory.names, map, &SteeredName::map);
    if (user == directory.names.end()) continue;
    family.samples.push_back({.labels = {{"policy", user->policy}},
                              .value = static_cast<double>(directory.maps[map].rankings())});
  }
  return family;
}

MetricFamily guard_holding(const StatusInput& input) {
  MetricFamily family = gauge("hither_dns_guard_holding",
                              "1 while states of the farm are held because most rooms failed.");
  const std::vector<std::string>& farms = input.settings.description.farms;
  for (std::size_t f = 0; f < farms.size(); ++f) {
    family.samples.push_back(
        {.labels = {{"farm", farms[f]}}, .value = input.rooms.stale(f) ? 1.0 : 0.0});
  }
  return family;
}

/// Counters told apart by one label.
MetricFamily counters_by(std::string name, std::string help, const std::string& label,
                         const std::vector<std::pair<std::string, std::uint64_t>>& counted) {
  MetricFamily family = gauge(std::move(name), std::move(help));
  family.type = MetricFamily::Type::counter;
  for (const auto& [word, count] : counted) {
    family.samples.push_back({.labels = {{label, word}}, .value = static_cast<double>(count)});
  }
  return family;
}

MetricFamily reloads(const StatusInput& input) {
  return counters_by("hither_dns_reloads_total", "Times that the files were read again.", "result",
                     {{"done", input.reloads.done}, {"refused", input.reloads.refused}});
}

void add_tcp(const TcpTotals& tcp, Metrics& metrics) {
  MetricFamily open = gauge("hither_dns_tcp_connections", "TCP connections that are open.");
  open.samples.push_back({.labels = {}, .value = static_cast<double>(open_connections(tcp))});
  metrics.push_back(std::move(open));
  metrics.push_back(counters_by("hither_dns_tcp_accepted_total",
                                "TCP connections that came, by what became of them.", "result",
                                {{"served", tcp.accepted}, {"over_quota", tcp.over_quota}}));
  metrics.push_back(counters_by(
      "hither_dns_tcp_cut_off_total", "TCP connections that we closed, by the reason.", "reason",
      {{"idle", tcp.idle}, {"stalled", tcp.stalled}, {"to_make_room", tcp.shed}}));
}

}  // namespace

std::vector<Duration> longest_ttls(const Description& description) {
  std::vector<Duration> ttls(description.rooms.size());
  for (std::size_t r = 0; r < ttls.size(); ++r) {
    for (const topology::Name& name : description.names) {
      if (description.rooms[r].find_farm(name.farm) == nullptr) continue;
      ttls[r] = std::max(ttls[r], name.ttl);
    }
  }
  return ttls;
}

std::string status_json(const StatusInput& input) {
  const Description& description = input.settings.description;
  Json rooms = Json::array();
  for (std::size_t r = 0; r < description.rooms.size(); ++r) rooms.push_back(room_json(input, r));
  Json listen = Json::array();
  for (const Endpoint& endpoint : input.settings.listen) listen.push_back(to_text(endpoint));
  Json zones = Json::array();
  for (const topology::Zone& zone : description.zones) zones.push_back(zone.name);
  Json names = Json::array();
  for (const topology::Name& name : description.names) names.push_back(name.name);
  const Json json = {{"program", "hither-dns"},
                     {"world", description.name},
                     {"ready", input.rooms.complete()},
                     {"uptime_s", to_seconds(input.now - input.started)},
                     {"threads", input.settings.threads},
                     {"queries", queries(input.threads)},
                     {"tcp_connections", open_connections(input.tcp)},
                     {"listen", listen},
                     {"geo", input.databases},
                     {"zones", zones},
                     {"names", names},
                     {"rooms", rooms},
                     {"guard", guard_json(input)},
                     {"overrides",
                      {{"file", input.settings.overrides},
                       {"count", input.overrides != nullptr ? input.overrides->all.size() : 0},
                       {"mistakes", input.override_mistakes}}},
                     {"reload", reload_json(input)}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string health_json(const RoomStates& rooms) {
  return rooms.complete() ? R"({"ready":true})" : R"({"ready":false})";
}

Metrics status_metrics(const StatusInput& input) {
  Metrics metrics = to_metrics(input.threads, input.counted_rooms.empty()
                                                  ? topology::room_names(input.settings.description)
                                                  : input.counted_rooms);
  metrics.push_back(reloads(input));
  metrics.push_back(guard_holding(input));
  metrics.push_back(overridden(input));
  add_tcp(input.tcp, metrics);
  if (input.directory != nullptr) metrics.push_back(answer_classes(*input.directory));
  if (input.probe_times != nullptr) metrics.push_back(input.probe_times->to_metric());
  if (input.notifier != nullptr) metrics.push_back(input.notifier->to_metric());
  metrics.push_back(room_states(input));
  return metrics;
}

}  // namespace hither::dns
