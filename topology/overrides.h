// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "topology/description.h"

namespace hither::topology {

/// Seconds since 1970, UTC. Overrides outlive every program, so they cannot stand on the monotonic
/// clock; whoever steers by them is handed the wall clock and turns it into instants.
using WallTime = std::chrono::sys_seconds;

/// "2026-11-24T10:00:00Z". Between the years 1970 and 9999.
std::string to_text(WallTime time);
[[nodiscard]] Result<WallTime> parse_wall_time(std::string_view text);

/// More than that in one file is a mistake: an operator's word on everything is no override.
constexpr std::size_t overrides_max = 1000;

/// What an operator has said of a room, over what its probes say.
struct Override {
  /// drain: clients go elsewhere, over a time if one is given; connections stay. down: as if the
  /// probes failed. up: as if they passed.
  enum class Kind { drain, down, up };
  std::string room;
  std::string farm;  ///< empty: all farms of the room
  Kind kind = Kind::down;
  WallTime since{};
  Duration over{};  ///< of a drain; 0: at once
  std::string reason;
  Position where;  ///< not compared

  friend bool operator==(const Override& one, const Override& other) {
    return one.room == other.room && one.farm == other.farm && one.kind == other.kind &&
           one.since == other.since && one.over == other.over && one.reason == other.reason;
  }
};
std::string_view to_text(Override::Kind kind);

/// The desired state beside the description: a small TOML file that commands write and people may
/// edit. At most one override for each (room, farm) and one for each room as a whole; where both
/// fit, the farm's own counts. Pure values and text.
///
///     [[override]]
///     room = "fra"
///     farm = "web"                       # all farms if left out
///     state = "drain"                    # drain, down or up
///     since = "2026-11-24T10:00:00Z"
///     over = "10m"                       # of a drain; at once if left out
///     reason = "new switches"            # for people
struct Overrides {
  std::vector<Override> all;

  /// The one that counts for a farm in a room, or nullptr.
  const Override* find(std::string_view room, std::string_view farm) const;
  /// Replaces what was said of the same room and farm. An override of a whole room takes away those
  /// of its farms.
  void set(Override change);
  /// Takes away what was said of the farm, or of the room and all its farms if `farm` is empty.
  /// False if there was nothing.
  bool restore(std::string_view room, std::string_view farm);

  friend bool operator==(const Overrides&, const Overrides&) = default;
};

/// Reads the file; every mistake as a line with its place and cure. An empty text is no overrides.
struct OverridesReading {
  std::optional<Overrides> overrides;
  std::vector<Error> mistakes;
};
OverridesReading read_overrides(std::string_view text, const std::string& file);

/// The text of the file, the same for equal overrides.
std::string to_toml(const Overrides& overrides);

/// Where the room or farm is none of the description: what is wrong, what would be right.
std::optional<std::string> find_stranger(const Override& one, const Description& description);

}  // namespace hither::topology
