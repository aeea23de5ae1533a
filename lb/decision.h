// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/time.h"
#include "lb/access_record.h"
#include "topology/description.h"

namespace hither::lb {

/// How a pick came about.
enum class Chosen : std::uint8_t {
  by_algorithm,
  by_cookie,     ///< the client's sticky cookie names it
  on_probation,  ///< its one request
  none,          ///< nobody was left
  shed,          ///< too few are left (lb/panic.h)
};

/// What a decision made of one copy.
enum class Part : std::uint8_t {
  chosen,
  outdone,  ///< looked at, and another was better
  passed,   ///< looked at, and passed over because it was crowded
  unseen,   ///< a candidate, but not looked at
  // No candidates:
  tried,      ///< it was offered this request before
  full,       ///< it has all it is ever given at once, or others wait for it
  drained,    ///< of weight 0
  down,       ///< by its probes
  ejected,    ///< for what became of its requests
  probation,  ///< the same, and somebody else tries it
};

const char* to_text(Part part);

struct CopyInDecision {
  std::uint32_t server = 0;  ///< its place in the farm
  std::uint32_t in_flight = 0;
  std::uint32_t weight = 0;
  bool in_any_case = false;  ///< it is not usable, and a candidate all the same
  float response_ms = 0;     ///< what the algorithm takes for its time; 0: never heard of
  float score = 0;           ///< of those that were looked at
  Part part = Part::unseen;
  bool looked_at = false;
  bool crowded = false;
};

/// One pick of a copy, as plain data of fixed size: recorded by the thread that picks, read and put
/// into words by the main thread (lb/report_decisions.h).
struct Decision {
  /// More than an algorithm looks at, and the one picked.
  static constexpr std::size_t copies_max = 20;

  Instant at{};
  ShortText<64> request;     ///< its id; empty in TCP mode
  std::int32_t attempt = 1;  ///< 2: the first retry
  std::int64_t retries_left = 0;
  topology::Balance balance = topology::Balance::least_request;
  Chosen chosen = Chosen::none;
  bool alone = false;          ///< there was one candidate only
  bool panic = false;          ///< all copies were candidates, whatever was said of them
  std::uint32_t server = 0;    ///< the one picked, unless `none`
  std::uint32_t copies = 0;    ///< said below, in the order of the farm
  std::uint32_t left_out = 0;  ///< beyond copies_max; never those that were looked at
  std::array<CopyInDecision, copies_max> copy;

  bool nobody() const { return chosen == Chosen::none || chosen == Chosen::shed; }
  /// In some words: why this copy, and what became of each.
  std::string why() const;
  std::string why(const CopyInDecision& one) const;

 private:
  std::string why_picked() const;
};

}  // namespace hither::lb
