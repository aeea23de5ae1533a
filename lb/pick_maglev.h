// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/maglev_table.h"
#include "lb/pick.h"

namespace hither::lb {

/// The owner of the request's hash in Maglev's table, so equal requests meet the same server, in
/// every thread and process; unless that one has too much to do: with the request it would hold
/// more than 1.25 times its share of what is in flight. Then it is the owner of the next slot that
/// has not ("consistent hashing with bounded loads", Mirrokni et al., 2016), so one popular key
/// cannot drown one server. With several threads the bound may be passed by as many requests as are
/// picked in the same instant. Cost: a read of the table, and a load for each candidate if the
/// owner is not idle.
class Maglev final : public Algorithm {
 public:
  static constexpr std::uint64_t bound_percent = 125;

  void set_candidates(std::span<const Candidate> all) override;
  std::size_t pick(std::span<const Candidate> candidates, const Ask& ask, Rng& rng) override;

 private:
  MaglevTable table_;
};

/// The requests that a server of `weight` may hold where all hold `in_flight` and weigh
/// `weights` together: its share of one more, times 1.25, rounded up.
std::uint64_t bound_of(std::uint64_t weight, std::uint64_t weights, std::uint64_t in_flight);

}  // namespace hither::lb
