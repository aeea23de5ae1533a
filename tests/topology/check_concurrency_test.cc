// SPDX-License-Identifier: Apache-2.0
#include "topology/check_concurrency.h"

#include <gtest/gtest.h>

#include "tests/topology/worlds.h"

namespace hither::topology::check_concurrency_test {
namespace {

using namespace std::chrono_literals;
using testing::mistakes_of;
using testing::read_sound;
using testing::two_rooms;

/// A second farm with these keys, from line 14 on.
std::string world_with(const std::string& keys, const std::string& more = "") {
  return std::string(two_rooms) + "[farm.api]\nport = 8081\n" + keys + "\n" + more;
}

struct Case {
  std::string name;
  std::string keys;
  std::string mistakes;

  friend std::ostream& operator<<(std::ostream& out, const Case& row) { return out << row.name; }
};

class CheckConcurrency : public ::testing::TestWithParam<Case> {};

TEST_P(CheckConcurrency, IsSaidOnceWithPlaceAndCure) {
  EXPECT_EQ(mistakes_of(world_with(GetParam().keys)), GetParam().mistakes);
}

const Case cases[] = {
    {"Sound", "capacity = 50\nconcurrency = { most = 60, queue = 5, queue_timeout = '1s' }", ""},
    {"Equal", "capacity = 50\nconcurrency.most = 50", ""},
    {"NoQueue", "concurrency = { most = 60, queue = 0 }", ""},
    {"CapacityThatIsNeverReached", "capacity = 50\nconcurrency.most = 40",
     "w:14:12: capacity 50 is more than concurrency.most 40, which a copy never gets; write at "
     "most 40\n"},
    {"QueueForNobody", "concurrency.queue = 40",
     "w:14:21: nobody waits where copies are given all there is; take it out, or write most = "
     "100\n"},
    {"TimeoutForNobody", "concurrency.queue_timeout = '2s'",
     "w:14:29: nobody waits where copies are given all there is; take it out, or write most = "
     "100\n"},
    {"QueueForNobodyBesideALargeCapacity", "capacity = 500\nconcurrency.queue = 40",
     "w:15:21: nobody waits where copies are given all there is; take it out, or write most = "
     "500\n"},
    {"Adaptive", "concurrency = { adaptive = 'gradient', least = 2, queue = 5 }", ""},
    {"AdaptiveWithoutResponses", "mode = 'tcp'\nconcurrency.adaptive = 'gradient'",
     "w:12:7: farm api: concurrency.adaptive follows response times, which mode tcp has none of; "
     "take it out, or write mode = \"http\"\n"},
    {"LeastForNobody", "concurrency.least = 2",
     "w:14:21: least does nothing without adaptive; take it out, or write adaptive = "
     "\"gradient\"\n"},
    {"LeastAboveMost", "capacity = 3\nconcurrency = { most = 5, adaptive = 'gradient', least = 6 }",
     "w:15:58: concurrency.least 6 is more than most 5; write least = 5\n"}};

INSTANTIATE_TEST_SUITE_P(Each, CheckConcurrency, ::testing::ValuesIn(cases),
                         [](const auto& one) { return one.param.name; });

TEST(Concurrency, TheUsualCapacityIsNoMoreThanACopyGets) {
  const auto description = read_sound(world_with("concurrency.most = 40"));

  const Farm& farm = *description.rooms.front().find_farm("api");
  EXPECT_EQ(farm.capacity, 40);
  EXPECT_EQ(farm.concurrency.most, 40);
  EXPECT_EQ(farm.concurrency.queue, 100);
  EXPECT_EQ(farm.concurrency.queue_timeout, 1s);
}

TEST(Concurrency, ARoomMayLimitItsOwn) {
  const auto description = read_sound(world_with("concurrency = { most = 200, queue = 7 }",
                                                 "[room.iad.farm.api.concurrency]\nmost = 30\n"));

  const Farm& own = *description.rooms.back().find_farm("api");
  EXPECT_EQ(description.rooms.front().find_farm("api")->capacity, 100);
  EXPECT_EQ(own.capacity, 30);
  EXPECT_EQ(own.concurrency.queue, 7);
}

}  // namespace
}  // namespace hither::topology::check_concurrency_test
