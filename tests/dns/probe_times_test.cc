// SPDX-License-Identifier: Apache-2.0
#include "dns/probe_times.h"

#include <gtest/gtest.h>

#include <cmath>

namespace hither::dns {
namespace {

TEST(ProbeTimes, EachRoomHasBucketsThatCountAllBelow) {
  ProbeTimes times;
  times.add("fra", std::chrono::microseconds(900));
  times.add("fra", std::chrono::milliseconds(1));
  times.add("fra", std::chrono::milliseconds(30));
  times.add("fra", std::chrono::seconds(9));
  times.add("iad", std::chrono::milliseconds(7));

  const MetricFamily family = times.to_metric();
  EXPECT_EQ(family.name, "hither_dns_probe_seconds");
  ASSERT_EQ(family.samples.size(), 2U);
  const MetricSample& fra = family.samples[0];
  EXPECT_EQ(fra.labels[0].second, "fra");
  EXPECT_DOUBLE_EQ(fra.value, 9.0319);
  ASSERT_EQ(fra.buckets.size(), 14U);
  EXPECT_DOUBLE_EQ(fra.buckets[0].up_to, 0.001);
  EXPECT_EQ(fra.buckets[0].count, 2U);
  EXPECT_EQ(fra.buckets[4].count, 2U) << "16 ms";
  EXPECT_EQ(fra.buckets[5].count, 3U) << "32 ms";
  EXPECT_TRUE(std::isinf(fra.buckets[13].up_to));
  EXPECT_EQ(fra.buckets[13].count, 4U);
}

}  // namespace
}  // namespace hither::dns
