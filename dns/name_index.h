// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"

namespace hither::dns {

/// A hash table from names in lower case to small numbers, built once at load. Lookups never
/// allocate and any number of threads may make them. Open addressing, at most half full; nobody
/// walks it, so that no decision can depend on its order.
class NameIndex {
 public:
  /// Keeps the number that was there if the name is known already, and returns it.
  std::uint32_t add(ByteView lower_case, std::uint32_t number);
  std::optional<std::uint32_t> find(ByteView lower_case) const;
  /// All names, one behind the other, in the order in which they were added.
  ByteView names() const { return names_; }

 private:
  struct Slot {
    std::uint64_t hash = 0;
    std::uint32_t start = 0;  ///< of the name in names_
    std::uint32_t number = 0;
    std::uint8_t size = 0;  ///< 0: the slot is free, for no name is empty
  };

  std::size_t slot_of(ByteView lower_case, std::uint64_t hash) const;
  void grow();

  std::vector<Slot> slots_;
  std::size_t used_ = 0;
  Bytes names_;
};

}  // namespace hither::dns
