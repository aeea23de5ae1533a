// SPDX-License-Identifier: Apache-2.0
#include "backend/fault.h"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "backend/settings.h"
#include "base/text.h"

namespace hither::backend {
namespace {

using Json = nlohmann::ordered_json;
/// Both ways of asking become this: key and value as text.
using Wishes = std::vector<std::pair<std::string, std::string>>;

constexpr std::string_view advice =
    "ask for slow, error, sick, freeze, refuse, crash or heal, as in POST /fault?slow=200ms";

void add_query(std::string_view query, Wishes& wishes) {
  if (query.empty()) return;
  for (const std::string_view part : split(query, '&')) {
    const std::size_t equals = part.find('=');
    const bool bare = equals == std::string_view::npos;
    wishes.emplace_back(part.substr(0, equals), bare ? "true" : part.substr(equals + 1));
  }
}

Result<void> add_json(std::string_view text, Wishes& wishes) {
  if (trim(text).empty()) return {};
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return fail(fmt::format("the body is not a JSON object; {}", advice));
  for (const auto& [key, value] : json.items()) {
    if (value.is_structured()) {
      return fail(fmt::format("'{}' has a list or object for its value; write one value", key));
    }
    wishes.emplace_back(key, value.is_string() ? value.get<std::string>() : value.dump());
  }
  return {};
}

Result<bool> parse_flag(std::string_view key, std::string_view value) {
  if (value == "true" || value == "1") return true;
  if (value == "false" || value == "0") return false;
  return fail(fmt::format("{}={} is neither true nor false", key, value));
}

Result<Duration> parse_slow(std::string_view value) {
  const auto milliseconds = parse_number(value);
  auto slow = milliseconds ? parse_duration(fmt::format("{}ms", value)) : parse_duration(value);
  if (slow && *slow > std::chrono::hours(1)) return fail("slow is at most 1h");
  return slow;
}

Result<Crash> parse_crash(std::string_view value) {
  if (value == "true" || value == "abort") return Crash{};
  const auto status = parse_number(value);
  if (!status || *status > 255) {
    return fail(fmt::format("crash={} is neither abort nor an exit status up to 255", value));
  }
  return Crash{.status = static_cast<int>(*status)};
}

/// Puts a parsed value into its place in the order; nothing, or why it could not be parsed.
template <class T, class Place>
Result<void> put(Result<T> value, Place& place) {
  if (!value) return tl::unexpected<Error>(value.error());
  place = *value;
  return {};
}

Result<void> add_wish(std::string_view key, std::string_view value, FaultOrder& order) {
  if (key == "heal") return put(parse_flag(key, value), order.heal);
  if (key == "slow") return put(parse_slow(value), order.slow);
  if (key == "error") return put(parse_share(value), order.error);
  if (key == "sick") return put(parse_flag(key, value), order.sick);
  if (key == "freeze") return put(parse_flag(key, value), order.freeze);
  if (key == "refuse") return put(parse_flag(key, value), order.refuse);
  if (key == "crash") return put(parse_crash(value), order.crash);
  return fail(fmt::format("'{}' is not a fault; {}", key, advice));
}

}  // namespace

Result<FaultOrder> parse_fault_order(std::string_view query, std::string_view json) {
  Wishes wishes;
  add_query(query, wishes);
  if (const auto added = add_json(json, wishes); !added) {
    return tl::unexpected<Error>(added.error());
  }
  if (wishes.empty()) return fail(fmt::format("nothing is asked for; {}", advice));
  FaultOrder order;
  for (const auto& [key, value] : wishes) {
    const auto added = add_wish(key, value, order);
    if (!added) return tl::unexpected<Error>(added.error());
  }
  return order;
}

Faults apply(const FaultOrder& order, Faults faults) {
  if (order.heal) faults = {};
  if (order.slow) faults.slow = *order.slow;
  if (order.error) faults.error = *order.error;
  if (order.sick) faults.sick = *order.sick;
  if (order.freeze) faults.freeze = *order.freeze;
  if (order.refuse) faults.refuse = *order.refuse;
  return faults;
}

std::string to_json(const Faults& faults) {
  const Json json = {{"slow", hither::to_text(faults.slow)},
                     {"error", faults.error ? Json(*faults.error) : Json(nullptr)},
                     {"sick", faults.sick},
                     {"freeze", faults.freeze},
                     {"refuse", faults.refuse}};
  return json.dump();
}

}  // namespace hither::backend
