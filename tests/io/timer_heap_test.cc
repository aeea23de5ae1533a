// SPDX-License-Identifier: Apache-2.0
#include "io/timer_heap.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "base/rng.h"

namespace hither::io {
namespace {

Instant at(std::int64_t nanoseconds) { return Instant(Duration(nanoseconds)); }

TEST(TimerHeap, TheEarliestIsFirstAfterAnyChange) {
  Rng rng(7);
  std::array<TimerHeap::Node, 40> nodes;
  TimerHeap heap;
  for (int step = 0; step < 20'000; ++step) {
    TimerHeap::Node& node = nodes[rng.below(nodes.size())];
    if (rng.below(3) == 0) {
      heap.remove(node);
    } else {
      heap.set(node, at(static_cast<std::int64_t>(rng.below(100))));
    }

    Instant earliest = never;
    std::size_t inside = 0;
    for (const TimerHeap::Node& one : nodes) {
      if (one.place == TimerHeap::Node::nowhere) continue;
      earliest = std::min(earliest, one.at);
      ++inside;
    }
    ASSERT_EQ(heap.size(), inside) << "seed 7, step " << step;
    if (inside == 0) continue;
    ASSERT_EQ(heap.first()->at, earliest) << "seed 7, step " << step;
  }
}

TEST(TimerHeap, WhatIsNotInCanBeTakenOut) {
  TimerHeap heap;
  TimerHeap::Node node;

  heap.remove(node);

  EXPECT_TRUE(heap.empty());
}

}  // namespace
}  // namespace hither::io
