// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace hither::lb {

/// Maglev's consistent hash (Eisenbud et al., NSDI 2016): a table of 65,537 slots, each of them a
/// member's. Members own slots in the proportion of their weights; the table depends on nothing but
/// identities and weights, not on their order, so every process builds the same; and when a member
/// goes, few slots of the others change hands. Built in a few milliseconds; one read for a lookup.
/// A plain value.
class MaglevTable {
 public:
  static constexpr std::size_t slots = 65'537;  ///< a prime, so that every skip visits all

  struct Member {
    std::uint64_t identity = 0;
    std::uint32_t weight = 1;  ///< above 0
    std::uint16_t value = 0;   ///< what its slots hold
  };
  /// Of no members: an empty table, which must not be asked.
  explicit MaglevTable(std::span<const Member> members);
  MaglevTable() = default;

  static std::size_t slot_of(std::uint64_t hash) { return static_cast<std::size_t>(hash % slots); }
  static std::size_t slot_after(std::size_t slot) { return slot + 1 == slots ? 0 : slot + 1; }
  std::uint16_t at(std::size_t slot) const { return slots_[slot]; }

 private:
  std::vector<std::uint16_t> slots_;
};

}  // namespace hither::lb
