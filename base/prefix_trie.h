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
#include "base/sorted16.h"

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
/// once. Two kinds of slots make it up:
///
///   table   2^bits slots, taken by the next bits of the key. Few, so that they stay in the cache
///   lines   2^bits cache lines, taken likewise; each holds up to 15 runs: where they begin, in the
///           16 bits behind the line's prefix, and their values
///
/// The depth of a leaf is not stored: the leaf is the widest aligned block between the beginnings
/// around the key. Only a line of one run says how much wider its leaf is than the line's block.
/// What does not fit into a line (more runs, or one that begins off the line's grid) is a link to a
/// slot of its own.
///
/// IPv4 has one table of up to 2^16 slots and nothing but lines behind it. So there no branch
/// depends on the key but for links, and while one lookup waits for its line the processor is at
/// the next ones already; a branch that cannot be guessed would end that. IPv6 lies too unevenly:
/// it has as many tables below each other as it takes.
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
  static constexpr unsigned line_runs = 15;
  static constexpr std::uint16_t link_flag = 0x8000;  // of a value
  static constexpr std::size_t link_group = 64;       // lines that share a base in links_

  enum class Kind : std::uint32_t { table, lines };
  class Slot {
   public:
    Slot() = default;
    /// `bits`: 0 to 16.
    static Slot of(Kind kind, unsigned bits, std::size_t index);

    Kind kind() const { return static_cast<Kind>(raw_ >> 31U); }
    unsigned bits() const { return raw_ >> 26U & 0x1fU; }
    std::uint32_t index() const { return raw_ & index_max; }

   private:
    static constexpr std::uint32_t index_max = (1U << 26U) - 1;

    explicit Slot(std::uint32_t raw) : raw_(raw) {}
    std::uint32_t raw_ = 0;
  };
  /// Behind the last run its beginning and value are repeated. starts[15] is 0: the end of the
  /// block. values[15]: how many bits shorter than the line's prefix that of the only leaf is. If
  /// there is one run and it is a link, that leads to the same block again.
  struct alignas(64) Line {
    std::uint16_t starts[line_runs + 1] = {};
    std::uint16_t values[line_runs + 1] = {};

    bool single() const { return starts[line_runs - 1] == 0; }
  };
  struct Block {
    Key first;
    unsigned depth;
  };

  static unsigned window_of(Key rest) {
    return static_cast<unsigned>(rest >> (key_bits - window_bits));
  }
  /// Without its first bits.
  static Key without(Key key, unsigned bits) {
    if constexpr (key_bits == 128) {
      if (bits >= 64) return bits128(low_half(key) << (bits - 64), 0);
      const std::uint64_t low = low_half(key);
      return bits128(high_half(key) << bits | low >> 1U >> (63U - bits), low << bits);
    } else {
      return bits < key_bits ? key << bits : 0;
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
  /// Where a lookup ends, unless in a link.
  struct Place {
    std::uint32_t line;
    unsigned depth;   ///< of its prefix
    unsigned window;  ///< the 16 bits behind that
  };
  /// From a slot whose prefix has `depth` bits.
  Place descend(Slot slot, Key key, unsigned depth) const;
  /// The same from the root of IPv4, without a branch.
  Place at_root(Key key) const;
  /// What a line says; it may be a link.
  Match in_line(const Place& place) const;
  /// Goes on from a link.
  Match follow(Place place, std::uint32_t value, Key key) const;
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

template <class Key>
inline typename PrefixTrie<Key>::Place PrefixTrie<Key>::descend(Slot slot, Key key,
                                                                unsigned depth) const {
  Key rest = without(key, depth);
  while (true) {
    const unsigned bits = slot.bits();
    const auto at = slot.index() + static_cast<std::uint32_t>(first_bits(rest, bits));
    rest = without(rest, bits);
    depth += bits;
    if (slot.kind() == Kind::lines) return {at, depth, window_of(rest)};
    slot = slots_[at];
  }
}

template <class Key>
[[gnu::always_inline]] inline typename PrefixTrie<Key>::Place PrefixTrie<Key>::at_root(
    Key key) const {
  // In 64 bits, because a shift by all bits of a number is none.
  const std::uint64_t bits = static_cast<std::uint64_t>(key) << 32U;
  const unsigned first = root_.bits();
  const Slot slot = slots_[root_.index() + (bits >> (64U - first))];
  const unsigned second = slot.bits();
  const std::uint64_t rest = bits << first;
  const auto line = static_cast<std::uint32_t>(rest >> 1U >> (63U - second));
  return {slot.index() + line, first + second,
          static_cast<unsigned>(rest << second >> (64U - window_bits))};
}

template <class Key>
[[gnu::always_inline]] inline typename PrefixTrie<Key>::Match PrefixTrie<Key>::in_line(
    const Place& place) const {
  const Line& line = lines_[place.line];
  const unsigned at = last_of_16_up_to(line.starts, place.window, (1U << line_runs) - 1U);
  // The closer of the two bounds shares more bits; where nothing begins, a bit above the window
  // stands for it.
  const unsigned before = place.window ^ (std::uint32_t{line.starts[at]} - 1U);
  const unsigned next = ((std::uint32_t{line.starts[at + 1U]} - 1U) & 0xffffU) + 1U;
  const auto shared = static_cast<unsigned>(__builtin_clz(std::min(before, place.window ^ next)));
  return {line.values[at], static_cast<int>(place.depth + shared - 15U - line.values[line_runs])};
}

template <class Key>
typename PrefixTrie<Key>::Match PrefixTrie<Key>::find(Key key) const {
  Place place;
  if constexpr (key_bits == 32) {
    place = at_root(key);
  } else {
    place = descend(root_, key, 0);
  }
  const Match match = in_line(place);
  if ((match.value & link_flag) == 0) [[likely]]
    return match;
  return follow(place, match.value, key);
}

}  // namespace hither
