// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/time.h"
#include "lb/copy_plan.h"
#include "lb/gradient.h"
#include "lb/slow_start.h"
#include "topology/description.h"

namespace hither::lb {

/// What one copy is given at this moment.
struct Allotment {
  std::uint32_t weight = topology::weight_usual;
  std::uint32_t limit = 0;  ///< requests at once; 0: as many as come
  double share = 1;         ///< of what it gets when it is warm (lb/slow_start.h)
};

/// What every copy of one farm in one room is given: what the description says of its weight and
/// limit, what was found out about the limit (GradientLimit), and how much of both it has so far
/// (SlowStart). The one place where these three meet, so that each holds whatever the others do and
/// whenever the description changes: a ramp goes on through a change of weights, under a new length
/// from where that would be by now; a limit that was learned is kept within the new bounds; heirs
/// (lb/copy_plan.h) have what their predecessors had. Pure; one owner, the main thread, through
/// Farm.
class Allotments {
 public:
  /// What is known of one copy at a step.
  struct Seen {
    bool usable = false;
    std::uint32_t in_flight = 0;
    Answers answers;
  };

  /// What was found out about one copy, for another process.
  struct Learned {
    std::optional<Duration> ramped;  ///< SlowStart::ramped()
    GradientLimit::Learned limit;    ///< nothing where limits are not adaptive
  };

  /// The rules from now on, and who came and went. Weights of those that came are usual until
  /// set_weight(). `farm` must stay until the next call.
  void change(const topology::Farm& farm, const CopyPlan& plan);
  /// What the description says of its weight.
  void set_weight(std::size_t place, std::uint32_t weight);
  /// It is up by its probes.
  void came_up(std::size_t place) { copies_[place].ramp.came_up(); }
  Learned learned(std::size_t place, Instant now) const;
  /// That of another process, as far as the rules here have a use for it. Before the first step().
  void inherit(std::size_t place, const Learned& learned, Instant now);
  /// One element for each place. Unless it `ramps`, every copy has all of its share at once, and
  /// keeps it: there are too few to spare any.
  void step(std::span<const Seen> seen, bool ramps, Instant now);

  const Allotment& of(std::size_t place) const { return copies_[place].given; }
  /// What it gets when it is warm.
  std::uint32_t full_weight(std::size_t place) const { return copies_[place].weight; }
  /// What its limit comes from, where that is adaptive.
  const GradientLimit& gradient(std::size_t place) const { return copies_[place].gradient; }
  bool adaptive() const { return farm_ != nullptr && farm_->concurrency.adaptive; }

 private:
  struct Copy {
    std::uint32_t weight = topology::weight_usual;
    SlowStart ramp;
    GradientLimit gradient;
    Allotment given;
  };

  void work_out(Copy& copy) const;

  const topology::Farm* farm_ = nullptr;
  std::vector<Copy> copies_;  ///< by place
};

}  // namespace hither::lb
