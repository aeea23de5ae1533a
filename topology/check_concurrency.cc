// SPDX-License-Identifier: Apache-2.0
#include "topology/check_concurrency.h"

#include <fmt/format.h>

#include <algorithm>

namespace hither::topology {
namespace {

using Mistakes = std::vector<Mistake>;

void check_farm(const Farm& farm, Mistakes& mistakes) {
  const int most = farm.concurrency.most;
  if (most > 0 && farm.capacity > most) {
    mistakes.push_back({farm.where_capacity,
                        fmt::format("capacity {} is more than concurrency.most {}, which a copy "
                                    "never gets; write at most {}",
                                    farm.capacity, most, most)});
  }
  if (!farm.concurrency.adaptive && farm.concurrency.where_least.line > 0) {
    mistakes.push_back({farm.concurrency.where_least,
                        "least does nothing without adaptive; take it out, or write adaptive = "
                        "\"gradient\""});
  }
  if (farm.concurrency.adaptive && farm.mode == Mode::tcp) {
    mistakes.push_back(
        {farm.where, fmt::format("farm {}: concurrency.adaptive follows response times, which "
                                 "mode tcp has none of; take it out, or write mode = \"http\"",
                                 farm.name)});
  }
  if (farm.concurrency.adaptive && most > 0 && farm.concurrency.least > most) {
    mistakes.push_back({farm.concurrency.where_least,
                        fmt::format("concurrency.least {} is more than most {}; write least = {}",
                                    farm.concurrency.least, most, most)});
  }
  if (most == 0 && !farm.concurrency.adaptive && farm.concurrency.where_queue.line > 0) {
    mistakes.push_back({farm.concurrency.where_queue,
                        fmt::format("nobody waits where copies are given all there is; take it "
                                    "out, or write most = {}",
                                    std::max(Farm{}.capacity, farm.capacity))});
  }
}

}  // namespace

void check_concurrency(const Description& description, Mistakes& mistakes) {
  for (const Room& room : description.rooms) {
    for (const Farm& farm : room.farms) check_farm(farm, mistakes);
  }
}

}  // namespace hither::topology
