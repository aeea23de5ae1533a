// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "lb/affinity.h"
#include "lb/farm.h"
#include "lb/pick.h"

namespace hither::lb {

/// One thread's way to pick servers of one farm: the candidates as of the farm's last change, the
/// algorithm and the dice. No lock, and no allocation unless the farm changed. Belongs to one
/// thread; `farm` must outlive it.
class Picker {
 public:
  Picker(Farm& farm, unsigned thread, std::uint64_t seed);

  /// A hold on a usable server that is not full and not among `tried`: the one that the client's
  /// cookie names; or else one on probation, if nobody else tries it; or else by the farm's
  /// algorithm. Empty if there is none, if others wait for a place already, or if the request is
  /// shed. `request` names it in the farm's DecisionLog.
  Lease pick(const Affinity& affinity = {}, Instant now = {},
             std::span<const std::uint32_t> tried = {}, std::string_view request = {});

  /// Where in the farm is the server that may be picked and is named by this token of a cookie?
  std::optional<std::uint32_t> find(std::uint64_t token) const;
  /// After pick() had none: is there a server to wait for, were it not full?
  bool all_full() const { return all_full_; }
  /// Was it that the farm is in panic, and this request refused to spare the servers it has left?
  /// Never so for a second attempt.
  bool shed() const { return shed_; }

  /// A hold on this server and no other, usable or not; empty if it is full.
  Lease take(std::uint32_t server, Instant now) { return claim(server, now); }
  /// A hold on a place that was claimed for this thread (lb/admission.h).
  Lease taken(std::uint32_t server, Instant now) {
    Server& there = farm_->server(server);
    return Lease::of_claim(there, server, thread_, now, there.in_flight().level());
  }

  unsigned thread() const { return thread_; }

  Farm& farm() const { return *farm_; }
  FarmTotals& totals() const { return farm_->totals(thread_); }
  /// Random bits for request ids.
  std::uint64_t draw() { return rng_.next(); }

 private:
  void refresh();
  bool sheds();
  Lease claim(std::uint32_t server, Instant now);
  Lease pick_of_the_free(std::span<const Candidate> candidates, const Affinity& affinity,
                         Instant now);
  std::span<const Candidate> untried(std::span<const std::uint32_t> tried);
  Lease try_probation(const Affinity& affinity, Instant now, std::span<const std::uint32_t> tried);
  std::size_t choose(std::span<const Candidate> candidates, const Affinity& affinity, Instant now);
  Part part_of(std::uint32_t server, std::span<const std::uint32_t> tried) const;
  CopyInDecision copy_in(std::uint32_t server, std::span<const Candidate> candidates,
                         Instant now) const;
  void record(std::span<const Candidate> candidates, std::span<const std::uint32_t> tried,
              bool counted);

  Farm* farm_;
  unsigned thread_;
  Rng rng_;
  topology::Balance balance_;  ///< what algorithm_ is
  std::unique_ptr<Algorithm> algorithm_;
  std::uint64_t generation_ = 0;
  std::vector<Candidate> candidates_;
  std::vector<std::uint32_t> on_probation_;  ///< no candidates, but for one request
  std::vector<Candidate> untried_;           ///< scratch
  std::vector<Candidate> free_;              ///< scratch
  bool limited_ = false;                     ///< some candidate has a limit
  bool all_full_ = false;
  bool shed_ = false;
  std::uint64_t admitted_ = Farm::all_admitted;  ///< as of the farm's last change
  // Of the present pick, if it is recorded:
  bool recording_ = false;
  Decision decision_;
  Looks looks_;
};

}  // namespace hither::lb
