// SPDX-License-Identifier: Apache-2.0
#include "dns/name_index.h"

#include <cstring>

#include "dns/name.h"

namespace hither::dns {

/// The slot that holds the name, or the free one where it belongs.
std::size_t NameIndex::slot_of(ByteView lower_case, std::uint64_t hash) const {
  std::size_t at = hash & (slots_.size() - 1);
  while (slots_[at].size != 0) {
    const Slot& slot = slots_[at];
    if (slot.hash == hash && slot.size == lower_case.size() &&
        std::memcmp(names_.data() + slot.start, lower_case.data(), slot.size) == 0) {
      return at;
    }
    at = (at + 1) & (slots_.size() - 1);
  }
  return at;
}

void NameIndex::grow() {
  std::vector<Slot> old(slots_.empty() ? 16 : slots_.size() * 2);
  old.swap(slots_);
  for (const Slot& slot : old) {
    if (slot.size == 0) continue;
    std::size_t at = slot.hash & (slots_.size() - 1);
    while (slots_[at].size != 0) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = slot;
  }
}

std::uint32_t NameIndex::add(ByteView lower_case, std::uint32_t number) {
  if (slots_.size() < (used_ + 1) * 2) grow();
  const std::uint64_t hash = hash_name(lower_case);
  Slot& slot = slots_[slot_of(lower_case, hash)];
  if (slot.size != 0) return slot.number;
  slot = {.hash = hash,
          .start = static_cast<std::uint32_t>(names_.size()),
          .number = number,
          .size = static_cast<std::uint8_t>(lower_case.size())};
  append(names_, lower_case);
  ++used_;
  return number;
}

std::optional<std::uint32_t> NameIndex::find(ByteView lower_case) const {
  if (slots_.empty()) return std::nullopt;
  const Slot& slot = slots_[slot_of(lower_case, hash_name(lower_case))];
  if (slot.size == 0) return std::nullopt;
  return slot.number;
}

}  // namespace hither::dns
