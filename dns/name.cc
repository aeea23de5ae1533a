// SPDX-License-Identifier: Apache-2.0
#include "dns/name.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "base/hash.h"

namespace hither::dns {
namespace {

constexpr std::byte lower_octet(std::byte octet) {
  return octet >= std::byte{'A'} && octet <= std::byte{'Z'} ? octet | std::byte{0x20} : octet;
}

/// Eight octets at a time: those from 'A' to 'Z' get bit 0x20. No carry crosses an octet, because
/// the sums are made of the lower seven bits alone.
constexpr std::uint64_t lower_word(std::uint64_t word) {
  constexpr std::uint64_t each = 0x0101010101010101ULL;
  const std::uint64_t seven = word & (0x7f * each);
  const std::uint64_t from_a = seven + (0x80 - 'A') * each;
  const std::uint64_t after_z = seven + (0x7f - 'Z') * each;
  const std::uint64_t upper = (from_a & ~after_z & ~word) & (0x80 * each);
  return word | upper >> 2U;
}

/// Lengths are below 64 and 'A' is 65, so the octets of labels need no telling apart.
void lower_octets(ByteView from, std::byte* to) {
  std::size_t i = 0;
  for (; i + 8 <= from.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, from.data() + i, 8);
    word = lower_word(word);
    std::memcpy(to + i, &word, 8);
  }
  for (; i < from.size(); ++i) to[i] = lower_octet(from[i]);
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// The octet that an escape stands for, and how many characters it took; 0 characters if it is bad.
std::pair<std::byte, std::size_t> unescape(std::string_view text) {
  if (text.size() < 2) return {std::byte{0}, 0};
  if (!is_digit(text[1])) return {static_cast<std::byte>(text[1]), 2};
  if (text.size() < 4 || !is_digit(text[2]) || !is_digit(text[3])) return {std::byte{0}, 0};
  const int value = (text[1] - '0') * 100 + (text[2] - '0') * 10 + (text[3] - '0');
  if (value > 255) return {std::byte{0}, 0};
  return {static_cast<std::byte>(value), 4};
}

ByteView label_at(ByteView wire, std::size_t start) {
  return wire.subspan(start + 1, std::to_integer<std::size_t>(wire[start]));
}

}  // namespace

bool Name::add_label(ByteView label) {
  if (label.empty() || label.size() > label_octets_max) return false;
  if (size_ + label.size() + 1 > name_octets_max) return false;
  const std::size_t at = size_ - 1U;
  octets_[at] = static_cast<std::byte>(label.size());
  std::ranges::copy(label, octets_.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  size_ = static_cast<std::uint8_t>(size_ + label.size() + 1);
  octets_[size_ - 1U] = std::byte{0};
  return true;
}

bool Name::assign(Reader& in) {
  const ByteView rest = in.rest();
  const std::size_t limit = std::min(rest.size(), name_octets_max);
  std::size_t size = 0;
  while (true) {
    if (size >= limit) return false;
    const auto length = std::to_integer<std::size_t>(rest[size]);
    ++size;
    if (length == 0) break;
    if (length > label_octets_max) return false;
    size += length;
  }
  std::memcpy(octets_.data(), rest.data(), size);
  size_ = static_cast<std::uint8_t>(size);
  in.skip(size);
  return true;
}

std::optional<Name> Name::read(Reader& in) {
  Name name;
  if (!name.assign(in)) return std::nullopt;
  return name;
}

Result<Name> Name::parse(std::string_view text) {
  const std::string advice =
      fmt::format("'{}' is not a domain name; write one such as www.example.test", text);
  Name name;
  if (text == ".") return name;
  if (text.empty()) return fail(advice);
  Bytes label;
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] == '.') {
      if (!name.add_label(label)) return fail(advice);
      label.clear();
      ++i;
      continue;
    }
    if (text[i] != '\\') {
      label.push_back(static_cast<std::byte>(text[i++]));
      continue;
    }
    const auto [octet, taken] = unescape(text.substr(i));
    if (taken == 0) return fail(advice);
    label.push_back(octet);
    i += taken;
  }
  if (!label.empty() && !name.add_label(label)) return fail(advice);
  return name;
}

Name Name::from_wire(ByteView wire) {
  Reader in(wire);
  const std::optional<Name> name = read(in);
  ASSERT(name.has_value());
  return *name;
}

std::optional<Name> Name::join(ByteView labels, ByteView name) {
  if (labels.size() + name.size() > name_octets_max) return std::nullopt;
  std::optional<Name> joined(std::in_place);
  std::memcpy(joined->octets_.data(), labels.data(), labels.size());
  std::memcpy(joined->octets_.data() + labels.size(), name.data(), name.size());
  joined->size_ = static_cast<std::uint8_t>(labels.size() + name.size());
  return joined;
}

Name Name::lower() const {
  Name result;
  lower_octets(wire(), result.octets_.data());
  result.size_ = size_;
  return result;
}

bool Name::is_wildcard() const {
  return size_ > 2 && octets_[0] == std::byte{1} && octets_[1] == std::byte{'*'};
}

std::optional<Name> Name::child(std::string_view label) const {
  Name result;
  if (!result.add_label(as_bytes(label))) return std::nullopt;
  const Labels labels(wire());
  for (int i = 0; i < labels.count; ++i) {
    if (!result.add_label(label_at(wire(), labels.starts[static_cast<std::size_t>(i)]))) {
      return std::nullopt;
    }
  }
  return result;
}

void Key::assign(ByteView wire) {
  std::size_t at = 0;
  labels_ = 0;
  while (true) {
    const auto length = std::to_integer<std::size_t>(wire[at]);
    starts_[static_cast<std::size_t>(labels_)] = static_cast<std::uint8_t>(at);
    at += length + 1;
    if (length == 0) break;
    ++labels_;
  }
  size_ = static_cast<std::uint8_t>(at);
  lower_octets(wire.first(at), octets_.data());
}

Labels::Labels(ByteView wire) {
  for (std::size_t at = 0; wire[at] != std::byte{0};
       at += std::to_integer<std::size_t>(wire[at]) + 1) {
    starts[static_cast<std::size_t>(count++)] = static_cast<std::uint8_t>(at);
  }
}

std::size_t name_size(ByteView wire) {
  std::size_t at = 0;
  while (wire[at] != std::byte{0}) at += std::to_integer<std::size_t>(wire[at]) + 1;
  return at + 1;
}

bool equal_names(ByteView one, ByteView other) {
  return std::ranges::equal(one, other, {}, lower_octet, lower_octet);
}

bool is_within(ByteView name, ByteView ancestor) {
  if (name.size() < ancestor.size()) return false;
  const std::size_t start = name.size() - ancestor.size();
  std::size_t at = 0;
  while (at < start) at += std::to_integer<std::size_t>(name[at]) + 1;
  return at == start && equal_names(name.subspan(start), ancestor);
}

std::uint64_t hash_name(ByteView lower_case) { return hash_bytes(as_text(lower_case)); }

std::string to_text(const Name& name) {
  if (name.is_root()) return ".";
  std::string text;
  const Labels labels(name.wire());
  for (int i = 0; i < labels.count; ++i) {
    for (const std::byte octet :
         label_at(name.wire(), labels.starts[static_cast<std::size_t>(i)])) {
      const auto c = std::to_integer<unsigned char>(octet);
      if (c <= ' ' || c >= 0x7f) {
        text += fmt::format("\\{:03}", c);
        continue;
      }
      if (std::strchr(".\\\"();@$", c) != nullptr) text += '\\';
      text += static_cast<char>(c);
    }
    text += '.';
  }
  return text;
}

std::string to_short_text(const Name& name) {
  std::string text = to_text(name);
  if (text.size() > 1) text.pop_back();
  return text;
}

}  // namespace hither::dns
