// SPDX-License-Identifier: Apache-2.0
#include "lb/report_probes.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace hither::lb {
namespace {

using Json = nlohmann::ordered_json;

std::string_view to_text(topology::HealthRule::Kind kind) {
  switch (kind) {
    case topology::HealthRule::Kind::http:
      return "http";
    case topology::HealthRule::Kind::tcp:
      return "tcp";
    case topology::HealthRule::Kind::tls:
      return "tls";
  }
  return "";
}

const NameWatch* name_of(const FarmView& view, std::size_t place) {
  return view.name ? view.name(place) : nullptr;
}

Json resolved_json(const NameWatch& name, Instant now) {
  Json addresses = Json::array();
  for (const Address& address : name.addresses()) addresses.push_back(hither::to_text(address));
  const auto& used = name.address();
  const auto answered = name.answered_at();
  Json json = {{"name", name.host()},
               {"address", used ? Json(hither::to_text(*used)) : Json(nullptr)},
               {"addresses", std::move(addresses)},
               {"age_s", answered ? Json(in_seconds(now - *answered)) : Json(nullptr)},
               {"kept", name.kept()}};
  if (name.failing()) json["failure"] = name.failure();
  return json;
}

MetricFamily farms_family(const RoomView& room, const char* name, const char* help,
                          double (*value)(const Prober&)) {
  const bool counter = std::string_view(name).ends_with("_total");
  MetricFamily family{.name = name,
                      .help = help,
                      .type = counter ? MetricFamily::Type::counter : MetricFamily::Type::gauge,
                      .samples = {}};
  for (const FarmView& view : room.farms) {
    family.samples.push_back(
        {.labels = {{"room", std::string(room.room)}, {"farm", view.farm->name()}},
         .value = value(*view.prober)});
  }
  return family;
}

Metrics server_families(const RoomView& room) {
  MetricFamily held{.name = "hither_lb_server_held",
                    .help = "1 if the server is taken for up although its probes say it is down",
                    .type = MetricFamily::Type::gauge,
                    .samples = {}};
  MetricFamily fails{.name = "hither_lb_server_name_failing",
                     .help = "1 if the server's name did not resolve the last time",
                     .type = MetricFamily::Type::gauge,
                     .samples = {}};
  for (const FarmView& view : room.farms) {
    for (const std::size_t i : view.farm->order()) {
      const std::vector<std::pair<std::string, std::string>> labels = {
          {"room", std::string(room.room)},
          {"farm", view.farm->name()},
          {"server", view.farm->server(i).name()}};
      const bool is_held = view.prober->belief(i) == Prober::Belief::held;
      held.samples.push_back({.labels = labels, .value = is_held ? 1.0 : 0.0});
      const NameWatch* name = name_of(view, i);
      if (name == nullptr) continue;
      fails.samples.push_back({.labels = labels, .value = name->failing() ? 1.0 : 0.0});
    }
  }
  return {std::move(held), std::move(fails)};
}

}  // namespace

void add_probe_facts(Json& server, const FarmView& view, std::size_t place, Instant now) {
  const bool held = view.prober->belief(place) == Prober::Belief::held;
  if (held) server["state"] = "up";
  server["held"] = held;
  if (const NameWatch* name = name_of(view, place)) {
    server["resolved"] = resolved_json(*name, now);
  }
}

Json probes_json(const FarmView& view, Instant now) {
  const Guard& guard = view.prober->guard();
  const bool holding = guard.holding();
  return {
      {"kind", to_text(view.farm->settings().health.kind)},
      {"holding", holding},
      {"held", guard.members_held()},
      {"ends_in_s", holding ? Json(in_seconds(std::max(guard.deadline() - now, Duration::zero())))
                            : Json(nullptr)},
      {"holds_total", view.prober->holds()},
      {"repeated_total", view.prober->repeated()}};
}

void add_probe_metrics(const RoomView& room, Metrics& metrics) {
  for (MetricFamily& family : server_families(room)) metrics.push_back(std::move(family));
  metrics.push_back(
      farms_family(room, "hither_lb_guard_holding",
                   "1 while silent servers are taken for up because most fell silent at once",
                   [](const Prober& prober) { return prober.guard().holding() ? 1.0 : 0.0; }));
  metrics.push_back(
      farms_family(room, "hither_lb_guard_holds_total", "Times that the guard has begun to hold",
                   [](const Prober& prober) { return static_cast<double>(prober.holds()); }));
  metrics.push_back(
      farms_family(room, "hither_lb_probes_repeated_total",
                   "Probes that did not count because the balancer was late, or lacked a "
                   "descriptor or memory",
                   [](const Prober& prober) { return static_cast<double>(prober.repeated()); }));
}

}  // namespace hither::lb
