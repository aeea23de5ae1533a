// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/time.h"
#include "lb/farm.h"
#include "lb/picker.h"
#include "topology/balance.h"

namespace hither::lb::test {

/// A small simulation of queues in virtual time, to hold the algorithms against what the theory of
/// queues says: requests come as a Poisson process, each is given to one copy, and a copy serves
/// one after the other in exponential time. Seeded, pure, and the same draws of arrivals and
/// service whoever dispatches, so that two of them can be compared.

/// The mean time of service of a copy with speed 1, in virtual time: response times are counted in
/// this unit.
constexpr Duration service = std::chrono::milliseconds(10);

/// Who says which copy gets a request.
class Dispatcher {
 public:
  virtual ~Dispatcher() = default;
  virtual std::size_t pick(Instant now) = 0;
  /// The oldest request of the copy is served.
  virtual void done(std::size_t copy, Instant now) = 0;
};

/// By lot, the same chance for each.
std::unique_ptr<Dispatcher> by_lot(std::size_t copies, std::uint64_t seed);
/// Always the copy with fewest in flight, the first of equals ("join the shortest queue").
std::unique_ptr<Dispatcher> shortest_queue(std::size_t copies);
/// One of ours, as a thread of the balancer runs it, feedback included.
std::unique_ptr<Dispatcher> ours(topology::Balance balance, std::size_t copies, std::uint64_t seed);

struct Plant {
  std::vector<double> speeds;  ///< one for each copy; 1 is usual
  double load = 0.5;           ///< requests that come, as a share of what all speeds can do
  std::size_t requests = 200'000;
  std::uint64_t seed = 1;
};
/// Of the requests after the first fifth, which warm the plant up; in units of `service`.
struct Times {
  double mean = 0;
  double p99 = 0;
};
Times simulate(const Plant& plant, Dispatcher& dispatcher);

/// The same requests with one queue that all copies (of speed 1) take from: M/M/c.
Times simulate_one_queue(const Plant& plant);

}  // namespace hither::lb::test
