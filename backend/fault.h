// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace hither::backend {

/// The faults a stand-in server shows at the moment. They add up until they are healed. A plain
/// value.
struct Faults {
  Duration slow{0};             ///< added to the service time of new requests
  std::optional<double> error;  ///< replaces the error rate
  bool sick = false;            ///< /health says 503, all else works
  bool freeze = false;          ///< the process lives, and answers nothing
  bool refuse = false;          ///< no connection is accepted, those there are closed

  friend bool operator==(const Faults&, const Faults&) = default;
};

/// How to die: with this exit status, or by abort().
struct Crash {
  std::optional<int> status;

  friend bool operator==(const Crash&, const Crash&) = default;
};

/// What one POST /fault asks for: changes to the faults, or a crash. `heal` is applied first.
struct FaultOrder {
  bool heal = false;
  std::optional<Duration> slow;
  std::optional<double> error;
  std::optional<bool> sick;
  std::optional<bool> freeze;
  std::optional<bool> refuse;
  std::optional<Crash> crash;
};

/// Reads an order from the query of the URL ("slow=200ms&error=0.5", "freeze", "crash=3"), from a
/// JSON object with the same keys ({"slow": 200, "freeze": true}), or from both. A bare number for
/// `slow` is in milliseconds. Fails on unknown keys, on wrong values, and if nothing is asked for.
[[nodiscard]] Result<FaultOrder> parse_fault_order(std::string_view query, std::string_view json);

Faults apply(const FaultOrder& order, Faults faults);

/// One line of JSON, always all keys in the same order.
std::string to_json(const Faults& faults);

}  // namespace hither::backend
