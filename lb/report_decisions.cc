// SPDX-License-Identifier: Apache-2.0
#include "lb/report_decisions.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/text.h"

namespace hither::lb {
namespace {

using Json = nlohmann::ordered_json;

/// To three decimals: nobody compares more of it.
double rounded(double number) { return std::round(number * 1000) / 1000; }

/// More about a copy that is out, if it is out still.
std::string cause_of(const FarmView& view, const CopyInDecision& one, Instant now) {
  if (one.part == Part::down && !view.farm->server(one.server).healthy()) {
    return view.prober->last_failure(one.server);
  }
  const Outliers::Copy& outlier = view.outliers->copy(one.server);
  if (one.part != Part::ejected || outlier.standing != Standing::ejected) return {};
  const auto left = std::chrono::ceil<std::chrono::seconds>(outlier.until - now);
  return outlier.reason + ", for " + to_rough_text(std::max<Duration>(left, Duration::zero()));
}

Json copy_json(const FarmView& view, const Decision& decision, const CopyInDecision& one,
               Instant now) {
  std::string why = decision.why(one);
  if (const std::string cause = cause_of(view, one, now); !cause.empty()) why += ": " + cause;
  Json json = {{"server", view.farm->server(one.server).name()},
               {"part", to_text(one.part)},
               {"in_flight", one.in_flight},
               {"weight", one.weight},
               {"response_ms", Json()},
               {"score", Json()},
               {"why", std::move(why)}};
  if (one.response_ms > 0) json["response_ms"] = rounded(one.response_ms);
  if (one.looked_at) json["score"] = rounded(one.score);
  return json;
}

Json decision_json(const FarmView& view, const Decision& decision, Instant now) {
  Json copies = Json::array();
  for (std::uint32_t i = 0; i < decision.copies; ++i) {
    copies.push_back(copy_json(view, decision, decision.copy[i], now));
  }
  const bool picked = !decision.nobody();
  const bool refused = picked && decision.attempt > 1 && decision.retries_left <= 0;
  return {{"ago_s", rounded(in_seconds(now - decision.at))},
          {"request", decision.request.empty() ? Json() : Json(decision.request.text())},
          {"attempt", decision.attempt},
          {"retries_left", decision.retries_left},
          {"refused", refused},
          {"balance", to_text(decision.balance)},
          {"server", picked ? Json(view.farm->server(decision.server).name()) : Json()},
          {"panic", decision.panic                    ? "spread"
                    : decision.chosen == Chosen::shed ? "shed"
                                                      : ""},
          {"why", refused ? "picked, but the farm's retry budget is spent" : decision.why()},
          {"copies", std::move(copies)},
          {"left_out", decision.left_out}};
}

Json farm_json(const FarmView& view, const DecisionQuery& query, Instant now) {
  std::vector<Decision> decisions;
  bool all = false;
  for (unsigned thread = 0; thread < view.farm->threads(); ++thread) {
    const DecisionLog& log = view.farm->decisions(thread);
    all = all || log.records_all(now);
    std::ranges::copy(log.newest(), std::back_inserter(decisions));
  }
  if (!query.request.empty()) {
    std::erase_if(decisions,
                  [&query](const Decision& one) { return one.request.text() != query.request; });
  }
  std::ranges::stable_sort(decisions, std::ranges::greater{}, &Decision::at);
  Json list = Json::array();
  for (const Decision& decision : decisions) {
    if (list.size() == query.last) break;
    list.push_back(decision_json(view, decision, now));
  }
  return {{"farm", view.farm->name()}, {"records", all ? "all" : "sample"}, {"decisions", list}};
}

}  // namespace

std::string to_decisions_json(const RoomView& room, const DecisionQuery& query, Instant now) {
  Json farms = Json::array();
  for (const FarmView& view : room.farms) {
    if (query.farm.empty() || query.farm == view.farm->name()) {
      farms.push_back(farm_json(view, query, now));
    }
  }
  const Json json = {{"room", room.room}, {"farms", std::move(farms)}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace hither::lb
