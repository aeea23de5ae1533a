// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <queue>
#include <vector>

#include "backend/fault.h"
#include "backend/settings.h"
#include "base/rng.h"
#include "base/time.h"

namespace hither::backend {

/// A server as queueing theory knows it: requests arrive, wait in one line while all servers are
/// busy, and are served for a drawn time (G/G/c, first come first served, finite line). A pure
/// state machine over instants, shared by the live stand-in and the simulation.
///
/// Because the line is served in order and a request that came in is not taken back (a real server
/// does not notice that its client went away, either), everything about a request is known when it
/// arrives: there is nothing to call back. O(log n) per request. Not shared between threads.
class Model {
 public:
  enum class Outcome { served, failed, refused };  ///< 200, 500, and 503 because the line is full

  struct Admission {
    Outcome outcome = Outcome::served;
    Instant start;   ///< when a server takes it up
    Instant finish;  ///< when the answer is ready; `now` if refused
  };

  explicit Model(const Behaviour& behaviour);

  /// A request arrives. Precondition: `now` does not go back from call to call.
  Admission on_request(Instant now);

  /// Slow and error, for requests that arrive from now on. The rest of the faults is not ours.
  void set_faults(const Faults& faults) { faults_ = faults; }

  /// Requests being served at `now`, and waiting in the line. Same precondition.
  std::size_t serving(Instant now);
  std::size_t waiting(Instant now);

 private:
  using Earliest = std::priority_queue<Instant, std::vector<Instant>, std::greater<>>;

  void advance(Instant now);

  Behaviour behaviour_;
  Faults faults_;
  Rng rng_;
  Earliest free_at_;            ///< one per server once used; empty without a limit
  Earliest finishes_;           ///< of all requests that are not finished
  std::deque<Instant> starts_;  ///< of those that wait, in order
};

}  // namespace hither::backend
