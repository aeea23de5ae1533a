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
  /// Requests (or connections) at once that the usable copies are expected to carry; never more
  /// than `limit`, where there is one.
  std::int64_t capacity = 0;
  std::int64_t load = 0;  ///< in flight now
  // What older balancers do not say; it is 0 then.
  std::int64_t limit = 0;    ///< that they are ever given at once, in all; 0: there is none
  std::int64_t waiting = 0;  ///< in the queue, because all have that many
  std::int64_t wait_ms = 0;  ///< how long the first of these has waited

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
/// Unknown keys are ignored, so that newer balancers may say more; missing or mistyped ones fail,
/// but for those that older balancers do not say.
[[nodiscard]] Result<RoomReport> parse_room_report(std::string_view text);

}  // namespace hither
