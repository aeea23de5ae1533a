// SPDX-License-Identifier: Apache-2.0
#include "dns/name_index.h"

#include <cstring>

#include "base/hash.h"
#include "dns/name.h"

namespace hither::dns {
namespace {

std::uint64_t word_at(const std::byte* data, std::size_t size) {
  std::uint64_t word = 0;
  std::memcpy(&word, data, size);
  return word;
}

/// Of this table alone, so it may depend on the machine's byte order: a multiplication for every
/// eight octets, and the last eight taken with overlap.
std::uint64_t hash_octets(ByteView octets) {
  constexpr std::uint64_t odd = 0x9e3779b97f4a7c15ULL;
  const std::byte* data = octets.data();
  std::size_t left = octets.size();
  std::uint64_t hash = left * odd;
  if (left < 8) return mix64(hash ^ word_at(data, left));
  for (; left > 8; left -= 8, data += 8) {
    hash = (hash ^ word_at(data, 8)) * odd;
    hash ^= hash >> 32U;
  }
  return mix64(hash ^ word_at(data + left - 8, 8));
}

}  // namespace

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
  const std::uint64_t hash = hash_octets(lower_case);
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
  const Slot& slot = slots_[slot_of(lower_case, hash_octets(lower_case))];
  if (slot.size == 0) return std::nullopt;
  return slot.number;
}

}  // namespace hither::dns
