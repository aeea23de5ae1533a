// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hither {

/// What one balancer says about one farm of its room.
struct FarmReport {
  std::string farm;
  std::int64_t copies = 0;  ///< servers known to the balancer
  std::int64_t usable = 0;  ///< of these, up by its health checks
  std::int64_t capacity =
      0;                  ///< requests (or connections) at once that the usable copies can carry
  std::int64_t load = 0;  ///< of these, in flight now

  friend bool operator==(const FarmReport&, const FarmReport&) = default;
};

/// What a balancer says about its room at GET /health, and what the DNS reads there: the one
/// contract between the two. Status 200 if every farm has a usable copy, else 503; the body is the
/// same JSON.
struct RoomReport {
  std::string room;
  bool draining = false;
  std::vector<FarmReport> farms;

  friend bool operator==(const RoomReport&, const RoomReport&) = default;
};

/// One line of JSON with a stable order of keys.
std::string to_json(const RoomReport& report);
/// Unknown keys are ignored, so that newer balancers may say more; missing or mistyped ones fail.
[[nodiscard]] Result<RoomReport> parse_room_report(std::string_view text);

}  // namespace hither
