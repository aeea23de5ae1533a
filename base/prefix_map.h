// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/bits128.h"
#include "base/geo.h"
#include "base/ip.h"
#include "base/prefix_trie.h"

namespace hither {

/// From `first` on, until the `first` of the next step, the value is `value`. A list of steps in
/// address order that begins at :: says something about every address.
struct PrefixStep {
  Address first;
  std::uint32_t value = 0;

  friend bool operator==(const PrefixStep&, const PrefixStep&) = default;
};

struct PrefixBlock {
  Prefix prefix;
  std::uint32_t value = 0;
};

/// The steps that blocks in any order come to when the longest block that holds an address wins,
/// and of two equal blocks the later. Addresses in no block get `elsewhere`. Neighbours differ.
std::vector<PrefixStep> flatten(std::span<const PrefixBlock> blocks, std::uint32_t elsewhere);

/// Maps every address to a small number, and says how wide the block is in which the number is the
/// same.
///
/// It is the binary trie over 128 bits whose leaves tile the address space, equal siblings
/// collapsed into their parent until there are none; the depth of the leaf that an address reaches
/// is the ECS scope (RFC 7871 s7.2.1). Leaves are disjoint, so two different scopes never overlap.
/// The families are kept apart: no leaf is wider than half of IPv4 (depth 97) or reaches from the
/// rest into it, so the depth is at least 1 within the family and no answer ever claims the scope
/// 0.
///
/// No such trie is in memory, though: its leaves are fully described by the runs of equal values,
/// and base/prefix_trie.h packs those, each family for itself. Never changed after it is built: any
/// number of threads may read one map. `tools/bench map` measures it (docs/geography.md).
class PrefixMap {
 public:
  static constexpr std::uint32_t value_max = (1U << 15U) - 2;

  struct Match {
    std::uint32_t value = 0;
    int depth = 0;  ///< of 128

    friend bool operator==(const Match&, const Match&) = default;
  };
  using Visit = std::function<void(const Prefix& block, std::uint32_t value)>;

  /// No allocation.
  Match find(const Address& address) const;
  /// Every leaf in address order; millions take a fraction of a second.
  void walk(const Visit& visit) const;
  using TakeRun = std::function<void(Bits128 first, std::uint32_t value)>;
  /// One family in address order, in fewer steps: from `first` until the next call the value is
  /// `value`. The first call is for 0.0.0.0 (v4_first) or ::. What it says of the place of IPv4
  /// within v6 is without meaning. Neighbours may be equal.
  void walk_runs(Family family, const TakeRun& take) const;
  /// How many leaves the trie has.
  std::size_t leaves() const { return leaves_; }
  std::size_t runs() const { return runs_; }
  std::size_t bytes() const { return v4_.bytes() + v6_.bytes(); }

 private:
  friend class PrefixMapBuilder;

  PrefixMap() = default;

  PrefixTrie<std::uint32_t> v4_;
  PrefixTrie<Bits128> v6_;  // all but IPv4, whose place in it is a run that find() never asks for
  std::size_t leaves_ = 0;
  std::size_t runs_ = 0;
};

/// Builds a PrefixMap from steps, packing them in one pass.
class PrefixMapBuilder {
 public:
  /// The next step. Neighbours may be equal. Preconditions: the first call is for ::, addresses
  /// ascend, value <= value_max.
  void step(const Address& first, std::uint32_t value);
  /// Instead: the next step of one family. They are independent of each other, so the two may come
  /// interleaved or from two threads. What step6() says of the place of IPv4 counts only behind it.
  /// Preconditions: as above within each family, not mixed with step().
  void step4(std::uint32_t first, std::uint32_t value);
  void step6(Bits128 first, std::uint32_t value);
  /// Packs a family that is complete, so that two threads can; else finish() does it.
  void pack4();
  void pack6();
  /// The map of all steps so far. Call once. Precondition: both families have steps.
  PrefixMap finish();

 private:
  void pass_v4(bool behind);
  void cut_v4();

  PrefixRuns<std::uint32_t> runs4_;
  PrefixRuns<Bits128> runs6_;
  std::optional<std::uint32_t> in_force_;  // what step() said last
  std::size_t leaves4_ = 0;                // of each family, once it is packed
  std::size_t leaves6_ = 0;
  std::size_t runs_4_ = 0;
  std::size_t runs_6_ = 0;
  PrefixMap map_;
};

}  // namespace hither
