// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/bits128.h"

namespace hither {

/// What one family's addresses map to, as runs: from firsts[i] on the value is values[i]. Key is
/// std::uint32_t for IPv4 and Bits128 for the rest.
template <class Key>
struct PrefixRuns {
  std::vector<Key> firsts;  ///< ascending; the first is 0
  std::vector<std::uint16_t> values;

  /// Precondition: not before the latest. A run at the same place is replaced, an equal neighbour
  /// is not kept.
  void push(Key first, std::uint16_t value);
};

/// One family of a PrefixMap, which see: its runs, packed so that a lookup misses the cache about
/// once. Three kinds of slots make it up:
///
///   leaf    the value, and the depth of the one leaf that covers all of the slot's block
///   table   2^bits slots, taken by the next bits of the key. Few, so that they stay in the cache
///   lines   2^bits cache lines, taken likewise; each holds up to 16 runs: where they begin, in the
///           16 bits behind the line's prefix, and their values
///
/// The depth of a leaf in a line is not stored: the leaf is the widest aligned block between the
/// beginnings around the key. What does not fit into a line (more runs, or one that begins off the
/// line's grid) is a link to a slot of its own: rare by the choice of lines and tables. A lookup
/// has no branch that depends on what a line holds but for links, so lookups overlap in time.
///
/// Never changed after it is built: any number of threads may read one. Limit: 2^26 slots or lines
/// (ASSERT), several times what the 32-bit search tree of a geo database can come to.
template <class Key>
class PrefixTrie {
 public:
  struct Match {
    std::uint32_t value = 0;
    int depth = 0;  ///< of the leaf, in bits of the key
  };
  using Take = std::function<void(Key first, std::uint32_t value)>;

  PrefixTrie() = default;
  explicit PrefixTrie(const PrefixRuns<Key>& runs);

  /// No allocation, no lock. Inline, so that the family's only caller has it in one piece.
  Match find(Key key) const;
  /// What it was made from, in order; a run may come in several pieces.
  void walk(const Take& take) const { walk(root_, {0, 0}, take); }
  std::size_t bytes() const {
    return (slots_.capacity() + links_.capacity()) * sizeof(Slot) +
           lines_.capacity() * sizeof(Line) + link_bases_.capacity() * sizeof(std::uint32_t);
  }

 private:
  template <class>
  friend class PrefixTrieBuilder;

  static constexpr unsigned key_bits = 8 * sizeof(Key);
  static constexpr unsigned window_bits = 16;
  static constexpr unsigned line_runs = 16;
  static constexpr std::uint16_t link_flag = 0x8000;  // of a value
  static constexpr std::size_t link_group = 64;       // lines that share a base in links_

  enum class Kind : std::uint32_t { leaf, table, lines };
  class Slot {
   public:
    Slot() = default;
    static Slot leaf(std::uint32_t value, int depth) {
      return Slot(static_cast<std::uint32_t>(depth) << 16U | value);
    }
    /// `bits`: 0 to 15.
    static Slot of(Kind kind, unsigned bits, std::size_t index);

    Kind kind() const { return static_cast<Kind>(raw_ >> 30U); }
    std::uint32_t what() const { return raw_ & 0xffffU; }
    std::uint32_t depth() const { return raw_ >> 16U & 0xffU; }
    unsigned bits() const { return raw_ >> 26U & 0xfU; }
    std::size_t index() const { return raw_ & index_max; }

   private:
    static constexpr std::uint32_t index_max = (1U << 26U) - 1;

    explicit Slot(std::uint32_t raw) : raw_(raw) {}
    std::uint32_t raw_ = 0;
  };
  /// Behind the last run its beginning and value are repeated. In a line of one run the first value
  /// is the depth of its leaf; if its value is a link, that leads to the same block again.
  struct alignas(64) Line {
    std::uint16_t starts[line_runs] = {};
    std::uint16_t values[line_runs] = {};

    bool single() const { return starts[line_runs - 1] == 0; }
  };
  struct Block {
    Key first;
    unsigned depth;
  };

  static unsigned window_of(Key rest) {
    return static_cast<unsigned>(rest >> (key_bits - window_bits));
  }
  /// Without its first bits. Precondition: bits < 64.
  static Key without(Key key, unsigned bits) {
    if constexpr (key_bits == 128) {
      const std::uint64_t low = low_half(key);
      return bits128(high_half(key) << bits | low >> 1U >> (63U - bits), low << bits);
    } else {
      return key << bits;
    }
  }
  static std::size_t first_bits(Key key, unsigned bits) {
    return std::size_t{window_of(key)} >> (window_bits - bits);
  }
  /// Where part `number` of 2^bits of a block begins.
  static Key part_first(Block block, unsigned bits, std::size_t number) {
    if (bits == 0) return block.first;
    const auto aligned = static_cast<Key>(static_cast<Key>(number) << (key_bits - bits));
    return block.first | static_cast<Key>(aligned >> block.depth);
  }
  Slot link(std::size_t line, std::uint32_t value) const {
    return links_[link_bases_[line / link_group] + (value & ~std::uint32_t{link_flag})];
  }
  void walk(Slot slot, Block block, const Take& take) const;
  void walk_line(std::size_t number, Block block, const Take& take) const;

  Slot root_;
  std::vector<Slot> slots_;
  std::vector<Line> lines_;
  std::vector<Slot> links_;                // of all lines, in their order
  std::vector<std::uint32_t> link_bases_;  // per group of lines: where its links begin
};

/// One or the other without a branch: what cannot be predicted must not be jumped upon, because a
/// wrong guess ends what overlaps with the loads that the next lookups wait for.
constexpr std::uint32_t choose(bool first, std::uint32_t one, std::uint32_t other) {
  const std::uint32_t mask = 0U - static_cast<std::uint32_t>(first);
  return (one & mask) | (other & ~mask);
}

template <class Key>
typename PrefixTrie<Key>::Match PrefixTrie<Key>::find(Key key) const {
  Slot slot = root_;
  std::uint32_t depth = 0;
  while (true) {
    const unsigned bits = slot.bits();
    const std::size_t below = first_bits(key, bits);
    if (slot.kind() == Kind::table) {
      slot = slots_[slot.index() + below];
      key = without(key, bits);
      depth += bits;
      continue;
    }
    // A leaf looks at line 0, for nothing.
    const bool leaf = slot.kind() == Kind::leaf;
    const std::size_t number = choose(leaf, 0, static_cast<std::uint32_t>(slot.index() + below));
    const Line& line = lines_[number];
    const auto window = static_cast<std::uint16_t>(window_of(without(key, bits)));
    std::uint16_t behind = 0;  // so many begin at the key or before
    for (const std::uint16_t start : line.starts) {
      behind = static_cast<std::uint16_t>(behind + (start <= window ? 1 : 0));
    }
    const std::uint32_t value = choose(leaf, slot.what(), line.values[behind - 1U]);
    if ((value & link_flag) != 0) [[unlikely]] {
      slot = link(number, value);
      const unsigned taken = bits + (line.single() ? 0 : window_bits);
      key = without(key, taken);
      depth += taken;
      continue;
    }
    // The closer of the two bounds shares more bits; where nothing begins, a bit above the window
    // stands for it.
    const unsigned before = std::uint32_t{line.starts[behind - 1U]} - 1U;
    const unsigned next = line.starts[behind % line_runs] | (behind / line_runs << window_bits);
    const auto shared =
        static_cast<unsigned>(__builtin_clz(std::min(window ^ before, window ^ next)));
    const std::uint32_t length = choose(line.single(), line.values[0], depth + bits + shared - 15U);
    return {value, static_cast<int>(choose(leaf, slot.depth(), length))};
  }
}

}  // namespace hither
