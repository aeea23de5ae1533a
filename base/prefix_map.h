// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/bits128.h"
#include "base/ip.h"

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
/// No such trie is in memory, though: its leaves are fully described by the runs of equal values.
/// The leaf around an address is the widest aligned block that lies within the run, so its depth is
/// one more than the longest prefix that the address shares with the last address before the run or
/// the first behind it. So we keep the sorted beginnings of runs, 6 bytes each for IPv4 and 10 for
/// IPv6, and over them an index of tables, each as large as the runs under it deserve: a slot has
/// the answer if one leaf covers it, or leads to a few runs, or to another table. Never changed
/// after it is built: any number of threads may read one map.
///
/// Measured with -O2 on a machine with two shared, fully loaded cores, CPU time per random IPv4
/// address: 40 ns over the built-in countries with 3 rooms (0.3 million runs, 3.7 MiB), 240 ns over
/// DB-IP city with 30 rooms (4.3 million runs, 51 MiB), where nearly every load misses the caches.
class PrefixMap {
 public:
  static constexpr std::uint32_t value_max = (1U << 15U) - 1;

  struct Match {
    std::uint32_t value = 0;
    int depth = 0;  ///< of 128

    friend bool operator==(const Match&, const Match&) = default;
  };
  using Visit = std::function<void(const Prefix& block, std::uint32_t value)>;

  /// No allocation.
  Match find(const Address& address) const;
  /// Every leaf in address order.
  void walk(const Visit& visit) const;
  /// How many leaves the trie has.
  std::size_t leaves() const { return leaves_; }
  std::size_t runs() const { return first4_.size() + high6_.size(); }
  std::size_t bytes() const;

 private:
  friend class PrefixMapBuilder;
  struct Low {
    std::uint32_t index;
    std::uint64_t low;
  };

  PrefixMap() = default;

  enum class Kind : std::uint32_t { leaf, runs, table };
  /// leaf: depth and value; runs: how many and the first; table: of 2^count slots, and the first.
  class Slot {
   public:
    Slot() = default;
    Slot(Kind kind, std::uint32_t count, std::uint32_t at)
        : index(at), head_(static_cast<std::uint32_t>(kind) << 30U | count) {}
    Kind kind() const { return static_cast<Kind>(head_ >> 30U); }
    std::uint32_t count() const { return head_ & 0x3fffffffU; }
    std::uint32_t index = 0;

   private:
    std::uint32_t head_ = 0;
  };

  template <class Key>
  Slot descend(Slot slot, Key key) const;
  Match match4(std::uint32_t address, std::size_t index) const;
  Match match6(std::uint64_t high, std::uint64_t low, std::size_t index) const;
  Bits128 first6(std::size_t index) const { return bits128(high6_[index], low_of(index)); }
  std::uint64_t low_of(std::size_t index) const;

  Slot root4_;
  Slot root6_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> first4_;  // where runs begin; the first at 0.0.0.0
  std::vector<std::uint16_t> value4_;
  std::vector<std::uint64_t> high6_;   // the upper half of where runs begin; the first at ::
  std::vector<std::uint16_t> value6_;  // top bit: the lower half is not zero, lows_ has it
  std::vector<Low> lows_;              // by index; few databases go beyond /64, and seldom
  std::size_t leaves_ = 0;
};

/// Builds a PrefixMap from steps in one pass.
class PrefixMapBuilder {
 public:
  /// The next step. Neighbours may be equal. Preconditions: the first call is for ::, addresses
  /// ascend, value <= value_max.
  void step(const Address& first, std::uint32_t value);
  /// The map of all steps so far. Call once. Precondition: step() was called.
  PrefixMap finish();

 private:
  enum class Part { start, below_v4, v4, above_v4 };

  void enter(Part part);
  void push4(std::uint32_t first, std::uint32_t value);
  void push6(Bits128 first, std::uint32_t value);
  template <class Key>
  struct Range;
  template <class Key>
  PrefixMap::Slot index(const Range<Key>& range);
  void count_leaves();

  Part part_ = Part::start;
  Bits128 last_ = 0;         // where the latest step was
  std::uint32_t value_ = 0;  // in force
  PrefixMap map_;
};

}  // namespace hither
