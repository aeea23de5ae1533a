// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace hither {

/// A seeded stream of random numbers with its own distributions: the same seed gives the same draws
/// on every compiler and library (the standard's distributions do not). xoshiro256** by Blackman
/// and Vigna, seeded through SplitMix64. Not for secrets. Not shared between threads: one each.
class Rng {
 public:
  explicit Rng(std::uint64_t seed);

  std::uint64_t next();
  /// Uniform in [0, bound). Precondition: bound > 0. Unbiased (Lemire's method).
  std::uint64_t below(std::uint64_t bound);
  /// Uniform in [0, 1).
  double unit();
  double exponential(double mean);
  /// Standard normal by Box and Muller, two draws each.
  double normal();
  /// Log-normal with the given mean and sigma of the underlying normal.
  double lognormal(double mean, double sigma);

 private:
  std::uint64_t state_[4];
};

}  // namespace hither
