// SPDX-License-Identifier: Apache-2.0
#include "base/prefix_trie.h"

#include <array>
#include <unordered_map>
#include <utility>

#include "base/assert.h"

namespace hither {
namespace {

// What follows was chosen by measuring DB-IP city with 30 rooms.
constexpr std::size_t runs_per_slot = 128;    // that a table is made for
constexpr std::size_t runs_per_link = 24;     // at least, where lines are taken
constexpr std::size_t lines_runs_max = 4096;  // more get a table first
constexpr std::size_t runs_per_line_min = 4;
constexpr std::size_t root_runs_per_line = 3;   // behind the table of IPv4
constexpr std::size_t root_runs_per_link = 64;  // likewise
constexpr unsigned root_bits_max = 16;
constexpr unsigned bits_max = 15;  // of other tables, and of lines

int leading_zeros(std::uint32_t bits) { return std::countl_zero(bits); }
int leading_zeros(Bits128 bits) { return 128 - bit_length(bits); }

}  // namespace

template <class Key>
void PrefixRuns<Key>::push(Key first, std::uint16_t value) {
  if (!firsts.empty() && firsts.back() == first) {
    firsts.pop_back();
    values.pop_back();
  }
  if (!values.empty() && values.back() == value) return;
  firsts.push_back(first);
  values.push_back(value);
}

template <class Key>
typename PrefixTrie<Key>::Slot PrefixTrie<Key>::Slot::of(Kind kind, unsigned bits,
                                                         std::size_t index) {
  ASSERT(bits <= root_bits_max && index <= index_max);
  return Slot(static_cast<std::uint32_t>(kind) << 31U | static_cast<std::uint32_t>(bits) << 26U |
              static_cast<std::uint32_t>(index));
}

/// Packs the runs of one family, from the top down.
template <class Key>
class PrefixTrieBuilder {
 public:
  using Trie = PrefixTrie<Key>;
  using Slot = typename Trie::Slot;
  using Kind = typename Trie::Kind;
  using Line = typename Trie::Line;

  PrefixTrieBuilder(const PrefixRuns<Key>& runs, Trie& trie) : runs_(runs), trie_(trie) {}

  void build() {
    ASSERT(!runs_.firsts.empty() && runs_.firsts.front() == 0);
    const Range all{0, 0, 0, runs_.firsts.size()};
    trie_.root_ = key_bits == 32 ? root_table(all) : slot(all);
    store_links();
    trie_.slots_.shrink_to_fit();
    trie_.lines_.shrink_to_fit();
  }

 private:
  static constexpr unsigned key_bits = Trie::key_bits;
  static constexpr unsigned window_bits = Trie::window_bits;
  static constexpr unsigned unit_last_number = (1U << window_bits) - 1;

  /// A block of keys, and the runs begin..end-1 that reach into it.
  struct Range {
    Key first;
    unsigned depth;
    std::size_t begin;
    std::size_t end;
  };
  /// From unit `unit` of 16 bits on: one run, or (one unit wide) a part with several.
  struct Entry {
    unsigned unit;
    std::size_t begin;
    std::size_t end;
    bool mixed() const { return end - begin > 1; }
  };
  struct Entries {
    std::array<Entry, Trie::line_runs> all;
    unsigned count = 0;
    std::size_t behind = 0;  ///< runs that only a link leads to
    bool whole = true;       ///< all of the range fitted
  };
  struct Link {
    std::size_t line;
    unsigned at;
    Slot slot;
  };

  static Key unit_first(const Range& range, unsigned unit) {
    const auto bits = static_cast<Key>(Key{unit} << (key_bits - window_bits));
    return range.first | static_cast<Key>(bits >> range.depth);
  }
  static Key unit_last(const Range& range, unsigned unit) {
    constexpr auto ones = static_cast<Key>((Key{1} << (key_bits - window_bits)) - 1);
    const auto bits = static_cast<Key>(Key{unit} << (key_bits - window_bits) | ones);
    return range.first | static_cast<Key>(bits >> range.depth);
  }
  static unsigned unit_of(const Range& range, Key key) {
    return Trie::window_of(static_cast<Key>(key << range.depth));
  }

  /// IPv4: one table, and nothing but lines behind it.
  Slot root_table(const Range& all) {
    const auto wanted = static_cast<unsigned>(std::bit_width(all.end - all.begin));
    return table(all, std::min(root_bits_max, wanted), [this](const Range& part) {
      return part.end - part.begin == 1 ? single(part) : lines(part, bits_with_few_links(part));
    });
  }

  /// By how many bits to choose among lines so that there are few links, or else the fewest.
  unsigned bits_with_few_links(const Range& range) const {
    const std::size_t runs = range.end - range.begin;
    unsigned best = 0;
    std::size_t fewest = links_of(range, 0);
    const unsigned most = std::min(bits_max, key_bits - range.depth);
    for (unsigned bits = 1; fewest * root_runs_per_link > runs; ++bits) {
      if (bits > most || runs >> bits < root_runs_per_line) break;
      const std::size_t links = links_of(range, bits);
      if (links >= fewest) continue;
      fewest = links;
      best = bits;
    }
    return best;
  }

  Slot slot(const Range& range) {
    const std::size_t runs = range.end - range.begin;
    if (runs == 1) return single(range);
    const unsigned left = key_bits - range.depth;
    if (runs <= Trie::line_runs && split(range).whole) return lines(range, 0);
    if (runs <= lines_runs_max) {
      auto bits = static_cast<unsigned>(std::bit_width(runs / Trie::line_runs));
      for (bits = std::max(bits, 1U); bits <= std::min(left, bits_max); ++bits) {
        if (runs >> bits < runs_per_line_min) break;
        if (links_of(range, bits) * runs_per_link <= runs) return lines(range, bits);
      }
    }
    const auto wanted = static_cast<unsigned>(std::bit_width(runs / runs_per_slot));
    return table(range, std::min({bits_max, left, std::max(wanted, 2U)}),
                 [this](const Range& part) { return slot(part); });
  }

  /// Equal lines of one run that a slot leads to are one.
  Slot single(const Range& range) {
    const std::uint32_t key =
        std::uint32_t{runs_.values[range.begin]} << 8U | static_cast<std::uint32_t>(wider(range));
    const auto [found, fresh] = singles_.try_emplace(key);
    if (fresh) found->second = lines(range, 0);
    return found->second;
  }
  /// By how many bits the only leaf is shorter than its block.
  unsigned wider(const Range& range) const {
    return range.depth - static_cast<unsigned>(leaf_depth(range.first, range.begin));
  }

  /// The depth of the leaf around a key in a run.
  int leaf_depth(Key key, std::size_t run) const {
    int depth = 1;
    if (run > 0) {
      const auto before = static_cast<Key>(runs_.firsts[run] - 1);
      depth = std::max(depth, leading_zeros(static_cast<Key>(key ^ before)) + 1);
    }
    if (run + 1 < runs_.firsts.size()) {
      depth = std::max(depth, leading_zeros(static_cast<Key>(key ^ runs_.firsts[run + 1])) + 1);
    }
    return depth;
  }

  /// What a line of a block would hold.
  Entries split(const Range& range) const {
    Entries entries;
    unsigned unit = 0;
    std::size_t run = range.begin;  // in force where the unit begins
    while (true) {
      const Key last = unit_last(range, unit);
      std::size_t end = run + 1;
      while (end < range.end && runs_.firsts[end] <= last) ++end;
      if (entries.count == entries.all.size()) {
        entries.whole = false;
        return entries;
      }
      const Entry& entry = entries.all[entries.count++] = {unit, run, end};
      entries.behind += entry.mixed() ? entry.end - entry.begin : 0U;
      if (entry.mixed() ? unit == unit_last_number : end == range.end) return entries;
      unit = entry.mixed() ? unit + 1 : unit_of(range, runs_.firsts[end]);
      run = end - 1;
      if (end < range.end && runs_.firsts[end] == unit_first(range, unit)) run = end;
    }
  }

  /// Calls take(part) for each of 2^bits equal parts of a block, in order.
  template <class Take>
  void for_parts(const Range& range, unsigned bits, Take take) const {
    const unsigned depth = range.depth + bits;
    const auto ones = static_cast<Key>(~Key{0});
    std::size_t run = range.begin;  // in force where the part begins
    for (std::size_t i = 0; i >> bits == 0; ++i) {
      const Key first = Trie::part_first({range.first, range.depth}, bits, i);
      const Key last = depth == key_bits ? first : first | static_cast<Key>(ones >> depth);
      if (run + 1 < range.end && runs_.firsts[run + 1] == first) ++run;
      std::size_t end = run + 1;
      while (end < range.end && runs_.firsts[end] <= last) ++end;
      take(i, Range{first, depth, run, end});
      run = end - 1;
    }
  }

  std::size_t links_of(const Range& range, unsigned bits) const {
    std::size_t links = 0;
    for_parts(range, bits, [&](std::size_t, const Range& part) {
      const Entries entries = split(part);
      links += entries.whole ? entries.behind : part.end - part.begin;
    });
    return links;
  }

  template <class Below>
  Slot table(const Range& range, unsigned bits, Below below) {
    const std::size_t table = trie_.slots_.size();
    trie_.slots_.resize(table + (std::size_t{1} << bits));
    for_parts(range, bits, [&](std::size_t i, const Range& part) {
      const Slot made = below(part);
      trie_.slots_[table + i] = made;
    });
    return Slot::of(Kind::table, bits, table);
  }

  Slot lines(const Range& range, unsigned bits) {
    const std::size_t first = trie_.lines_.size();
    trie_.lines_.resize(first + (std::size_t{1} << bits));
    for_parts(range, bits, [&](std::size_t i, const Range& part) { line(first + i, part); });
    return Slot::of(Kind::lines, bits, first);
  }

  void line(std::size_t number, const Range& range) {
    const Entries entries = split(range);
    if (!entries.whole) {
      links_.push_back({number, Trie::line_runs - 1, slot(range)});
      return;
    }
    for (unsigned i = 0; i < Trie::line_runs; ++i) {
      const Entry& entry = entries.all[std::min(i, entries.count - 1)];
      trie_.lines_[number].starts[i] = static_cast<std::uint16_t>(entry.unit);
      trie_.lines_[number].values[i] = runs_.values[entry.begin];
    }
    if (entries.count == 1) {
      trie_.lines_[number].values[Trie::line_runs] = static_cast<std::uint16_t>(wider(range));
    }
    for (unsigned i = 0; i < entries.count; ++i) {
      const Entry& entry = entries.all[i];
      if (!entry.mixed()) continue;
      const Range below{unit_first(range, entry.unit), range.depth + window_bits, entry.begin,
                        entry.end};
      const unsigned at = i + 1 < entries.count ? i : Trie::line_runs - 1;
      links_.push_back({number, at, slot(below)});
    }
  }

  /// Every group of lines has its links side by side; each value says which is its own.
  void store_links() {
    std::ranges::stable_sort(links_, {}, &Link::line);
    const std::size_t groups = trie_.lines_.size() / Trie::link_group + 1;
    trie_.link_bases_.reserve(groups);
    std::size_t next = 0;
    for (std::size_t group = 0; group < groups; ++group) {
      trie_.link_bases_.push_back(static_cast<std::uint32_t>(next));
      for (; next < links_.size() && links_[next].line / Trie::link_group == group; ++next) {
        const std::size_t number = next - trie_.link_bases_[group];
        trie_.lines_[links_[next].line].values[links_[next].at] =
            static_cast<std::uint16_t>(Trie::link_flag | number);
        trie_.links_.push_back(links_[next].slot);
      }
    }
  }

  const PrefixRuns<Key>& runs_;
  Trie& trie_;
  std::vector<Link> links_;
  std::unordered_map<std::uint32_t, Slot> singles_;
};

template <class Key>
PrefixTrie<Key>::PrefixTrie(const PrefixRuns<Key>& runs) {
  PrefixTrieBuilder<Key>(runs, *this).build();
}

template <class Key>
typename PrefixTrie<Key>::Match PrefixTrie<Key>::follow(Place place, std::uint32_t value,
                                                        Key key) const {
  while (true) {
    const unsigned taken = lines_[place.line].single() ? 0 : window_bits;
    place = descend(link(place.line, value), key, place.depth + taken);
    const Match match = in_line(place);
    if ((match.value & link_flag) == 0) return match;
    value = match.value;
  }
}

template <class Key>
void PrefixTrie<Key>::walk(Slot slot, Block block, const Take& take) const {
  const unsigned bits = slot.bits();
  for (std::size_t i = 0; i >> bits == 0; ++i) {
    const Block part = {part_first(block, bits, i), block.depth + bits};
    if (slot.kind() == Kind::table) {
      walk(slots_[slot.index() + i], part, take);
    } else {
      walk_line(slot.index() + i, part, take);
    }
  }
}

template <class Key>
void PrefixTrie<Key>::walk_line(std::size_t number, Block block, const Take& take) const {
  const Line& line = lines_[number];
  for (unsigned i = line.single() ? line_runs - 1 : 0; i < line_runs; ++i) {
    if (i + 1 < line_runs && line.starts[i] == line.starts[i + 1]) continue;
    const auto bits = static_cast<Key>(Key{line.starts[i]} << (key_bits - window_bits));
    const Key first = block.first | static_cast<Key>(bits >> block.depth);
    if ((line.values[i] & link_flag) == 0) {
      take(first, line.values[i]);
    } else if (line.single()) {
      walk(link(number, line.values[i]), block, take);
    } else {
      walk(link(number, line.values[i]), {first, block.depth + window_bits}, take);
    }
  }
}

template struct PrefixRuns<std::uint32_t>;
template struct PrefixRuns<Bits128>;
template class PrefixTrie<std::uint32_t>;
template class PrefixTrie<Bits128>;

}  // namespace hither
