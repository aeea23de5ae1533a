// SPDX-License-Identifier: Apache-2.0
#include "base/prefix_map.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/assert.h"

namespace hither {
namespace {

constexpr std::uint16_t has_low = 0x8000;
constexpr std::size_t runs_max = 16;  // that a slot leads to; more become a table
constexpr int table_bits_max = 20;    // a table has at most so many slots, as a power of two

/// Adds a step, replacing one at the same address and dropping one that changes nothing.
void add_step(std::vector<PrefixStep>& steps, const PrefixStep& step) {
  if (!steps.empty() && steps.back().first == step.first) steps.pop_back();
  if (!steps.empty() && steps.back().value == step.value) return;
  steps.push_back(step);
}

/// The index of the last of begin[0..count-1] that is <= wanted. Precondition: begin[0] is.
template <class T>
std::size_t last_not_above(const T* begin, std::size_t count, T wanted) {
  const T* base = begin;
  while (count > 1) {
    const std::size_t half = count / 2;
    base += base[half] <= wanted ? half : 0;  // no branch to mispredict
    count -= half;
  }
  return static_cast<std::size_t>(base - begin);
}

/// How many aligned blocks first..end-1 consists of: those that grow up to the point with most zero
/// bits, and those that shrink behind it. end 0 stands for 2^128.
std::size_t blocks_in(Bits128 first, Bits128 end) {
  const auto ones = [](Bits128 bits) {
    return static_cast<std::size_t>(std::popcount(high_half(bits))) +
           static_cast<std::size_t>(std::popcount(low_half(bits)));
  };
  if (end == 0) return ones(0 - first);
  ASSERT(first < end);
  const auto bits = static_cast<unsigned>(bit_length(first ^ end)) - 1U;
  ASSERT(bits < 128);
  const Bits128 middle = end >> bits << bits;
  return ones(middle - first) + ones(end - middle);
}

}  // namespace

std::vector<PrefixStep> flatten(std::span<const PrefixBlock> blocks, std::uint32_t elsewhere) {
  std::vector<PrefixBlock> sorted(blocks.begin(), blocks.end());
  std::ranges::stable_sort(sorted, {}, &PrefixBlock::prefix);
  struct Open {
    Bits128 last;
    std::uint32_t value;
  };
  std::vector<Open> open = {{~Bits128{0}, elsewhere}};
  std::vector<PrefixStep> steps = {{Address(), elsewhere}};
  const auto close_before = [&](Bits128 first) {
    while (open.size() > 1 && open.back().last < first) {
      const Bits128 next = open.back().last + 1;
      open.pop_back();
      add_step(steps, {to_address(next), open.back().value});
    }
  };
  for (const PrefixBlock& block : sorted) {
    const Bits128 first = to_bits(block.prefix.address);
    close_before(first);
    add_step(steps, {block.prefix.address, block.value});
    open.push_back({block_last(first, block.prefix.length), block.value});
  }
  while (open.size() > 1 && open.back().last == ~Bits128{0}) open.pop_back();
  close_before(~Bits128{0});
  return steps;
}

template <class Key>
PrefixMap::Slot PrefixMap::descend(Slot slot, Key key) const {
  while (slot.kind() == Kind::table) {
    const unsigned bits = slot.count();
    slot = slots_[slot.index + static_cast<std::size_t>(key >> (8 * sizeof(Key) - bits))];
    key <<= bits;
  }
  return slot;
}

PrefixMap::Match PrefixMap::find(const Address& address) const {
  const Bits128 bits = to_bits(address);
  const std::uint64_t high = high_half(bits);
  const std::uint64_t low = low_half(bits);
  if (high == 0 && low >> 32U == 0xffff) {
    const auto key = static_cast<std::uint32_t>(low);
    const Slot slot = descend(root4_, key);
    if (slot.kind() == Kind::leaf) return {slot.index, static_cast<int>(slot.count())};
    return match4(key, slot.index + last_not_above(&first4_[slot.index], slot.count(), key));
  }
  const Slot slot = descend(root6_, high);
  if (slot.kind() == Kind::leaf) return {slot.index, static_cast<int>(slot.count())};
  std::size_t index = slot.index + last_not_above(&high6_[slot.index], slot.count(), high);
  while (high6_[index] == high && low_of(index) > low) --index;
  return match6(high, low, index);
}

/// The leaf around an address in the run `index`.
PrefixMap::Match PrefixMap::match4(std::uint32_t address, std::size_t index) const {
  int depth = 1;
  if (index > 0) depth = std::max(depth, std::countl_zero(address ^ (first4_[index] - 1)) + 1);
  if (index + 1 < first4_.size()) {
    depth = std::max(depth, std::countl_zero(address ^ first4_[index + 1]) + 1);
  }
  return {value4_[index], 96 + depth};
}

PrefixMap::Match PrefixMap::match6(std::uint64_t high, std::uint64_t low, std::size_t index) const {
  const auto shared = [&](std::uint64_t other_high, std::uint64_t other_low) {
    return other_high != high ? std::countl_zero(high ^ other_high)
                              : 64 + std::countl_zero(low ^ other_low);
  };
  int depth = 1;
  if (index > 0) {
    const std::uint64_t first_low = low_of(index);
    depth = std::max(depth, shared(high6_[index] - (first_low == 0 ? 1 : 0), first_low - 1) + 1);
  }
  if (const std::size_t next = index + 1; next < high6_.size()) {
    depth = std::max(depth, shared(high6_[next], high6_[next] == high ? low_of(next) : 0) + 1);
  }
  return {value6_[index] & value_max, depth};
}

std::uint64_t PrefixMap::low_of(std::size_t index) const {
  if ((value6_[index] & has_low) == 0) return 0;
  return std::ranges::lower_bound(lows_, index, {}, &Low::index)->low;
}

void PrefixMap::walk(const Visit& visit) const {
  Bits128 first = 0;
  do {
    const Address address = to_address(first);
    const Match match = find(address);
    ASSERT(match.depth > 0 && match.depth <= 128);
    visit({address, match.depth}, match.value);
    first = block_last(first, match.depth) + 1;
  } while (first != 0);
}

std::size_t PrefixMap::bytes() const {
  return slots_.capacity() * sizeof(Slot) + first4_.capacity() * sizeof(std::uint32_t) +
         high6_.capacity() * sizeof(std::uint64_t) + lows_.capacity() * sizeof(Low) +
         (value4_.capacity() + value6_.capacity()) * sizeof(std::uint16_t);
}

void PrefixMapBuilder::step(const Address& first, std::uint32_t value) {
  ASSERT(value <= PrefixMap::value_max);
  const Bits128 bits = to_bits(first);
  ASSERT(part_ == Part::start ? bits == 0 : bits > last_);
  last_ = bits;
  if (part_ == Part::start) value_ = value;
  enter(bits < v4_first ? Part::below_v4 : bits <= v4_last ? Part::v4 : Part::above_v4);
  value_ = value;
  if (part_ == Part::v4) {
    push4(static_cast<std::uint32_t>(bits - v4_first), value);
  } else {
    push6(bits, value);
  }
}

/// Goes on to a later part of the address space. What is in force goes on there as a run of its
/// own.
void PrefixMapBuilder::enter(Part part) {
  if (part_ == Part::start) {
    part_ = Part::below_v4;
    push6(0, value_);
  }
  if (part_ == Part::below_v4 && part > part_) {
    part_ = Part::v4;
    // The run that stands for IPv4 among the rest; find() never asks for it. Values are below.
    push6(v4_first, PrefixMap::value_max);
    push4(0, value_);
  }
  if (part_ == Part::v4 && part > part_) {
    part_ = Part::above_v4;
    push6(v4_last + 1, value_);
  }
}

void PrefixMapBuilder::push4(std::uint32_t first, std::uint32_t value) {
  if (!map_.first4_.empty() && map_.first4_.back() == first) {
    map_.value4_.back() = static_cast<std::uint16_t>(value);  // only 0.0.0.0, just entered
  } else if (map_.first4_.empty() || map_.value4_.back() != value) {
    map_.first4_.push_back(first);
    map_.value4_.push_back(static_cast<std::uint16_t>(value));
  }
}

void PrefixMapBuilder::push6(Bits128 first, std::uint32_t value) {
  auto& values = map_.value6_;
  const auto flagged = static_cast<std::uint16_t>(value | (low_half(first) != 0 ? has_low : 0U));
  const bool entered = first == v4_last + 1 && !values.empty() && !map_.lows_.empty() &&
                       map_.high6_.back() == 0 && map_.lows_.back().low == low_half(first);
  if (entered) {
    values.back() = flagged;  // where the rest goes on behind IPv4
    return;
  }
  const bool edge = first == v4_first || first == v4_last + 1;
  if (!values.empty() && !edge && (values.back() & PrefixMap::value_max) == value) return;
  if (low_half(first) != 0) {
    map_.lows_.push_back({static_cast<std::uint32_t>(values.size()), low_half(first)});
  }
  map_.high6_.push_back(high_half(first));
  values.push_back(flagged);
}

/// A block of keys of `bits` bits from `first` on, and the runs begin..end-1 that reach into it.
template <class Key>
struct PrefixMapBuilder::Range {
  std::span<const Key> firsts;  // of all runs
  Key first;
  int bits;
  std::size_t begin;
  std::size_t end;
};

template <class Key>
PrefixMap::Slot PrefixMapBuilder::index(const Range<Key>& range) {
  using Kind = PrefixMap::Kind;
  constexpr int key_bits = 8 * sizeof(Key);
  const std::size_t runs = range.end - range.begin;
  if (runs == 1) {
    PrefixMap::Match match{};
    if constexpr (key_bits == 32) match = map_.match4(range.first, range.begin);
    if constexpr (key_bits == 64) match = map_.match6(range.first, 0, range.begin);
    return PrefixMap::Slot(Kind::leaf, static_cast<std::uint32_t>(match.depth), match.value);
  }
  const int left = key_bits - range.bits;
  if (runs <= runs_max || left == 0) {
    return PrefixMap::Slot(Kind::runs, static_cast<std::uint32_t>(runs),
                           static_cast<std::uint32_t>(range.begin));
  }
  const int bits = std::min({table_bits_max, left, static_cast<int>(std::bit_width(runs / 8))});
  const std::size_t table = map_.slots_.size();
  map_.slots_.resize(table + (std::size_t{1} << static_cast<unsigned>(bits)));
  const auto width = static_cast<unsigned>(left - bits);
  std::size_t at = range.begin;  // the last run that does not begin behind the slot's first key
  for (std::size_t slot = 0; slot >> static_cast<unsigned>(bits) == 0; ++slot) {
    const Key first = range.first | static_cast<Key>(Key{static_cast<Key>(slot)} << width);
    const Key last = first | static_cast<Key>((Key{1} << width) - 1);
    const auto begins_by_then = [&](std::size_t run) {
      return range.firsts[run] < first ||
             (range.firsts[run] == first && (key_bits == 32 || map_.low_of(run) == 0));
    };
    while (at + 1 < range.end && begins_by_then(at + 1)) ++at;
    std::size_t end = at + 1;
    while (end < range.end && range.firsts[end] <= last) ++end;
    map_.slots_[table + slot] = index(Range<Key>{range.firsts, first, range.bits + bits, at, end});
    at = end - 1;
  }
  return PrefixMap::Slot(Kind::table, static_cast<std::uint32_t>(bits),
                         static_cast<std::uint32_t>(table));
}

void PrefixMapBuilder::count_leaves() {
  const std::size_t count4 = map_.first4_.size();
  const std::size_t count6 = map_.high6_.size();
  for (std::size_t i = 0; i < count4; ++i) {
    const Bits128 end = i + 1 < count4 ? map_.first4_[i + 1] : Bits128{1} << 32U;
    map_.leaves_ += count4 == 1 ? 2 : blocks_in(map_.first4_[i], end);
  }
  for (std::size_t i = 0; i < count6; ++i) {
    if (map_.first6(i) == v4_first) continue;
    map_.leaves_ += blocks_in(map_.first6(i), i + 1 < count6 ? map_.first6(i + 1) : Bits128{0});
  }
}

PrefixMap PrefixMapBuilder::finish() {
  ASSERT(part_ != Part::start);
  enter(Part::above_v4);
  map_.first4_.shrink_to_fit();
  map_.value4_.shrink_to_fit();
  map_.high6_.shrink_to_fit();
  map_.value6_.shrink_to_fit();
  map_.lows_.shrink_to_fit();
  map_.root4_ = index(Range<std::uint32_t>{map_.first4_, 0, 0, 0, map_.first4_.size()});
  map_.root6_ = index(Range<std::uint64_t>{map_.high6_, 0, 0, 0, map_.high6_.size()});
  map_.slots_.shrink_to_fit();
  count_leaves();
  return std::move(map_);
}

}  // namespace hither
