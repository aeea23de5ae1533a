// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "base/hash.h"
#include "base/rng.h"
#include "lb/pick.h"

namespace hither::lb::test {

/// Candidates without a farm: numbered servers whose load, weight and response times a test sets.
class Servers {
 public:
  /// One server for each load.
  explicit Servers(const std::vector<int>& loads) {
    for (const int load : loads) add({.load = load});
  }
  Servers() = default;

  struct Looks {
    int load = 0;
    std::uint32_t weight = 100;
    std::uint32_t room = 100;
    std::uint64_t identity = 0;  ///< 0: made from its number
  };
  void add(const Looks& looks) {
    const auto number = static_cast<std::uint32_t>(candidates_.size());
    gauges_.push_back(std::make_unique<Gauge>());
    feedback_.push_back(std::make_unique<Feedback>());
    for (int i = 0; i < looks.load; ++i) gauges_.back()->raise();
    candidates_.push_back({.server = number,
                           .load = gauges_.back().get(),
                           .feedback = feedback_.back().get(),
                           .weight = looks.weight,
                           .room = looks.room,
                           .identity = looks.identity != 0 ? looks.identity : mix64(number + 1)});
  }

  std::span<const Candidate> all() const { return candidates_; }
  /// Without the one at that position.
  std::vector<Candidate> without(std::size_t i) const {
    std::vector<Candidate> rest = candidates_;
    rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(i));
    return rest;
  }
  std::size_t size() const { return candidates_.size(); }
  const Candidate& operator[](std::size_t i) const { return candidates_[i]; }
  Gauge& load(std::size_t i) { return *gauges_[i]; }
  Feedback& feedback(std::size_t i) { return *feedback_[i]; }

 private:
  std::vector<std::unique_ptr<Gauge>> gauges_;
  std::vector<std::unique_ptr<Feedback>> feedback_;
  std::vector<Candidate> candidates_;
};

struct FarmRange {
  std::size_t least = 1;
  std::size_t most = 12;
  std::uint64_t loads = 8;      ///< below that
  std::uint64_t weights = 300;  ///< up to that
};
/// Servers with loads and weights by lot; those of every third farm all weigh the same.
inline Servers random_servers(Rng& rng, const FarmRange& range = {}) {
  Servers servers;
  const std::size_t count = range.least + rng.below(range.most - range.least + 1);
  const bool equal = rng.below(3) == 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto weight = static_cast<std::uint32_t>(equal ? 100 : 1 + rng.below(range.weights));
    servers.add({.load = static_cast<int>(rng.below(range.loads)),
                 .weight = weight,
                 .identity = rng.next() | 1U});
  }
  return servers;
}

}  // namespace hither::lb::test
