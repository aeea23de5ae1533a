// SPDX-License-Identifier: Apache-2.0
#include "io/geo_tree.h"

#include <array>
#include <bit>
#include <cstring>
#include <utility>

#include "base/assert.h"

namespace hither::io {
namespace {

/// So many nodes may be visited, as a multiple of those there are: no tree needs more than each
/// once, subtrees that are shared a little more, and a loop would take for ever.
constexpr std::uint64_t visits_per_node_max = 4;
constexpr std::uint64_t visits_more = 1024;

std::uint32_t big_endian(const std::uint8_t* bytes) {
  std::uint32_t number = 0;
  std::memcpy(&number, bytes, sizeof(number));
  return __builtin_bswap32(number);
}

}  // namespace

std::uint32_t RecordNumbers::count() {
  std::uint32_t count = 0;
  for (Word& word : words_) {
    word.before = count;
    count += ones(word.bits);
  }
  return count;
}

/// Goes through a tree depth first, with the halves that are still to do on a stack.
class GeoTreeSteps : public GeoSteps {
 public:
  GeoTreeSteps(const GeoTree& tree, Family family, const RecordNumbers* records)
      : tree_(tree), family_(family), records_(records) {
    left_ = visits_per_node_max * tree.layout_.node_count + visits_more;
    const bool v4_only = tree.layout_.v4_only;
    if (family == Family::v4) {
      push(tree.v4_, v4_first, 96);
    } else {
      push(v4_only ? GeoTree::Link{} : tree.link(0), 0, 0);
    }
  }

  /// Whether all of it could be visited within the bounds. Call behind the last step.
  bool whole() const { return whole_; }

  std::size_t read(std::span<GeoStep> out) override {
    std::size_t count = 0;
    while (size_ > 0 && count < out.size()) {
      Pending at = stack_[--size_];
      while (is_inner(at)) at = go_left(at);
      const std::uint32_t place = place_of(at);
      if (started_ && place == latest_) continue;
      started_ = true;
      latest_ = place;
      out[count++] = {at.first, place};
    }
    return count;
  }

 private:
  struct Pending {
    Bits128 first;
    GeoTree::Link link;
    int depth;
  };

  void push(GeoTree::Link link, Bits128 first, int depth) {
    stack_[size_++] = {first, link, depth};
  }

  bool is_inner(const Pending& at) const {
    if (at.link.kind != GeoTree::Kind::node) return false;
    return family_ == Family::v4 || !tree_.stands_for_v4(at.link, at.first, at.depth);
  }

  /// To the left half; the right one waits.
  Pending go_left(const Pending& at) {
    if (left_ == 0 || at.depth == 128) {
      // Too much: from here on, or of this address, nothing is known.
      whole_ = false;
      if (left_ == 0) size_ = 0;
      return {at.first, {}, at.depth};
    }
    --left_;
    const Bits128 half = Bits128{1} << static_cast<unsigned>(127 - at.depth);
    const GeoTree::Link right = tree_.right(at.link.value);
    if (right.kind == GeoTree::Kind::data && records_ != nullptr) records_->prefetch(right.value);
    push(right, at.first | half, at.depth + 1);
    return {at.first, tree_.left(at.link.value), at.depth + 1};
  }

  std::uint32_t place_of(const Pending& at) const {
    if (at.link.kind != GeoTree::Kind::data || records_ == nullptr) return GeoSource::nowhere;
    // A leaf at ::/96 is IPv4's alone.
    if (at.first == 0 && at.depth == 96) return GeoSource::nowhere;
    return (*records_)[at.link.value];
  }

  const GeoTree& tree_;
  Family family_;
  const RecordNumbers* records_;
  std::array<Pending, 130> stack_{};
  std::size_t size_ = 0;
  std::uint64_t left_ = 0;
  bool whole_ = true;
  bool started_ = false;
  std::uint32_t latest_ = 0;
};

GeoTree::GeoTree(const Layout& layout) : layout_(layout), node_bytes_(layout.record_bits / 4) {
  ASSERT(layout.record_bits == 24 || layout.record_bits == 28 || layout.record_bits == 32);
  ASSERT(layout.bytes.size() >= node_bytes_ * layout.node_count);
  v4_ = find_v4();
}

std::uint32_t GeoTree::raw_left(std::uint32_t node) const {
  const std::uint8_t* at = &layout_.bytes[node * node_bytes_];
  const std::uint32_t head = big_endian(at);
  if (layout_.record_bits == 32) return head;
  const std::uint32_t low = head >> 8U;
  return layout_.record_bits == 24 ? low : low | (head & 0xf0U) << 20U;
}

std::uint32_t GeoTree::raw_right(std::uint32_t node) const {
  const std::uint8_t* at = &layout_.bytes[node * node_bytes_];
  if (layout_.record_bits == 32) return big_endian(at + 4);
  if (layout_.record_bits == 28) return big_endian(at + 3) & 0x0fffffffU;
  return big_endian(at + 2) & 0x00ffffffU;
}

GeoTree::Found GeoTree::descend(Found from, Bits128 bits, int depth_max) const {
  while (from.link.kind == Kind::node && from.depth < depth_max) {
    const bool one = (bits >> static_cast<unsigned>(127 - from.depth) & 1U) != 0;
    from = {one ? right(from.link.value) : left(from.link.value), from.depth + 1};
  }
  return from;
}

GeoTree::Link GeoTree::find_v4() const {
  if (layout_.node_count == 0) return {};
  if (layout_.v4_only) return link(0);
  const Found low = descend({link(0), 0}, 0, 96);
  if (low.link.kind != Kind::empty) return low.link;
  const Found mapped = descend({link(0), 0}, v4_first, 96);
  return mapped.depth == 96 ? mapped.link : Link{};
}

GeoTree::Found GeoTree::find(const Address& address) const {
  const Bits128 bits = to_bits(address);
  if (address.is_v4()) return descend({v4_, 96}, bits, 128);
  if (layout_.v4_only || layout_.node_count == 0) return {};
  Found at{link(0), 0};
  while (at.link.kind == Kind::node && at.depth < 128) {
    if (at.depth > 0 && stands_for_v4(at.link, to_bits(address.masked(at.depth)), at.depth)) {
      return {{}, at.depth};
    }
    at = descend(at, bits, at.depth + 1);
  }
  if (at.link.kind == Kind::data && at.depth == 96 && bits >> 32U == 0) return {{}, at.depth};
  return at;
}

/// One look at every node in the order in which they lie. Of a true tree no node is named twice; if
/// one is, it is tried out whether a walk ends.
bool GeoTree::scan(RecordNumbers& records) const {
  std::vector<bool> named(layout_.node_count);
  bool tree = true;
  for (std::uint32_t node = 0; node < layout_.node_count; ++node) {
    for (const std::uint32_t raw : {raw_left(node), raw_right(node)}) {
      const Link to = link(raw);
      if (to.kind == Kind::data) {
        records.add(to.value);
      } else if (to.kind == Kind::node) {
        if (to.value == 0 || (named[to.value] && to != v4_)) tree = false;
        named[to.value] = true;
      } else if (dangles(raw)) {
        return false;
      }
    }
  }
  return tree || ends();
}

bool GeoTree::ends() const {
  for (const Family family : {Family::v4, Family::v6}) {
    GeoTreeSteps steps(*this, family, nullptr);
    std::array<GeoStep, 64> out;
    while (steps.read(out) > 0) {
    }
    if (!steps.whole()) return false;
  }
  return true;
}

std::unique_ptr<GeoSteps> GeoTree::steps(Family family, const RecordNumbers& records) const {
  return std::make_unique<GeoTreeSteps>(*this, family, &records);
}

}  // namespace hither::io
