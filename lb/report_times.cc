// SPDX-License-Identifier: Apache-2.0
#include "lb/report_times.h"

#include <nlohmann/json.hpp>
#include <optional>

namespace hither::lb {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::ordered_json;

struct StageText {
  Stage stage;
  const char* of_room;
  const char* of_farm;
  const char* of_server;
  const char* help;
};
constexpr StageText texts[] = {
    {Stage::queue, "hither_lb_room_queue_seconds", "hither_lb_queue_seconds", nullptr,
     "From the whole head of a request until a server was picked"},
    {Stage::connect, "hither_lb_room_connect_seconds", "hither_lb_connect_seconds",
     "hither_lb_server_connect_seconds", "Until a new connection to a server was there"},
    {Stage::response, "hither_lb_room_response_seconds", "hither_lb_response_seconds",
     "hither_lb_server_response_seconds",
     "From the connection until the head of the response was read"},
    {Stage::total, "hither_lb_room_request_seconds", "hither_lb_request_seconds",
     "hither_lb_server_request_seconds",
     "From the first byte of a request to its end, or of a connection in TCP mode"},
};

Json milliseconds(const std::optional<Duration>& time) {
  if (!time) return {};
  return std::chrono::duration<double, std::milli>(*time).count();
}

/// Nobody reads the head of a response in TCP mode.
bool has(const Farm& farm, Stage stage) {
  return stage != Stage::response || farm.settings().mode == topology::Mode::http;
}

MetricFamily family_of(const char* name, const char* help) {
  return {.name = name, .help = help, .type = MetricFamily::Type::histogram, .samples = {}};
}

/// From 0.25 ms to 33 s.
std::vector<Duration> fine_edges() { return log_linear_edges(250us, 17, 4); }

MetricFamily room_family(const RoomView& room, const StageText& text) {
  HistogramView all;
  bool any = false;
  for (const FarmView& view : room.farms) {
    if (!has(*view.farm, text.stage)) continue;
    all.merge(view.farm->times(text.stage));
    any = true;
  }
  MetricFamily family = family_of(text.of_room, text.help);
  if (any) {
    family.samples.push_back(to_sample(all, fine_edges(), {{"room", std::string(room.room)}}));
  }
  return family;
}

MetricFamily farms_family(const RoomView& room, const StageText& text) {
  const std::vector<Duration> edges = fine_edges();
  MetricFamily family = family_of(text.of_farm, text.help);
  for (const FarmView& view : room.farms) {
    const Farm& farm = *view.farm;
    if (!has(farm, text.stage)) continue;
    family.samples.push_back(to_sample(farm.times(text.stage), edges,
                                       {{"room", std::string(room.room)}, {"farm", farm.name()}}));
  }
  return family;
}

MetricFamily servers_family(const RoomView& room, const StageText& text) {
  const std::vector<Duration> edges = log_linear_edges(250us, 14, 2);  // to 4 s
  MetricFamily family = family_of(text.of_server, text.help);
  for (const FarmView& view : room.farms) {
    if (!has(*view.farm, text.stage)) continue;
    for (const std::size_t i : view.farm->order()) {
      const Server& server = view.farm->server(i);
      family.samples.push_back(to_sample(server.times(text.stage), edges,
                                         {{"room", std::string(room.room)},
                                          {"farm", view.farm->name()},
                                          {"server", server.name()}}));
    }
  }
  return family;
}

}  // namespace

Json to_json(const std::function<HistogramView(Stage)>& times) {
  Json json = Json::object();
  for (const Stage stage : stages) {
    const HistogramView view = times(stage);
    json[to_text(stage)] = {{"count", view.count()},
                            {"p50_ms", milliseconds(view.quantile(0.5))},
                            {"p90_ms", milliseconds(view.quantile(0.9))},
                            {"p99_ms", milliseconds(view.quantile(0.99))}};
  }
  return json;
}

Json recent_times_json(const RoomView& room) {
  return to_json([&room](Stage stage) {
    HistogramView all;
    for (const FarmView& view : room.farms) all.merge(view.farm->recent(stage));
    return all;
  });
}

void add_times(const RoomView& room, Metrics& metrics) {
  for (const StageText& text : texts) {
    metrics.push_back(room_family(room, text));
    metrics.push_back(farms_family(room, text));
    if (text.of_server != nullptr) metrics.push_back(servers_family(room, text));
  }
}

}  // namespace hither::lb
