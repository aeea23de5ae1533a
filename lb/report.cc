// SPDX-License-Identifier: Apache-2.0
#include "lb/report.h"

#include <algorithm>
#include <array>
#include <functional>
#include <nlohmann/json.hpp>
#include <utility>

#include "lb/report_probes.h"
#include "lb/report_times.h"

namespace hither::lb {
namespace {

using Json = nlohmann::ordered_json;
using Labels = std::vector<std::pair<std::string, std::string>>;

constexpr std::array<const char*, 6> result_names = {"failed", "1xx", "2xx", "3xx", "4xx", "5xx"};

const Counter& connects(const ServerTotals& totals) { return totals.connects; }
const Counter& connect_failures(const ServerTotals& totals) { return totals.connect_failures; }
const Counter& reused(const ServerTotals& totals) { return totals.reused; }
const Counter& retries(const ServerTotals& totals) { return totals.retries; }

std::uint64_t results_of(const Server& server, std::size_t kind) {
  return server.sum(
      [kind](const ServerTotals& totals) -> const Counter& { return totals.results[kind]; });
}

Json results_json(const Server& server) {
  Json results = Json::object();
  for (std::size_t kind = 0; kind < result_names.size(); ++kind) {
    results[result_names[kind]] = results_of(server, kind);
  }
  return results;
}

Json outlier_json(const Outliers::Copy& copy, Instant now) {
  Json json = {{"standing", to_text(copy.standing)}, {"ejections", copy.ejections}};
  if (copy.standing == Standing::ejected) {
    json["for_s"] = in_seconds(std::max(copy.until - now, Duration::zero()));
  }
  if (!copy.reason.empty()) json["reason"] = copy.reason;
  return json;
}

Json server_json(const Server& server, const Health& health, const std::string& failure,
                 Instant now) {
  Json json = {{"name", server.name()},
               {"address", server.address()},
               {"state", to_text(health.state())},
               {"since_s", in_seconds(now - health.since())},
               {"weight", server.weight()},
               {"response_s", in_seconds(server.feedback().mean(now))},
               {"in_flight", server.in_flight().level()},
               {"limit", server.limit()},
               {"share", server.share()},
               {"connecting", server.connecting().level()}};
  if (!failure.empty()) json["last_failure"] = failure;
  json["results"] = results_json(server);
  json["connects"] = server.sum(connects);
  json["connect_failures"] = server.sum(connect_failures);
  json["reused"] = server.sum(reused);
  json["retries"] = server.sum(retries);
  json["times"] = to_json([&server](Stage stage) { return server.recent(stage); });
  return json;
}

/// By what the farm's algorithm tells requests apart; empty if it does not.
std::string hash_text(const topology::Farm& farm) {
  if (farm.balance == topology::Balance::source) return "source";
  if (farm.balance != topology::Balance::maglev) return {};
  return to_text(topology::hash_of(farm));
}

/// Servers that left the farm, as long as they still have something to do.
Json leaving_json(const Farm& farm) {
  Json leaving = Json::array();
  for (std::size_t i = 0; i < farm.size(); ++i) {
    const Server& server = farm.server(i);
    const std::uint32_t in_flight = server.in_flight().level();
    if (server.present() || in_flight == 0) continue;
    leaving.push_back(
        {{"name", server.name()}, {"address", server.address()}, {"in_flight", in_flight}});
  }
  return leaving;
}

Json queue_json(const Admission::Report& queue) {
  return {{"oldest_s", in_seconds(queue.oldest)},
          {"entered_total", queue.entered},
          {"refused_total", queue.refused},
          {"late_total", queue.late}};
}

/// What the limit of a copy was found out from.
Json gradient_json(const GradientLimit& gradient) {
  return {{"usual_s", in_seconds(gradient.usual())}, {"latest_s", in_seconds(gradient.latest())}};
}

Json panic_json(const Farm& farm, Instant now) {
  const Panic& panic = farm.panic();
  const topology::Panic& rule = farm.settings().panic;
  Json json = {{"active", panic.active()},
               {"below", rule.below},
               {"mode", rule.mode == topology::Panic::Mode::spread ? "spread" : "shed"},
               {"admitted", static_cast<double>(farm.admitted()) / Farm::all_admitted},
               {"times", panic.times()}};
  if (panic.times() > 0) json["since_s"] = in_seconds(now - panic.since());
  return json;
}

Json farm_json(const FarmView& view, Instant now) {
  const Farm& farm = *view.farm;
  const FarmReport report = farm.report(now);
  Json servers = Json::array();
  for (const std::size_t i : farm.order()) {
    servers.push_back(
        server_json(farm.server(i), view.prober->health(i), view.prober->last_failure(i), now));
    add_probe_facts(servers.back(), view, i, now);
    servers.back()["outlier"] = outlier_json(view.outliers->copy(i), now);
    if (!farm.allotments().adaptive()) continue;
    servers.back()["gradient"] = gradient_json(farm.allotments().gradient(i));
  }
  const auto sum = [&farm](Counter FarmTotals::*field) {
    return farm.sum([field](const FarmTotals& totals) -> const Counter& { return totals.*field; });
  };
  return {{"farm", farm.name()},
          {"mode", farm.settings().mode == topology::Mode::http ? "http" : "tcp"},
          {"balance", to_text(farm.settings().balance)},
          {"hash", hash_text(farm.settings())},
          {"sticky", farm.settings().sticky},
          {"port", farm.settings().port},
          {"copies", report.copies},
          {"usable", report.usable},
          {"capacity", report.capacity},
          {"load", report.load},
          {"limit", report.limit},
          {"adaptive", farm.settings().concurrency.adaptive ? "gradient" : "off"},
          {"panic", panic_json(farm, now)},
          {"waiting", report.waiting},
          {"queue", queue_json(farm.admission().report(now))},
          {"clients", farm.clients().level()},
          {"clients_total", sum(&FarmTotals::clients)},
          {"requests_total", sum(&FarmTotals::requests)},
          {"rejected_total", sum(&FarmTotals::rejected)},
          {"unserved_total", sum(&FarmTotals::unserved)},
          {"shed_total", sum(&FarmTotals::shed)},
          {"late_total", sum(&FarmTotals::late)},
          {"client_aborts_total", sum(&FarmTotals::aborted)},
          {"retries_left", farm.retry_budget().left()},
          {"retries_refused_total", farm.retry_budget().refused()},
          {"times", to_json([&farm](Stage stage) { return farm.recent(stage); })},
          {"probes", probes_json(view, now)},
          {"servers", std::move(servers)},
          {"leaving", leaving_json(farm)}};
}

Json reload_json(const ReloadReport& reloads, Instant now) {
  const bool any = reloads.done + reloads.refused > 0;
  return {{"done", reloads.done},
          {"refused", reloads.refused},
          {"last_s", any ? Json(in_seconds(now - reloads.last)) : Json(nullptr)},
          {"mistakes", reloads.mistakes}};
}

void add_server_samples(const RoomView& room, MetricFamily& family,
                        const std::function<double(const Server&)>& value) {
  for (const FarmView& view : room.farms) {
    for (const std::size_t i : view.farm->order()) {
      const Server& server = view.farm->server(i);
      family.samples.push_back({.labels = {{"room", std::string(room.room)},
                                           {"farm", view.farm->name()},
                                           {"server", server.name()}},
                                .value = value(server)});
    }
  }
}

MetricFamily server_family(const RoomView& room, const char* name, const char* help,
                           const std::function<double(const Server&)>& value) {
  MetricFamily family{
      .name = name, .help = help, .type = MetricFamily::Type::counter, .samples = {}};
  if (!family.name.ends_with("_total")) family.type = MetricFamily::Type::gauge;
  add_server_samples(room, family, value);
  return family;
}

MetricFamily results_family(const RoomView& room) {
  MetricFamily family{.name = "hither_lb_requests_total",
                      .help = "Requests given to a server, by what came back",
                      .type = MetricFamily::Type::counter,
                      .samples = {}};
  for (std::size_t kind = 0; kind < result_names.size(); ++kind) {
    const std::size_t before = family.samples.size();
    add_server_samples(room, family, [kind](const Server& server) {
      return static_cast<double>(results_of(server, kind));
    });
    for (std::size_t i = before; i < family.samples.size(); ++i) {
      family.samples[i].labels.emplace_back("result", result_names[kind]);
    }
  }
  return family;
}

MetricFamily ejections_family(const RoomView& room) {
  MetricFamily family{.name = "hither_lb_ejections_total",
                      .help = "Times a server was ejected for what became of its requests",
                      .type = MetricFamily::Type::counter,
                      .samples = {}};
  for (const FarmView& view : room.farms) {
    for (const std::size_t i : view.farm->order()) {
      family.samples.push_back({.labels = {{"room", std::string(room.room)},
                                           {"farm", view.farm->name()},
                                           {"server", view.farm->server(i).name()}},
                                .value = static_cast<double>(view.outliers->copy(i).ejections)});
    }
  }
  return family;
}

MetricFamily reloads_family(const RoomView& room) {
  MetricFamily family{.name = "hither_lb_reloads_total",
                      .help = "Times that the description was read again",
                      .type = MetricFamily::Type::counter,
                      .samples = {}};
  const std::string name(room.room);
  family.samples.push_back({.labels = {{"room", name}, {"result", "done"}},
                            .value = static_cast<double>(room.reloads->done)});
  family.samples.push_back({.labels = {{"room", name}, {"result", "refused"}},
                            .value = static_cast<double>(room.reloads->refused)});
  return family;
}

MetricFamily farm_family(const RoomView& room, const char* name, const char* help,
                         const std::function<double(const Farm&)>& value) {
  MetricFamily family{
      .name = name, .help = help, .type = MetricFamily::Type::counter, .samples = {}};
  if (!family.name.ends_with("_total")) family.type = MetricFamily::Type::gauge;
  for (const FarmView& view : room.farms) {
    family.samples.push_back(
        {.labels = {{"room", std::string(room.room)}, {"farm", view.farm->name()}},
         .value = value(*view.farm)});
  }
  return family;
}

/// What clients asked of each farm, also of copies that are gone, and of the room.
void add_requests(const RoomView& room, Metrics& metrics) {
  const auto requests = [](const FarmTotals& totals) -> const Counter& { return totals.requests; };
  metrics.push_back(farm_family(
      room, "hither_lb_farm_requests_total", "Requests of clients, in mode tcp connections",
      [requests](const Farm& farm) { return static_cast<double>(farm.sum(requests)); }));
  double all = 0;
  for (const MetricSample& sample : metrics.back().samples) all += sample.value;
  metrics.push_back({.name = "hither_lb_room_requests_total",
                     .help = "Requests of clients to all farms, in mode tcp connections",
                     .type = MetricFamily::Type::counter,
                     .samples = {{.labels = {{"room", std::string(room.room)}}, .value = all}}});
}

void add_queue_families(const RoomView& room, Metrics& metrics) {
  const auto add = [&](const char* name, const char* help, auto value) {
    metrics.push_back(farm_family(room, name, help, [value](const Farm& farm) {
      return static_cast<double>(value(farm.admission().report({})));
    }));
  };
  metrics.push_back(farm_family(
      room, "hither_lb_queue_requests", "Requests that wait now because all servers are full",
      [](const Farm& farm) { return static_cast<double>(farm.admission().waiting()); }));
  add("hither_lb_queue_entered_total", "Requests that had to wait for a server",
      [](const Admission::Report& queue) { return queue.entered; });
  add("hither_lb_queue_refused_total", "Requests refused because too many waited",
      [](const Admission::Report& queue) { return queue.refused; });
  add("hither_lb_queue_late_total", "Requests that waited in vain",
      [](const Admission::Report& queue) { return queue.late; });
}

template <class Select>
auto summed(Select select) {
  return [select](const auto& counted) { return static_cast<double>(counted.sum(select)); };
}

}  // namespace

RoomReport make_report(const RoomView& room, Instant now) {
  RoomReport report{.room = std::string(room.room), .draining = room.draining, .farms = {}};
  for (const FarmView& view : room.farms) report.farms.push_back(view.farm->report(now));
  return report;
}

bool is_serving(const RoomReport& report) {
  return std::ranges::all_of(report.farms, [](const FarmReport& farm) { return farm.usable > 0; });
}

std::string to_status_json(const RoomView& room, Instant now) {
  Json farms = Json::array();
  for (const FarmView& view : room.farms) farms.push_back(farm_json(view, now));
  Json json = {{"program", "hither-lb"},
               {"room", room.room},
               {"draining", room.draining},
               {"times", recent_times_json(room)},
               {"farms", std::move(farms)}};
  if (room.reloads != nullptr) json["reload"] = reload_json(*room.reloads, now);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Metrics make_metrics(const RoomView& room) {
  Metrics metrics;
  metrics.push_back(results_family(room));
  metrics.push_back(server_family(room, "hither_lb_server_up", "1 if the server may be picked",
                                  [](const Server& s) { return s.usable() ? 1.0 : 0.0; }));
  metrics.push_back(server_family(
      room, "hither_lb_server_ejected", "1 if the server is out for what became of its requests",
      [](const Server& s) { return s.standing() == Standing::good ? 0.0 : 1.0; }));
  metrics.push_back(ejections_family(room));
  metrics.push_back(
      server_family(room, "hither_lb_server_in_flight", "Requests at the server now",
                    [](const Server& s) { return double{1} * s.in_flight().level(); }));
  metrics.push_back(server_family(room, "hither_lb_server_limit",
                                  "Requests at once that the server is ever given; 0: no limit",
                                  [](const Server& s) { return double{1} * s.limit(); }));
  metrics.push_back(server_family(
      room, "hither_lb_server_share",
      "What the server has of its weight and limit: less than 1 while it is back for a short time",
      [](const Server& s) { return s.share(); }));
  metrics.push_back(server_family(room, "hither_lb_connects_total", "Connections opened to servers",
                                  summed(connects)));
  metrics.push_back(server_family(room, "hither_lb_connect_failures_total",
                                  "Connections that servers did not take",
                                  summed(connect_failures)));
  metrics.push_back(server_family(room, "hither_lb_reused_total",
                                  "Requests sent on an idle connection", summed(reused)));
  metrics.push_back(server_family(room, "hither_lb_retries_total",
                                  "Requests taken away and sent again", summed(retries)));
  add_requests(room, metrics);
  metrics.push_back(farm_family(room, "hither_lb_clients", "Client connections open now",
                                [](const Farm& f) { return double{1} * f.clients().level(); }));
  metrics.push_back(
      farm_family(room, "hither_lb_clients_total", "Client connections accepted",
                  summed([](const FarmTotals& t) -> const Counter& { return t.clients; })));
  metrics.push_back(
      farm_family(room, "hither_lb_rejected_total", "Requests that broke a rule of HTTP",
                  summed([](const FarmTotals& t) -> const Counter& { return t.rejected; })));
  metrics.push_back(
      farm_family(room, "hither_lb_unserved_total", "Requests for which no server could be had",
                  summed([](const FarmTotals& t) -> const Counter& { return t.unserved; })));
  metrics.push_back(
      farm_family(room, "hither_lb_shed_total", "Requests refused to spare the servers left",
                  summed([](const FarmTotals& t) -> const Counter& { return t.shed; })));
  metrics.push_back(farm_family(room, "hither_lb_panic", "1 while too few servers are usable",
                                [](const Farm& f) { return f.panic().active() ? 1.0 : 0.0; }));
  metrics.push_back(
      farm_family(room, "hither_lb_late_total", "Requests or responses not in time",
                  summed([](const FarmTotals& t) -> const Counter& { return t.late; })));
  metrics.push_back(farm_family(
      room, "hither_lb_retries_refused_total", "Retries that the farm's budget did not allow",
      [](const Farm& f) { return static_cast<double>(f.retry_budget().refused()); }));
  add_queue_families(room, metrics);
  metrics.push_back(farm_family(
      room, "hither_lb_client_aborts_total", "Requests given up because the client left",
      summed([](const FarmTotals& t) -> const Counter& { return t.aborted; })));
  metrics.push_back(
      farm_family(room, "hither_lb_access_log_dropped_total",
                  "Lines of the access log that nobody took in time",
                  summed([](const FarmTotals& t) -> const Counter& { return t.unlogged; })));
  metrics.push_back(
      farm_family(room, "hither_lb_relayed_bytes_total", "Bytes of bulk relayed in the kernel",
                  summed([](const FarmTotals& t) -> const Counter& { return t.relayed_bytes; })));
  add_probe_metrics(room, metrics);
  add_times(room, metrics);
  if (room.reloads != nullptr) metrics.push_back(reloads_family(room));
  return metrics;
}

}  // namespace hither::lb
