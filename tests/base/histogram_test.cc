// SPDX-License-Identifier: Apache-2.0
#include "base/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/rng.h"

namespace hither {
namespace {

using namespace std::chrono_literals;
using histogram_scale::bucket_of;
using histogram_scale::buckets;
using histogram_scale::upper_edge;

HistogramView view_of(const Histogram& histogram) {
  HistogramView view;
  histogram.read_into(view);
  return view;
}

TEST(Histogram, EveryTimeIsInTheBucketBetweenItsEdges) {
  for (std::size_t bucket = 0; bucket + 1 < buckets; ++bucket) {
    const Duration edge = upper_edge(bucket);

    EXPECT_EQ(bucket_of(edge), bucket) << edge.count();
    EXPECT_EQ(bucket_of(edge + 1ns), bucket + 1) << edge.count();
  }
  EXPECT_EQ(bucket_of(0ns), 0U);
  EXPECT_EQ(bucket_of(-1s), 0U);
  EXPECT_EQ(bucket_of(24h), buckets - 1);
  EXPECT_EQ(bucket_of(Duration::max()), buckets - 1);
}

TEST(Histogram, BinaryPartsAndMultiplesOfAMillisecondAreEdges) {
  for (Duration time = 62'500ns; time < 10h; time *= 2) {
    EXPECT_EQ(upper_edge(bucket_of(time)), time) << time.count();
  }
}

/// Times from 100 ns to 1,000 s, the same number in every decade.
std::vector<Duration> random_times(Rng& rng, std::size_t count) {
  std::vector<Duration> times;
  for (std::size_t i = 0; i < count; ++i) {
    const double power = 2 + 10 * static_cast<double>(rng.below(1'000'000)) / 1e6;
    times.emplace_back(static_cast<std::int64_t>(std::pow(10, power)));
  }
  return times;
}

TEST(Histogram, QuantilesAreWithinASixteenthOrHalfAUnit) {
  constexpr std::uint64_t seed = 7;
  Rng rng(seed);
  for (int round = 0; round < 200; ++round) {
    std::vector<Duration> times = random_times(rng, 1 + rng.below(400));
    Histogram histogram;
    for (const Duration time : times) histogram.add(time);
    const HistogramView view = view_of(histogram);
    std::ranges::sort(times);

    for (const double q : {0.0, 0.01, 0.5, 0.9, 0.99, 1.0}) {
      const double rank = std::max(std::ceil(q * static_cast<double>(times.size())), 1.0);
      const Duration exact = times[static_cast<std::size_t>(rank) - 1];
      const auto bound = std::max<std::int64_t>(exact.count() / 16, 489);
      ASSERT_NEAR(static_cast<double>(view.quantile(q)->count()),
                  static_cast<double>(exact.count()), static_cast<double>(bound) + 1)
          << "seed " << seed << " round " << round << " q " << q;
    }
  }
}

TEST(Histogram, QuantilesNeverFallAsTheirShareGrows) {
  Rng rng(11);
  Histogram histogram;
  for (const Duration time : random_times(rng, 1000)) histogram.add(time);
  const HistogramView view = view_of(histogram);

  Duration before{};
  for (int percent = 0; percent <= 100; ++percent) {
    const Duration now = *view.quantile(percent / 100.0);
    EXPECT_GE(now, before) << percent;
    before = now;
  }
}

TEST(Histogram, AViewOfSeveralIsTheirSum) {
  Rng rng(13);
  Histogram one;
  Histogram other;
  Histogram both;
  for (const Duration time : random_times(rng, 500)) {
    (rng.below(2) == 0 ? one : other).add(time);
    both.add(time);
  }
  HistogramView read = view_of(one);
  other.read_into(read);
  HistogramView merged = view_of(one);
  merged.merge(view_of(other));
  const HistogramView whole = view_of(both);

  for (const HistogramView& view : {read, merged}) {
    EXPECT_EQ(view.count(), 500U);
    EXPECT_EQ(view.sum(), whole.sum());
    for (std::size_t i = 0; i < buckets; ++i) {
      ASSERT_EQ(view.at_most(upper_edge(i)), whole.at_most(upper_edge(i))) << i;
    }
  }
}

TEST(Histogram, SinceIsWhatCameAfterAView) {
  Histogram histogram;
  histogram.add(1s);
  const HistogramView before = view_of(histogram);
  histogram.add(3ms);
  histogram.add(3ms);

  const HistogramView since = view_of(histogram).since(before);

  EXPECT_EQ(since.count(), 2U);
  EXPECT_EQ(since.sum(), 6ms);
  EXPECT_LT(*since.quantile(1), 4ms);
}

TEST(Histogram, HasNoQuantileOfNothing) {
  EXPECT_FALSE(HistogramView().quantile(0.5));
  EXPECT_EQ(HistogramView().at_most(1h), 0U);
}

TEST(Histogram, ASampleCountsAllBelowEachEdgeAndAll) {
  Histogram histogram;
  for (const Duration time : {500'000ns, 1'000'000ns, 1'000'001ns, 30'000'000ns}) {
    histogram.add(time);
  }
  const std::vector<Duration> edges = edges_from(1ms, 4, 3);

  const MetricSample sample = to_sample(view_of(histogram), edges, {{"farm", "web"}});

  ASSERT_EQ(sample.buckets.size(), 4U);
  EXPECT_DOUBLE_EQ(sample.buckets[0].up_to, 0.001);
  EXPECT_EQ(sample.buckets[0].count, 2U) << "1 ms counts as 1 ms at most";
  EXPECT_DOUBLE_EQ(sample.buckets[1].up_to, 0.004);
  EXPECT_EQ(sample.buckets[1].count, 3U);
  EXPECT_DOUBLE_EQ(sample.buckets[2].up_to, 0.016);
  EXPECT_EQ(sample.buckets[2].count, 3U);
  EXPECT_TRUE(std::isinf(sample.buckets[3].up_to));
  EXPECT_EQ(sample.buckets[3].count, 4U);
  EXPECT_DOUBLE_EQ(sample.value, 0.032500001);
}

TEST(Histogram, LogLinearEdgesAreEdgesOfBuckets) {
  const std::vector<Duration> edges = log_linear_edges(1ms, 2, 4);
  EXPECT_EQ(edges,
            (std::vector<Duration>{1ms, 1250us, 1500us, 1750us, 2ms, 2500us, 3ms, 3500us, 4ms}));
  for (const unsigned steps : {1U, 2U, 4U, 8U}) {
    for (const Duration edge : log_linear_edges(250us, 17, steps)) {
      EXPECT_EQ(histogram_scale::upper_edge(histogram_scale::bucket_of(edge)), edge);
    }
  }
}

TEST(RecentHistogram, ForgetsWhatIsTwoTurnsOld) {
  Histogram histogram;
  RecentHistogram recent;
  histogram.add(1s);
  recent.turn(view_of(histogram));
  histogram.add(1ms);
  EXPECT_EQ(recent.view(view_of(histogram)).count(), 2U) << "not even two turns have passed";

  recent.turn(view_of(histogram));
  EXPECT_EQ(recent.view(view_of(histogram)).count(), 1U);
  EXPECT_LT(*recent.view(view_of(histogram)).quantile(1), 2ms);

  recent.turn(view_of(histogram));
  EXPECT_EQ(recent.view(view_of(histogram)).count(), 0U);
}

}  // namespace
}  // namespace hither
