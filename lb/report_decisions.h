// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "lb/report.h"

namespace hither::lb {

/// Which decisions somebody wants to see.
struct DecisionQuery {
  std::string farm;     ///< empty: of all farms
  std::string request;  ///< an id; empty: of all requests
  std::size_t last = 10;
};

/// The body of GET /decisions: how the last requests of a farm came to their copies, the newest
/// first, with every copy and what became of it in words; docs/balancing.md says how to read it.
/// What is known only now (why a probe failed, how long an ejection lasts) is said of copies that
/// are still in that state. One line of JSON.
std::string to_decisions_json(const RoomView& room, const DecisionQuery& query, Instant now);

}  // namespace hither::lb
