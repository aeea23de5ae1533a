// SPDX-License-Identifier: Apache-2.0
#include "base/prefix_map.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/assert.h"

namespace hither {
namespace {

constexpr std::uint16_t in_v4 = PrefixMap::value_max + 1;  // among the rest: here lies IPv4
constexpr int v4_depth = 96;

/// Adds a step, replacing one at the same address and dropping one that changes nothing.
void add_step(std::vector<PrefixStep>& steps, const PrefixStep& step) {
  if (!steps.empty() && steps.back().first == step.first) steps.pop_back();
  if (!steps.empty() && steps.back().value == step.value) return;
  steps.push_back(step);
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

/// Cuts runs into leaves as they come.
class Leaves {
 public:
  explicit Leaves(const PrefixMap::Visit& visit) : visit_(visit) {}

  void run(Bits128 first, std::uint32_t value) {
    if (open_ && value == value_) return;
    end(first);
    open_ = true;
    first_ = first;
    value_ = value;
  }
  /// The run ends before `next`; 0 stands for 2^128.
  void end(Bits128 next) {
    if (!open_) return;
    open_ = false;
    const Bits128 last = next - 1;
    while (true) {
      const bool all_v4 = first_ == v4_first && last == v4_last;
      const int length = all_v4 ? v4_depth + 1 : widest_block_at(first_, last);
      visit_({to_address(first_), length}, value_);
      const Bits128 end = block_last(first_, length);
      if (end == last) return;
      first_ = end + 1;
    }
  }

 private:
  const PrefixMap::Visit& visit_;
  bool open_ = false;
  Bits128 first_ = 0;
  std::uint32_t value_ = 0;
};

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

PrefixMap::Match PrefixMap::find(const Address& address) const {
  const Bits128 bits = to_bits(address);
  if (bits >> 32U == v4_first >> 32U) {
    const auto match = v4_.find(static_cast<std::uint32_t>(bits));
    return {match.value, v4_depth + match.depth};
  }
  const auto match = v6_.find(bits);
  return {match.value, match.depth};
}

void PrefixMap::walk(const Visit& visit) const {
  Leaves leaves(visit);
  bool behind = false;
  v6_.walk([&](Bits128 first, std::uint32_t value) {
    if (value != in_v4) {
      leaves.run(first, value);
    } else if (!std::exchange(behind, true)) {
      leaves.end(v4_first);
      v4_.walk([&](std::uint32_t first4, std::uint32_t value4) {
        leaves.run(v4_first + first4, value4);
      });
      leaves.end(v4_last + 1);
    }
  });
  leaves.end(0);
}

void PrefixMap::walk_runs(Family family, const TakeRun& take) const {
  if (family == Family::v4) {
    v4_.walk([&](std::uint32_t first, std::uint32_t value) { take(v4_first + first, value); });
    return;
  }
  v6_.walk([&](Bits128 first, std::uint32_t value) {
    if (value != in_v4) take(first, value);
  });
}

void PrefixMapBuilder::step(const Address& first, std::uint32_t value) {
  const Bits128 bits = to_bits(first);
  ASSERT(in_force_ || bits == 0);
  if (bits >= v4_first) pass_v4(bits > v4_last);
  in_force_ = value;
  if (bits >= v4_first && bits <= v4_last) {
    step4(static_cast<std::uint32_t>(bits), value);
  } else {
    step6(bits, value);
  }
}

/// Goes on to IPv4, or behind it. What is in force goes on there as a run of its own.
void PrefixMapBuilder::pass_v4(bool behind) {
  if (runs4_.firsts.empty()) step4(0, *in_force_);
  if (behind && runs6_.firsts.back() < v4_first) step6(v4_last + 1, *in_force_);
}

void PrefixMapBuilder::step4(std::uint32_t first, std::uint32_t value) {
  ASSERT(value <= PrefixMap::value_max);
  ASSERT(runs4_.firsts.empty() ? first == 0 : first >= runs4_.firsts.back());
  runs4_.push(first, static_cast<std::uint16_t>(value));
}

/// IPv4 is cut out as soon as a step reaches it: from then on the latest run lies behind it.
void PrefixMapBuilder::step6(Bits128 first, std::uint32_t value) {
  ASSERT(value <= PrefixMap::value_max);
  ASSERT(runs6_.firsts.empty() ? first == 0 : first >= runs6_.firsts.back() || first <= v4_last);
  if (first >= v4_first) cut_v4();
  if (first >= v4_first && first <= v4_last) {
    runs6_.values.back() = static_cast<std::uint16_t>(value);
  } else {
    runs6_.push(first, static_cast<std::uint16_t>(value));
  }
}

void PrefixMapBuilder::cut_v4() {
  if (runs6_.firsts.back() > v4_last) return;
  const std::uint16_t value = runs6_.values.back();
  runs6_.push(v4_first, in_v4);
  runs6_.push(v4_last + 1, value);
}

void PrefixMapBuilder::pack4() {
  ASSERT(!runs4_.firsts.empty());
  const std::vector<std::uint32_t>& firsts = runs4_.firsts;
  map_.v4_ = PrefixTrie<std::uint32_t>(runs4_);
  runs_4_ = firsts.size();
  for (std::size_t i = 0; i < firsts.size(); ++i) {
    const Bits128 end = i + 1 < firsts.size() ? firsts[i + 1] : Bits128{1} << 32U;
    leaves4_ += firsts.size() == 1 ? 2 : blocks_in(firsts[i], end);
  }
  runs4_ = {};
}

void PrefixMapBuilder::pack6() {
  ASSERT(!runs6_.firsts.empty());
  cut_v4();
  const std::vector<Bits128>& firsts = runs6_.firsts;
  map_.v6_ = PrefixTrie<Bits128>(runs6_);
  runs_6_ = firsts.size();
  for (std::size_t i = 0; i < firsts.size(); ++i) {
    if (firsts[i] == v4_first) continue;
    leaves6_ += blocks_in(firsts[i], i + 1 < firsts.size() ? firsts[i + 1] : Bits128{0});
  }
  runs6_ = {};
}

PrefixMap PrefixMapBuilder::finish() {
  if (in_force_) pass_v4(true);
  if (leaves4_ == 0) pack4();
  if (leaves6_ == 0) pack6();
  map_.leaves_ = leaves4_ + leaves6_;
  map_.runs_ = runs_4_ + runs_6_;
  return std::move(map_);
}

}  // namespace hither
