// SPDX-License-Identifier: Apache-2.0
#include "tests/live/upgrade.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace hither::test {

Json Upgrade::page(const std::string& path) const {
  Json page;
  EXPECT_TRUE(eventually(soon, [&] {
    page = Json::parse(io::fetch_now({.target = admin(), .path = path}).body, nullptr, false);
    return page.is_object();
  })) << path;
  return page;
}

Json Upgrade::status() const { return page("/status"); }

Json Upgrade::health() const { return page("/health"); }

bool Upgrade::all_are_up(std::size_t copies, std::size_t usable) const {
  return eventually(soon, [&] {
    const Json farms = health()["farms"];
    return std::ranges::all_of(farms, [&](const Json& farm) {
      return farm["copies"] == copies && farm["usable"] == usable;
    });
  });
}

bool Upgrade::reload(const ChildProgram& balancer, int number) const {
  balancer.signal(SIGHUP);
  return eventually(soon, [&] { return status()["reload"]["done"] >= number; });
}

}  // namespace hither::test
