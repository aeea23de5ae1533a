// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/bits128.h"
#include "base/geo.h"
#include "base/ip.h"

namespace hither::io {

/// Numbers the records of a data section by their offsets, in order: a bit per offset, and beside
/// each 64 of them how many come before. A quarter of the section's size, and one load to read.
class RecordNumbers {
 public:
  explicit RecordNumbers(std::size_t offsets) : words_(offsets / 64 + 1) {}

  void add(std::uint32_t offset) { words_[offset / 64].bits |= bit(offset); }
  /// Gives every record that is there its number, and says how many they are.
  std::uint32_t count();
  /// The number of a record, or GeoSource::nowhere if it is not there. Precondition: count() was
  /// called since the last change.
  std::uint32_t operator[](std::uint32_t offset) const {
    const Word& word = words_[offset / 64];
    if ((word.bits & bit(offset)) == 0) return GeoSource::nowhere;
    return word.before + ones(word.bits & (bit(offset) - 1));
  }
  /// Says that operator[] will come for it.
  void prefetch(std::uint32_t offset) const { __builtin_prefetch(&words_[offset / 64]); }
  /// Calls keep(offset) for each in order; those of which it says false are there no more.
  template <class Keep>
  void keep_if(Keep keep) {
    for (std::size_t i = 0; i < words_.size(); ++i) {
      for (std::uint64_t left = words_[i].bits; left != 0; left &= left - 1) {
        const auto at = static_cast<unsigned>(std::countr_zero(left));
        if (!keep(static_cast<std::uint32_t>(i * 64 + at))) words_[i].bits &= ~bit(at);
      }
    }
  }

 private:
  struct Word {
    std::uint64_t bits = 0;
    std::uint32_t before = 0;
  };

  static std::uint64_t bit(std::uint32_t offset) { return std::uint64_t{1} << offset % 64; }
  /// std::popcount is a call where the machine may be of 2003.
  static std::uint32_t ones(std::uint64_t bits) {
    bits -= bits >> 1U & 0x5555555555555555U;
    bits = (bits & 0x3333333333333333U) + (bits >> 2U & 0x3333333333333333U);
    bits = (bits + (bits >> 4U)) & 0x0f0f0f0f0f0f0f0fU;
    return static_cast<std::uint32_t>(bits * 0x0101010101010101U >> 56U);
  }

  std::vector<Word> words_;
};

/// The search tree of a MaxMind-format file (format 2.0) where it lies in memory: a trie over
/// IPv4 or IPv6 whose nodes are two records of 24, 28 or 32 bits. Of an IPv6 tree IPv4 is read
/// once, from ::/96 (or ::ffff:0:0/96 if only that is there); the aliases that lead to it (6to4,
/// Teredo) are not followed. Reads nothing outside of `bytes`, whatever they say. A plain view:
/// what it looks at must outlive it.
class GeoTree {
 public:
  enum class Kind : std::uint8_t { empty, node, data };
  struct Link {
    Kind kind = Kind::empty;
    std::uint32_t value = 0;  ///< number of a node, or offset in the data section

    friend bool operator==(const Link&, const Link&) = default;
  };
  struct Layout {
    std::span<const std::uint8_t> bytes;  ///< node_count nodes, at least
    std::uint32_t node_count = 0;
    unsigned record_bits = 0;
    bool v4_only = false;
    std::size_t data_bytes = 0;  ///< of the data section
  };
  struct Found {
    Link link;
    int depth = 0;  ///< of 128
  };

  GeoTree() = default;
  /// Precondition: the record size is 24, 28 or 32, and the bytes are there.
  explicit GeoTree(const Layout& layout);

  /// Is anything there of that family?
  bool has(Family family) const {
    return family == Family::v4 ? v4_.kind != Kind::empty : !layout_.v4_only;
  }
  /// Adds every data record that a node names. False if the tree makes no sense: a link that leads
  /// nowhere, or subtrees so tangled that walking them would not end soon.
  bool scan(RecordNumbers& records) const;
  /// The steps of one family: places are the numbers of records.
  std::unique_ptr<GeoSteps> steps(Family family, const RecordNumbers& records) const;
  /// The data or the gap that an address comes to.
  Found find(const Address& address) const;

 private:
  friend class GeoTreeSteps;

  Link left(std::uint32_t node) const { return link(raw_left(node)); }
  Link right(std::uint32_t node) const { return link(raw_right(node)); }
  std::uint32_t raw_left(std::uint32_t node) const;
  std::uint32_t raw_right(std::uint32_t node) const;
  Link link(std::uint32_t raw) const {
    if (raw < layout_.node_count) return {Kind::node, raw};
    const std::uint32_t offset = raw - layout_.node_count;  // 16 bytes of zeros are between
    if (offset < 16 || offset - 16 >= layout_.data_bytes) return {};
    return {Kind::data, offset - 16};
  }
  bool dangles(std::uint32_t raw) const {
    return raw > layout_.node_count && link(raw).kind == Kind::empty;
  }
  Found descend(Found from, Bits128 bits, int depth_max) const;
  Link find_v4() const;
  /// No part of IPv6: the place of IPv4, and the aliases.
  bool stands_for_v4(Link link, Bits128 first, int depth) const {
    if (layout_.v4_only || link.kind != Kind::node) return false;
    return depth == 96 ? first == 0 || first == v4_first : depth < 96 && first != 0 && link == v4_;
  }
  bool ends() const;

  Layout layout_;
  std::size_t node_bytes_ = 0;
  Link v4_;  // where IPv4 begins
};

}  // namespace hither::io
