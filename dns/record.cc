// SPDX-License-Identifier: Apache-2.0
#include "dns/record.h"

#include <algorithm>

#include "base/assert.h"

namespace hither::dns {
namespace {

/// SERIAL, REFRESH, RETRY, EXPIRE and MINIMUM, behind the names (RFC 1035 s3.3.13).
constexpr std::size_t soa_numbers_size = 20;

void append_u32(Bytes& out, std::uint32_t value) {
  for (unsigned shift = 32; shift > 0; shift -= 8) {
    out.push_back(static_cast<std::byte>(value >> (shift - 8) & 0xffU));
  }
}

void append_string(Bytes& out, std::string_view text) {
  ASSERT(text.size() <= 255);
  out.push_back(static_cast<std::byte>(text.size()));
  append(out, as_bytes(text));
}

void append_u16(Bytes& out, std::size_t value) {
  out.push_back(static_cast<std::byte>(value >> 8U & 0xffU));
  out.push_back(static_cast<std::byte>(value & 0xffU));
}

void append_pointer(Bytes& out, std::size_t target) { append_u16(out, 0xc000U | target); }

/// RrSet::prepare(): writes the records one behind the other, and remembers where each suffix of a
/// name stands in a message that is a question for the owner with this set behind it.
class SetPreparer {
 public:
  SetPreparer(RrSet& set, ByteView owner)
      : set_(set), base_(header_size + owner.size() + question_rest) {
    set_.owner_size = static_cast<std::uint8_t>(owner.size());
    const bool wildcard =
        owner.size() > 2 && owner[0] == std::byte{1} && owner[1] == std::byte{'*'};
    for (std::size_t at = wildcard ? 2 : 0; owner[at] != std::byte{0}; at = next(owner, at)) {
      known_.push_back({.suffix = owner.subspan(at), .target = header_size + at, .in_wire = false});
    }
  }

  void prepare();

 private:
  /// Suffixes remembered of one set; names behind them are compressed no better.
  static constexpr std::size_t known_max = 64;
  static constexpr std::size_t question_rest = 4;  // type and class
  /// How much farther back a set may stand than it was prepared for: behind the longest chain, each
  /// step a DNAME and the CNAME it makes, and a question that is longer than the owner.
  static constexpr std::size_t moved_max =
      cname_chain_max * 2 * (record_head_size + name_octets_max) + name_octets_max;

  struct Known {
    ByteView suffix;
    std::size_t target;
    bool in_wire;
  };

  static std::size_t next(ByteView name, std::size_t at) {
    return at + std::to_integer<std::size_t>(name[at]) + 1;
  }
  void note_target(std::size_t at) {
    set_.farthest = std::max(set_.farthest, static_cast<std::uint16_t>(at));
  }
  void write_name(ByteView name);
  void write_data(ByteView data);

  RrSet& set_;
  std::size_t base_;  // where the set begins in that message
  std::vector<Known> known_;
};

void SetPreparer::write_name(ByteView name) {
  std::vector<Known> fresh;  // not matched against its own half
  std::size_t at = 0;
  for (; name[at] != std::byte{0}; at = next(name, at)) {
    const ByteView suffix = name.subspan(at);
    const auto same = [suffix](const Known& one) {
      return one.suffix.size() == suffix.size() && equal_names(one.suffix, suffix);
    };
    const auto found = std::ranges::find_if(known_, same);
    if (found != known_.end()) {
      set_.pointers.push_back(
          {.at = static_cast<std::uint16_t>(set_.wire.size()), .into_wire = found->in_wire});
      append_pointer(set_.wire, found->target);
      if (found->in_wire) note_target(found->target - base_);
      break;
    }
    const std::size_t position = base_ + set_.wire.size();
    if (known_.size() + fresh.size() < known_max && position <= pointer_max - moved_max) {
      fresh.push_back({.suffix = suffix, .target = position, .in_wire = true});
    }
    append(set_.wire, suffix.first(next(suffix, 0)));
  }
  if (name[at] == std::byte{0}) set_.wire.push_back(std::byte{0});
  known_.insert(known_.end(), fresh.begin(), fresh.end());
}

void SetPreparer::write_data(ByteView data) {
  const std::size_t length_at = set_.wire.size();
  append_u16(set_.wire, 0);
  const NameLayout layout = name_layout(set_.type);
  Reader in(data);
  append(set_.wire, in.take(layout.fixed));
  for (int i = 0; i < layout.names; ++i) write_name(in.take(name_size(in.rest())));
  append(set_.wire, in.rest());
  const std::size_t length = set_.wire.size() - length_at - 2;
  set_.wire[length_at] = static_cast<std::byte>(length >> 8U);
  set_.wire[length_at + 1] = static_cast<std::byte>(length & 0xffU);
}

void SetPreparer::prepare() {
  set_.wire.clear();
  set_.pointers.clear();
  set_.farthest = 0;
  Reader in(set_.rdata);
  while (in.left() > 0) {
    append_pointer(set_.wire, header_size);
    append_u16(set_.wire, static_cast<std::size_t>(set_.type));
    append_u16(set_.wire, static_cast<std::size_t>(Class::in));
    append_u32(set_.wire, set_.ttl);
    write_data(in.take(in.u16()));
  }
}

}  // namespace

void RrSet::add(ByteView record_rdata) {
  ASSERT(record_rdata.size() <= message_size_max);
  rdata.push_back(static_cast<std::byte>(record_rdata.size() >> 8U));
  rdata.push_back(static_cast<std::byte>(record_rdata.size() & 0xffU));
  append(rdata, record_rdata);
  ++count;
}

ByteView RrSet::data(std::size_t index) const {
  Reader in(rdata);
  for (std::size_t i = 0; i < index; ++i) in.skip(in.u16());
  return in.take(in.u16());
}

void RrSet::prepare(ByteView owner) { SetPreparer(*this, owner).prepare(); }

NameLayout name_layout(Type type) {
  switch (type) {
    case Type::ns:
    case Type::cname:
    case Type::ptr:
      return {.fixed = 0, .names = 1};
    case Type::soa:
      return {.fixed = 0, .names = 2};
    case Type::mx:
      return {.fixed = 2, .names = 1};
    default:
      return {};
  }
}

bool is_well_formed(Type type, ByteView rdata) {
  if (type == Type::a) return rdata.size() == 4;
  if (type == Type::aaaa) return rdata.size() == 16;
  const NameLayout layout =
      type == Type::dname ? NameLayout{.fixed = 0, .names = 1} : name_layout(type);
  if (layout.names == 0) return true;
  Reader in(rdata);
  in.skip(layout.fixed);
  for (int i = 0; i < layout.names; ++i) {
    if (!Name::read(in)) return false;
  }
  return in.ok() && in.left() == (type == Type::soa ? soa_numbers_size : 0);
}

Bytes address_rdata(const Address& address) {
  const auto wire = std::as_bytes(address.wire());
  return {wire.begin(), wire.end()};
}

Bytes name_rdata(const Name& name) { return {name.wire().begin(), name.wire().end()}; }

Bytes soa_rdata(const SoaFields& fields) {
  Bytes rdata = name_rdata(fields.primary);
  append(rdata, fields.mailbox.wire());
  for (const std::uint32_t value :
       {fields.serial, fields.refresh, fields.retry, fields.expire, fields.minimum}) {
    append_u32(rdata, value);
  }
  return rdata;
}

std::uint32_t soa_minimum(ByteView rdata) {
  ASSERT(rdata.size() >= 4);
  Reader in(rdata.last(4));
  return in.u32();
}

std::uint32_t soa_serial(ByteView rdata) {
  ASSERT(rdata.size() >= soa_numbers_size);
  Reader in(rdata.last(soa_numbers_size));
  return in.u32();
}

Bytes hinfo_rdata(std::string_view cpu, std::string_view os) {
  Bytes rdata;
  append_string(rdata, cpu);
  append_string(rdata, os);
  return rdata;
}

}  // namespace hither::dns
