// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/counter.h"
#include "base/rng.h"
#include "base/time.h"
#include "lb/feedback.h"
#include "topology/description.h"

namespace hither::lb {

/// A server that may be picked: it is usable, its weight is above 0, and the request was not
/// offered to it before. What points into it must outlive the candidate.
struct Candidate {
  std::uint32_t server = 0;  ///< its place in the farm; candidates are ordered by it
  /// Its requests, each from the pick on, so one that still waits for its TCP connect is load too:
  /// else a server that swallows connects looks idle and draws everything.
  const Gauge* load = nullptr;
  const Feedback* feedback = nullptr;
  std::uint32_t weight = 100;  ///< its share beside the others'; above 0
  std::uint32_t room = 100;    ///< requests at once that it can carry
  std::uint64_t identity = 0;  ///< a hash of its address: the same in every process

  std::uint32_t in_flight() const { return load->level(); }
  /// In flight per weight, with one request more. What "busier" means.
  double busyness() const { return (double{1} + in_flight()) / weight; }
};

/// Is `one` busier than `other`? Exact, without a division.
inline bool busier(const Candidate& one, const Candidate& other) {
  return (std::uint64_t{1} + one.in_flight()) * other.weight >
         (std::uint64_t{1} + other.in_flight()) * one.weight;
}

/// What an algorithm looked at for one pick, for who asks why. What does not fit is not said.
struct Look {
  std::size_t position = 0;  ///< among the candidates
  double score = 0;          ///< what it compared by: docs/balancing.md
  bool crowded = false;      ///< hot, full, or above its bound
};
class Looks {
 public:
  static constexpr std::size_t most = 16;
  void clear() { count_ = 0; }
  /// The first look at a candidate counts.
  void add(const Look& look);
  std::span<const Look> all() const { return std::span(looks_).first(count_); }

 private:
  std::array<Look, most> looks_;
  std::size_t count_ = 0;
};

/// What an algorithm knows of a request.
struct Ask {
  std::uint64_t hash = 0;  ///< equal for requests that should go to one server
  Instant now{};
  Looks* looks = nullptr;  ///< null: nobody wants to know
};

/// A way to pick a server: which one gets the next request. One object per thread and farm, so it
/// may keep a turn or a table without a lock. Pure: chance and time are arguments.
class Algorithm {
 public:
  virtual ~Algorithm() = default;
  /// These are all candidates from now on, until it is called again: servers came, went or changed
  /// their weight. May allocate.
  virtual void set_candidates(std::span<const Candidate> /*all*/) {}
  /// A position in `candidates`: all of them, or those that are left for a second attempt; at least
  /// one. Never allocates.
  virtual std::size_t pick(std::span<const Candidate> candidates, const Ask& ask, Rng& rng) = 0;
};

/// The algorithm of this name. docs/balancing.md says which is good for what.
std::unique_ptr<Algorithm> make_algorithm(topology::Balance balance);

/// The least busy of all, the first of equals: for when a rule has nobody left.
std::size_t least_busy(std::span<const Candidate> candidates);

/// Two different positions below `size` by lot. Precondition: size >= 2.
struct Two {
  std::size_t one = 0;
  std::size_t other = 0;
};
Two draw_two(std::size_t size, Rng& rng);

}  // namespace hither::lb
