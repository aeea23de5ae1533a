// SPDX-License-Identifier: Apache-2.0
#include "dns/encode.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/assert.h"

namespace hither::dns {
namespace {

constexpr std::size_t question_fixed_size = 4;  // type and class
// What every answer has room for, whatever the name and the options.
static_assert(header_size + name_octets_max + question_fixed_size + opt_size_least_max <=
              udp_payload_min);

std::size_t question_size(const Query& query) {
  return query.has_question ? query.name.size() + question_fixed_size : 0;
}

/// Everything but the OPT record, straight into the buffer. What is written once may be read again:
/// owners stand in the question or in what was written before.
class Body {
 public:
  Body(const Query& query, const Answer& answer, std::span<std::byte> out)
      : query_(query), answer_(answer), out_(out.data()), limit_(out.size()) {}

  std::size_t write();

 private:
  using Starts = std::array<std::uint16_t, Answer::answers_max>;

  void write_question();
  std::uint16_t flags() const;
  std::uint16_t write_section(std::span<const Item> items, Starts* starts);
  bool write_item(const Item& item);
  bool write_set(const Item& item, std::size_t owner_at);
  void relocate(const Item& item, std::size_t owner_at, std::size_t begin);
  bool reaches(const Item& item, std::size_t owner_at) const;
  bool write_plainly(const Item& item, std::size_t owner_at);
  bool write_record(const Item& item, std::size_t owner_at, ByteView data);
  std::size_t place_of(const Owner& owner) const;
  std::size_t start_of_data(const Owner& owner) const;
  std::size_t advance(std::size_t at, std::size_t octets) const;
  Name name_at(std::size_t at) const;

  bool fits(std::size_t octets) const { return size_ + octets <= limit_; }
  std::size_t u8_at(std::size_t at) const { return std::to_integer<std::size_t>(out_[at]); }
  std::size_t u16_at(std::size_t at) const { return u8_at(at) << 8U | u8_at(at + 1); }
  void put_u16(std::size_t at, std::size_t value) {
    out_[at] = static_cast<std::byte>(value >> 8U & 0xffU);
    out_[at + 1] = static_cast<std::byte>(value & 0xffU);
  }
  void put_u32(std::size_t at, std::uint32_t value) {
    put_u16(at, value >> 16U);
    put_u16(at + 2, value & 0xffffU);
  }

  const Query& query_;
  const Answer& answer_;
  std::byte* out_;
  std::size_t limit_;
  std::size_t size_ = 0;
  bool truncated_ = false;
  Starts answer_starts_;  // where the items of the answer section begin
  Starts authority_starts_;
};

std::uint16_t Body::flags() const {
  unsigned flags = flag_response | static_cast<unsigned>(query_.opcode) << 11U;
  if (answer_.authoritative) flags |= flag_authoritative;
  if (truncated_) flags |= flag_truncated;
  if (query_.recursion_desired) flags |= flag_recursion_desired;
  if (query_.checking_disabled) flags |= flag_checking_disabled;
  return static_cast<std::uint16_t>(flags | (static_cast<unsigned>(answer_.rcode) & 0xfU));
}

/// The place in the message that is `octets` of the name behind `at`, through the pointers we wrote
/// ourselves, which only lead back.
std::size_t Body::advance(std::size_t at, std::size_t octets) const {
  while (true) {
    const std::size_t length = u8_at(at);
    if (length >= 0xc0) {
      at = u16_at(at) & pointer_max;
      continue;
    }
    if (octets == 0) return at;
    at += length + 1;
    octets -= length + 1;
  }
}

Name Body::name_at(std::size_t at) const {
  std::array<std::byte, name_octets_max> wire;
  for (std::size_t size = 0;;) {
    at = advance(at, 0);
    const std::size_t label_size = u8_at(at) + 1;
    std::memcpy(wire.data() + size, out_ + at, label_size);
    size += label_size;
    if (label_size == 1) return Name::from_wire(ByteView(wire).first(size));
    at += label_size;
  }
}

/// The first octet of the data of a record that was written before.
std::size_t Body::start_of_data(const Owner& owner) const {
  const bool in_answer = owner.in == Owner::In::answer;
  std::size_t at = in_answer ? answer_starts_[owner.item] : authority_starts_[owner.item];
  for (std::uint16_t record = 0;; ++record) {
    while (u8_at(at) < 0xc0 && u8_at(at) != 0) at += u8_at(at) + 1;
    at += (u8_at(at) == 0 ? 1U : 2U) + record_head_size - 2;  // the owner, then the fixed octets
    if (record == owner.record) return at;
    at += u16_at(at - 2);
  }
}

std::size_t Body::place_of(const Owner& owner) const {
  if (owner.in == Owner::In::question) return header_size + owner.start;
  const std::size_t data = start_of_data(owner);
  return owner.start == 0 ? data : advance(data, owner.start);
}

/// Moves the pointers of a set that was just copied to `begin`, and puts its TTL.
void Body::relocate(const Item& item, std::size_t owner_at, std::size_t begin) {
  const RrSet& set = *item.set;
  for (std::size_t at = begin; at < size_; at += record_head_size + u16_at(at + 10)) {
    put_u16(at, 0xc000U | owner_at);
    put_u32(at + 6, item.ttl);
  }
  const std::size_t prepared_begin = header_size + set.owner_size + question_fixed_size;
  for (const RrSet::Pointer& pointer : set.pointers) {
    const std::size_t at = begin + pointer.at;
    std::size_t target = u16_at(at) & pointer_max;
    if (pointer.into_wire) {
      target += begin - prepared_begin;
    } else {  // Counted from the end of the owner: a wildcard's is longer in the message.
      const std::size_t suffix = set.owner_size - (target - header_size);
      target = item.owner.in == Owner::In::question ? owner_at + item.owner.size - suffix
                                                    : advance(owner_at, item.owner.size - suffix);
    }
    put_u16(at, 0xc000U | target);
  }
}

/// As it was prepared.
bool Body::write_set(const Item& item, std::size_t owner_at) {
  const RrSet& set = *item.set;
  if (!fits(set.wire.size())) return false;
  const std::size_t begin = size_;
  std::memcpy(out_ + begin, set.wire.data(), set.wire.size());
  size_ += set.wire.size();
  const bool as_prepared = owner_at == header_size && item.ttl == set.ttl &&
                           item.owner.size == set.owner_size &&
                           begin == header_size + set.owner_size + question_fixed_size;
  if (!as_prepared) relocate(item, owner_at, begin);
  return true;
}

/// One record without a compressed name but its owner's, if a pointer can lead there.
bool Body::write_record(const Item& item, std::size_t owner_at, ByteView data) {
  const bool far = owner_at > pointer_max;
  const Name owner = far ? name_at(owner_at) : Name();
  const std::size_t owner_size = far ? owner.size() : 2;
  if (!fits(owner_size + record_head_size - 2 + data.size())) return false;
  if (far) {
    std::memcpy(out_ + size_, owner.wire().data(), owner_size);
  } else {
    put_u16(size_, 0xc000U | owner_at);
  }
  size_ += owner_size;
  put_u16(size_, static_cast<std::size_t>(item.set != nullptr ? item.set->type : Type::cname));
  put_u16(size_ + 2, static_cast<std::size_t>(Class::in));
  put_u32(size_ + 4, item.ttl);
  put_u16(size_ + 8, data.size());
  std::memcpy(out_ + size_ + 10, data.data(), data.size());
  size_ += 10 + data.size();
  return true;
}

/// Names that DNAMEs make, and sets behind the reach of pointers.
bool Body::write_plainly(const Item& item, std::size_t owner_at) {
  if (item.set == nullptr) {
    return write_record(item, owner_at, answer_.synthesized[item.synthesized].wire());
  }
  Reader in(item.set->rdata);
  while (in.left() > 0) {
    if (!write_record(item, owner_at, in.take(in.u16()))) return false;
  }
  return true;
}

/// Do the pointers of a set that begins here reach what they lead to: names in it, its owner?
bool Body::reaches(const Item& item, std::size_t owner_at) const {
  return item.set->pointers.empty() ||
         (size_ + item.set->farthest <= pointer_max && owner_at + item.owner.size <= pointer_max);
}

bool Body::write_item(const Item& item) {
  const std::size_t owner_at = place_of(item.owner);
  if (item.set == nullptr || owner_at > pointer_max) return write_plainly(item, owner_at);
  return reaches(item, owner_at) ? write_set(item, owner_at) : write_plainly(item, owner_at);
}

/// The records written. Stops, and truncates the message, at the first set that does not fit.
std::uint16_t Body::write_section(std::span<const Item> items, Starts* starts) {
  std::size_t records = 0;
  std::size_t records_before = 0;
  std::size_t size_before = size_;
  for (std::size_t i = 0; i < items.size() && !truncated_; ++i) {
    if (!items[i].continues) {
      records_before = records;
      size_before = size_;
    }
    if (starts != nullptr) (*starts)[i] = static_cast<std::uint16_t>(size_);
    if (write_item(items[i])) {
      records += items[i].set != nullptr ? items[i].set->count : 1U;
      continue;
    }
    records = records_before;
    size_ = size_before;
    truncated_ = true;
  }
  return static_cast<std::uint16_t>(records);
}

void Body::write_question() {
  ASSERT(fits(question_size(query_)));
  if (!query_.has_question) return;
  const ByteView name = query_.name.wire();
  std::memcpy(out_ + size_, name.data(), name.size());
  size_ += name.size();
  put_u16(size_, static_cast<std::size_t>(query_.type));
  put_u16(size_ + 2, static_cast<std::size_t>(query_.class_of));
  size_ += question_fixed_size;
}

std::size_t Body::write() {
  size_ = header_size;
  write_question();
  const std::uint16_t answers = write_section(answer_.answer.all(), &answer_starts_);
  const std::uint16_t authorities =
      truncated_ ? std::uint16_t{0} : write_section(answer_.authority.all(), &authority_starts_);
  const std::uint16_t additional =
      truncated_ ? std::uint16_t{0} : write_section(answer_.additional.all(), nullptr);
  put_u16(0, query_.id);
  put_u16(2, flags());
  put_u16(4, query_.has_question ? 1 : 0);
  put_u16(6, answers);
  put_u16(8, authorities);
  put_u16(10, additional + (query_.edns ? 1U : 0U));
  return size_;
}

}  // namespace

std::size_t answer_size_max(const Query& query, Transport transport, std::size_t udp_payload) {
  if (transport == Transport::tcp) return message_size_max;
  if (!query.edns) return udp_payload_min;
  return std::clamp<std::size_t>(query.edns->payload_size, udp_payload_min, udp_payload);
}

std::size_t encode(const Query& query, const Answer& answer, std::size_t size_max,
                   std::span<std::byte> out) {
  const std::size_t limit = std::min(size_max, out.size());
  ASSERT(limit >= udp_payload_min);
  if (!query.edns) return Body(query, answer, out.first(limit)).write();
  EdnsAnswer edns = answer.edns;
  fit_options(*query.edns, limit - header_size - question_size(query), edns);
  const std::size_t reserved = opt_size(*query.edns, edns);
  const std::size_t size = Body(query, answer, out.first(limit - reserved)).write();
  Writer opt(out.subspan(size, reserved));
  write_opt(*query.edns, edns, answer.rcode, opt);
  ASSERT(opt.ok());
  return size + opt.size();
}

}  // namespace hither::dns
