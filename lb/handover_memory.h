// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "lb/farm.h"
#include "lb/gradient.h"
#include "lb/outlier.h"
#include "lb/probe.h"
#include "lb/report.h"

namespace hither::lb {

/// What a balancer knows of its copies, for the process that takes its place: so that this neither
/// has to probe them all before it serves, nor forgets who was ejected, nor takes the slowest copy
/// for the fastest, nor gives a cold one everything. Durations are ages or remainders, never
/// instants: they mean the same to both.
///
/// As JSON it outlives versions: keys are only ever added, what is unknown is ignored, and what is
/// missing is as if it had never been known.
struct CopyMemory {
  std::string name;
  std::string address;   ///< as described; with the name it says which copy this is
  std::string endpoint;  ///< where that was found to be; empty: nowhere yet
  bool known = false;    ///< it was probed, and this is what came of it:
  bool up = false;
  Duration in_state{};
  std::string failure;
  Standing standing = Standing::good;  ///< as to its requests; one on probation counts as ejected
  std::string reason;
  Duration out_for{};   ///< still
  Duration backoff{};   ///< how long its last ejection was
  Duration back_for{};  ///< since it came back from that; zero: it did not
  std::uint64_t ejections = 0;
  Duration peak{};  ///< response times (lb/feedback.h); zero: none
  Duration mean{};
  Duration pace{};
  std::optional<Duration> ramped;  ///< of its slow start (lb/slow_start.h); nullopt: it has none
  GradientLimit::Learned limit;    ///< that was found out (lb/gradient.h), if any

  friend bool operator==(const CopyMemory&, const CopyMemory&) = default;
};

struct FarmMemory {
  std::string name;
  std::vector<CopyMemory> copies;

  friend bool operator==(const FarmMemory&, const FarmMemory&) = default;
};

struct RoomMemory {
  std::string room;
  std::uint64_t generation = 0;  ///< how many processes had the room before, one after the other
  std::vector<FarmMemory> farms;

  friend bool operator==(const RoomMemory&, const RoomMemory&) = default;
};

/// What is to be told of a room. Main thread.
RoomMemory remember(const RoomView& room, Instant now);
/// Takes over what is known of copies that the farm has too. Returns how many those are; the others
/// are to be probed. Those at addresses that are new beside them join others that serve, and so
/// start slowly. Before anybody picks. Main thread.
std::size_t recall(const FarmMemory& memory, Farm& farm, Prober& prober, Outliers& outliers,
                   Instant now);

std::string to_json(const RoomMemory& memory);
/// nullopt if it is no such document.
std::optional<RoomMemory> parse_room_memory(const std::string& text);

}  // namespace hither::lb
