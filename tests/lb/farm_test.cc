// SPDX-License-Identifier: Apache-2.0
#include "lb/farm.h"

#include <gtest/gtest.h>

#include "lb/picker.h"
#include "tests/lb/story.h"

namespace hither::lb::test {
namespace {

TEST(Lease, CountsInFlightExactlyWhileItLives) {
  const auto farm = make_farm(1);
  Picker picker(*farm, 0, 1);
  const Gauge& in_flight = farm->server(0).in_flight();
  {
    Lease lease = picker.pick();
    EXPECT_EQ(in_flight.level(), 1U);
    Lease moved = std::move(lease);
    EXPECT_EQ(in_flight.level(), 1U);
    moved = picker.pick();
    EXPECT_EQ(in_flight.level(), 1U);
  }
  EXPECT_EQ(in_flight.level(), 0U);
}

TEST(Lease, APendingConnectEndsWithIt) {
  const auto farm = make_farm(1);
  Picker picker(*farm, 0, 1);
  {
    Lease lease = picker.pick();
    lease.connect_begins();
    EXPECT_EQ(farm->server(0).connecting().level(), 1U);
  }
  EXPECT_EQ(farm->server(0).connecting().level(), 0U);
}

TEST(Farm, CapacityIsThatOfTheCopiesThatAreUp) {
  const auto farm = make_farm(3);
  farm->set_usable(2, false);
  Picker picker(*farm, 0, 1);
  const Lease lease = picker.pick();

  const FarmReport report = farm->report();

  EXPECT_EQ(report,
            (FarmReport{.farm = "web", .copies = 3, .usable = 2, .capacity = 200, .load = 1}));
}

TEST(Server, ResolvesOnce) {
  Server server("web-1", "web.internal:80", 1);
  EXPECT_FALSE(server.endpoint());

  server.resolve({.address = Address::v4(0x0a000001), .port = 80});

  EXPECT_EQ(to_text(*server.endpoint()), "10.0.0.1:80");
}

}  // namespace
}  // namespace hither::lb::test
