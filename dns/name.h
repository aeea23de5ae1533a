// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "dns/types.h"

namespace hither::dns {

/// A domain name in wire form (RFC 1035 s3.1): labels, each behind its length, ended by the root's
/// zero. At most 255 octets, kept in place, so a Name never allocates. Keeps the case it was given;
/// all comparisons here ignore the case of ASCII letters (RFC 4343). A plain value; pure.
class Name {
 public:
  /// The root.
  Name() { octets_[0] = std::byte{0}; }

  /// Reads an uncompressed name; nullopt at the end of the bytes, at a compression pointer, at one
  /// of the reserved label types (RFC 6891 s5) or beyond 255 octets. The reader has then failed or
  /// stands anywhere.
  static std::optional<Name> read(Reader& in);
  /// read() in place, for the hot path: false where that is nullopt, and then nothing has changed.
  bool assign(Reader& in);
  /// Parses what people write: "www.example.test", last dot optional, \. and \DDD as in zone files
  /// (RFC 1035 s5.1). "." is the root.
  [[nodiscard]] static Result<Name> parse(std::string_view text);
  /// Copies a name that is known to be well-formed, such as one inside the rdata of our own zone.
  static Name from_wire(ByteView wire);

  /// `labels`, without a root, before `name`; nullopt if that is longer than a name can be.
  static std::optional<Name> join(ByteView labels, ByteView name);

  ByteView wire() const { return {octets_.data(), size_}; }
  std::size_t size() const { return size_; }
  bool is_root() const { return size_ == 1; }
  /// The same name with every ASCII letter in lower case: the form that tables are keyed by.
  Name lower() const;
  bool is_wildcard() const;
  /// "label" before this name; nullopt if that is longer than a name can be.
  std::optional<Name> child(std::string_view label) const;

 private:
  bool add_label(ByteView label);

  std::array<std::byte, name_octets_max> octets_;  // only size_ of them are ever read
  std::uint8_t size_ = 1;
};

/// A name as tables are asked for it: in lower case (RFC 4343), cut into labels. Made in place once
/// for every name that is looked up.
class Key {
 public:
  /// Precondition: `wire` begins with a well-formed name.
  explicit Key(ByteView wire) { assign(wire); }
  void assign(ByteView wire);

  ByteView wire() const { return {octets_.data(), size_}; }
  /// How many labels, the root not counted.
  int labels() const { return labels_; }
  /// Where label `i` begins, from the left; label labels() is the root.
  std::size_t start(int i) const { return starts_[static_cast<std::size_t>(i)]; }
  /// The name without its first `i` labels.
  ByteView suffix(int i) const { return wire().subspan(start(i)); }

 private:
  std::array<std::byte, name_octets_max + 1> octets_;
  std::array<std::uint8_t, 128> starts_;
  std::uint8_t size_ = 0;
  int labels_ = 0;
};

/// Where each label of a name begins, from the left; the root's zero is not counted.
struct Labels {
  explicit Labels(ByteView wire);

  std::array<std::uint8_t, 128> starts;
  int count = 0;
};

/// The octets of the well-formed name that `wire` begins with.
std::size_t name_size(ByteView wire);
/// Is `name` the same as `ancestor`, or below it? Both in wire form.
bool is_within(ByteView name, ByteView ancestor);
bool equal_names(ByteView one, ByteView other);
/// Of a name in lower case (Name::lower). Equal on every machine.
std::uint64_t hash_name(ByteView lower_case);

/// As in zone files with the last dot: "www.example.test."; what is not printable as \DDD.
std::string to_text(const Name& name);
/// Without the last dot, as descriptions write it; the root is ".".
std::string to_short_text(const Name& name);

inline bool operator==(const Name& one, const Name& other) {
  return equal_names(one.wire(), other.wire());
}

}  // namespace hither::dns
