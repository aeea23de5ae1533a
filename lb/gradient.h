// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/time.h"
#include "topology/description.h"

namespace hither::lb {

/// What a copy answered well since the start, summed over all threads.
struct Answers {
  std::uint64_t count = 0;
  Duration took{};  ///< all their response times together
};

/// How many requests at once one copy is given, found out from how long it takes: Gradient2 of
/// Netflix's concurrency-limits. Two averages of its response time are compared, what it takes now
/// and what it usually takes. While it takes no more than 1.5 times the usual the limit grows by a
/// small allowance for a queue; beyond that it shrinks in proportion, to the half at most, and a
/// fifth of the way there at each step:
///
///     gradient = clamp(1.5 * usual / now, 0.5, 1)
///     limit   <- 0.8 * limit + 0.2 * (limit * gradient + max(4, sqrt(limit)))
///
/// within the bounds of the rule. A limit of which less than half is in use says nothing, so it
/// stays. The usual is a moving average over 600 steps (two minutes), the plain mean of the first
/// ten; where it is more than twice what is taken now it falls by a twentieth, for then it was
/// learned in bad times.
///
/// What it cannot know: if a copy is overloaded for minutes, slow becomes the usual, and the limit
/// goes on growing, in a few minutes to twice as much, up to `most`.
///
/// Pure; one owner, who steps it a few times a second. A step counts once there were ten answers
/// since the last that did, or any within a second: less would be chance.
class GradientLimit {
 public:
  static constexpr double tolerance = 1.5;
  static constexpr double smoothing = 0.2;
  static constexpr double queue_least = 4;
  static constexpr unsigned window_steps = 600;
  static constexpr unsigned warm_up_steps = 10;
  static constexpr std::uint64_t answers_min = 10;
  static constexpr Duration wait_max = std::chrono::seconds(1);
  /// Where the description names none.
  static constexpr int most_usual = 1000;

  /// The bounds from now on, and what it begins with: it stays as it is where that is within them.
  void change(const topology::Concurrency& rule, int first);
  /// The next step() brings sums of another count: it only learns where they begin.
  void count_anew() { counts_ = false; }
  /// What was found out, for another process.
  struct Learned {
    double limit = 0;
    Duration usual{};
    std::uint64_t samples = 0;  ///< steps that counted; 0: nothing was found out

    friend bool operator==(const Learned&, const Learned&) = default;
  };
  Learned learned() const { return {.limit = limit_, .usual = usual(), .samples = samples_}; }
  /// That of another process, as far as the bounds allow. What makes no sense changes nothing.
  void inherit(const Learned& learned);
  /// `learn`: what was answered since the last step tells how the copy usually is. Not so while it
  /// warms up.
  void step(const Answers& answers, std::uint32_t in_flight, bool learn, Instant now);

  /// A whole number, at least 1.
  std::uint32_t limit() const { return static_cast<std::uint32_t>(limit_); }
  /// What the copy usually takes, and what it took at the last step that counted; zero before one.
  Duration usual() const { return Duration(static_cast<std::int64_t>(usual_ns_)); }
  Duration latest() const { return Duration(static_cast<std::int64_t>(latest_ns_)); }

 private:
  void learn(double sample_ns);
  void adjust(std::uint32_t in_flight);

  double least_ = 1;
  double most_ = most_usual;
  double limit_ = 0;  ///< 0: none yet
  double usual_ns_ = 0;
  double latest_ns_ = 0;
  unsigned samples_ = 0;  ///< up to window_steps
  bool counts_ = false;
  Answers counted_;
  Instant counted_at_{};
};

}  // namespace hither::lb
