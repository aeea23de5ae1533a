// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/histogram.h"

namespace hither::lb {

/// The spans of time that the access log and the metrics tell of a request (docs/access_log.md).
enum class Stage : std::uint8_t { queue, connect, response, total };
constexpr std::array<Stage, 4> stages = {Stage::queue, Stage::connect, Stage::response,
                                         Stage::total};
/// "queue", ...
const char* to_text(Stage stage);

/// What one thread measured of the requests of one farm, or of one copy. A span that a request
/// never reached counts in none of them.
class Timings {
 public:
  void add(Stage stage, Duration took) { histograms_[static_cast<std::size_t>(stage)].add(took); }
  const Histogram& of(Stage stage) const { return histograms_[static_cast<std::size_t>(stage)]; }

 private:
  std::array<Histogram, stages.size()> histograms_;
};

/// The spans of the last 30 to 60 seconds (less after the start), for who asks how it goes now:
/// quantiles over months tell nothing about a minute. One owner.
class RecentTimings {
 public:
  static constexpr Duration turn = std::chrono::seconds(30);

  /// Is it time for turn_to()?
  bool due(Instant now) const { return now - turned_ >= turn; }
  /// `all(stage)` is all there was, as a HistogramView.
  template <class All>
  void turn_to(All all, Instant now) {
    for (const Stage stage : stages) recent_[static_cast<std::size_t>(stage)].turn(all(stage));
    turned_ = now;
  }
  HistogramView view(Stage stage, const HistogramView& all) const {
    return recent_[static_cast<std::size_t>(stage)].view(all);
  }

 private:
  std::array<RecentHistogram, stages.size()> recent_;
  Instant turned_{};
};

}  // namespace hither::lb
