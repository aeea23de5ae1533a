// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/counter.h"
#include "base/metrics.h"
#include "base/time.h"

namespace hither {

/// How long things take, in fixed memory: the buckets of a log-linear scale. They are 1/1024 ms
/// (about a microsecond) wide below 8 of these, and from there on an eighth of a power of two, up
/// to 18 hours; what is longer counts in the last. So a quantile read from the buckets is off by
/// 1/16 of itself at most, or by half a microsecond. That the unit is a binary part of a
/// millisecond makes 0.25 ms, 1 ms, 2 ms, 4 ms and so on edges of buckets: the `le` of Prometheus
/// are exact.
namespace histogram_scale {
constexpr unsigned split_bits = 3;  ///< eight buckets for each power of two
constexpr unsigned split = 1U << split_bits;
constexpr unsigned top_bits = 36;  ///< of the largest number of units
constexpr std::size_t buckets = (top_bits - split_bits + 1) * split;

/// The bucket that a time falls into; negative ones count as none at all.
constexpr std::size_t bucket_of(Duration time) {
  if (time.count() <= 0) return 0;
  // Units of 10^6 / 2^10 ns. The last nanosecond of a unit belongs to it: buckets hold their upper
  // edge, as a `le` does.
  const auto ns = static_cast<std::uint64_t>(time.count()) - 1;
  constexpr std::uint64_t most = std::uint64_t{1} << (top_bits + 11);  // Above the last bucket.
  const std::uint64_t units = (ns < most ? ns : most) * 16 / 15'625;
  if (units < split) return static_cast<std::size_t>(units);
  if (units >> top_bits != 0) return buckets - 1;
  const auto power = static_cast<unsigned>(std::bit_width(units)) - 1;
  const std::uint64_t within = units >> (power - split_bits) & (split - 1);
  return (power - split_bits + 1) * split + static_cast<std::size_t>(within);
}

/// The longest time of a bucket: all of it are above that of the bucket before.
constexpr Duration upper_edge(std::size_t bucket) {
  std::uint64_t units = bucket + 1;
  if (bucket >= split) {
    const std::size_t octave = bucket / split - 1;
    units = (split + bucket % split + 1) << octave;
  }
  return Duration(static_cast<std::int64_t>((units * 15'625 + 15) / 16));
}
}  // namespace histogram_scale

/// What a reader has of one or more histograms: plain numbers. A value; merging adds.
class HistogramView {
 public:
  void merge(const HistogramView& other);
  /// What came since `before`, an earlier view of the same histograms.
  HistogramView since(const HistogramView& before) const;

  std::uint64_t count() const { return count_; }
  Duration sum() const { return sum_; }
  /// How many were that long at most. Exact for the upper edges of buckets, such as 2^n ms, else
  /// for the edge below.
  std::uint64_t at_most(Duration time) const;
  /// The time that the share `q` (0 to 1) of all did not exceed: the middle of its bucket. nullopt
  /// if there are none.
  std::optional<Duration> quantile(double q) const;

 private:
  friend class Histogram;
  std::array<std::uint64_t, histogram_scale::buckets> counts_{};
  std::uint64_t count_ = 0;
  Duration sum_{};
};

/// The buckets themselves, written by one thread and read by any: see Counter. add() costs some 5
/// ns, and never allocates; 2.2 KB each. What several threads measure is kept once per thread and
/// merged by whoever asks; a view taken while others add may miss their last.
class Histogram {
 public:
  void add(Duration time) {
    counts_[histogram_scale::bucket_of(time)].add();
    sum_ns_.add(static_cast<std::uint64_t>(time.count() > 0 ? time.count() : 0));
  }
  /// Adds what is here to `view`.
  void read_into(HistogramView& view) const;

 private:
  std::array<Counter, histogram_scale::buckets> counts_;
  Counter sum_ns_;
};

/// As Prometheus wants it: for each of `edges`, which should be edges of buckets, how many were at
/// most that long, and one infinite bucket for all.
MetricSample to_sample(const HistogramView& view, std::span<const Duration> edges,
                       std::vector<std::pair<std::string, std::string>> labels);

/// `count` edges from `first` on, each `factor` times the one before.
std::vector<Duration> edges_from(Duration first, int factor, std::size_t count);
/// A log-linear scale: `first`, then `octaves` times a doubling in `steps` equal steps, octaves *
/// steps + 1 in all. A quantile read between two edges is off by 1/steps of itself at most.
/// Precondition: steps divides what histogram_scale splits an octave into, so that all are edges of
/// buckets if `first` is.
std::vector<Duration> log_linear_edges(Duration first, std::size_t octaves, unsigned steps);

/// What came lately: all there is, less what there was one to two turns ago; a turn is what its
/// owner makes of it.
class RecentHistogram {
 public:
  void turn(const HistogramView& all) {
    older_ = newer_;
    newer_ = all;
  }
  HistogramView view(const HistogramView& all) const { return all.since(older_); }

 private:
  HistogramView older_;
  HistogramView newer_;
};

}  // namespace hither
