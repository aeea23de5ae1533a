// SPDX-License-Identifier: Apache-2.0
#include "dns/encode.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/assert.h"

namespace hither::dns {
namespace {

constexpr std::uint16_t flag_response = 0x8000;
constexpr std::uint16_t flag_authoritative = 0x0400;
constexpr std::uint16_t flag_truncated = 0x0200;
constexpr std::uint16_t flag_recursion_desired = 0x0100;
constexpr std::uint16_t flag_checking_disabled = 0x0010;
constexpr std::size_t pointer_max = 0x3fff;  // what a compression pointer can say
/// Suffixes remembered as targets of pointers; later names are written out against these.
constexpr std::size_t suffixes_max = 64;

/// Writes names, each suffix that was written before as a pointer to it.
class NameWriter {
 public:
  explicit NameWriter(Writer& out) : out_(out) {}

  void write(ByteView name);
  std::size_t known() const { return count_; }
  /// Forgets what was learnt since known() was `count`: it has been taken back.
  void forget(std::size_t count) { count_ = count; }

 private:
  std::optional<std::uint16_t> find(ByteView suffix) const;
  bool matches(std::size_t position, ByteView suffix) const;

  Writer& out_;
  std::array<std::uint16_t, suffixes_max> positions_;
  std::size_t count_ = 0;
};

/// Does the name at `position` of the message equal `suffix`? Follows the pointers we wrote
/// ourselves, which only lead back.
bool NameWriter::matches(std::size_t position, ByteView suffix) const {
  const ByteView message = out_.written();
  while (true) {
    const auto length = std::to_integer<std::size_t>(message[position]);
    if (length >= 0xc0) {
      position = (length & 0x3fU) << 8U | std::to_integer<std::size_t>(message[position + 1]);
      continue;
    }
    if (message[position] != suffix[0]) return false;
    if (length == 0) return true;
    if (!equal_names(message.subspan(position + 1, length), suffix.subspan(1, length)))
      return false;
    position += length + 1;
    suffix = suffix.subspan(length + 1);
  }
}

std::optional<std::uint16_t> NameWriter::find(ByteView suffix) const {
  for (std::size_t i = 0; i < count_; ++i) {
    if (matches(positions_[i], suffix)) return positions_[i];
  }
  return std::nullopt;
}

void NameWriter::write(ByteView name) {
  // Learnt only when the name is complete, so that it is never matched against its own half.
  std::array<std::uint16_t, suffixes_max> fresh;
  std::size_t fresh_count = 0;
  std::optional<std::uint16_t> target;
  while (name[0] != std::byte{0} && !(target = find(name))) {
    const std::size_t position = out_.size();
    if (count_ + fresh_count < suffixes_max && position <= pointer_max) {
      fresh[fresh_count++] = static_cast<std::uint16_t>(position);
    }
    const std::size_t size = std::to_integer<std::size_t>(name[0]) + 1;
    out_.bytes(name.first(size));
    name = name.subspan(size);
  }
  if (target) {
    out_.u16(static_cast<std::uint16_t>(0xc000U | *target));
  } else {
    out_.u8(0);
  }
  if (!out_.ok()) return;
  for (std::size_t i = 0; i < fresh_count; ++i) positions_[count_++] = fresh[i];
}

/// Everything but the OPT record.
class Body {
 public:
  Body(const Query& query, const Answer& answer, std::span<std::byte> out)
      : query_(query), answer_(answer), out_(out), names_(out_) {}

  std::size_t write();

 private:
  std::uint16_t flags() const;
  std::uint16_t write_section(std::span<const Item> items);
  void write_set(const Item& item);
  void write_rdata(Type type, ByteView rdata);

  const Query& query_;
  const Answer& answer_;
  Writer out_;
  NameWriter names_;
  bool truncated_ = false;
};

std::uint16_t Body::flags() const {
  unsigned flags = flag_response | static_cast<unsigned>(query_.opcode) << 11U;
  if (answer_.authoritative) flags |= flag_authoritative;
  if (truncated_) flags |= flag_truncated;
  if (query_.recursion_desired) flags |= flag_recursion_desired;
  if (query_.checking_disabled) flags |= flag_checking_disabled;
  return static_cast<std::uint16_t>(flags | (static_cast<unsigned>(answer_.rcode) & 0xfU));
}

void Body::write_rdata(Type type, ByteView rdata) {
  const std::size_t length_at = out_.size();
  out_.u16(0);
  const NameLayout layout = name_layout(type);
  Reader in(rdata);
  out_.bytes(in.take(layout.fixed));
  for (int i = 0; i < layout.names; ++i) {
    names_.write(in.take(name_size(rdata.subspan(in.position()))));
  }
  out_.bytes(in.take(in.left()));
  if (!out_.ok()) return;
  out_.patch_u16(length_at, static_cast<std::uint16_t>(out_.size() - length_at - 2));
}

void Body::write_set(const Item& item) {
  Reader in(item.set->rdata);
  while (in.left() > 0 && out_.ok()) {
    names_.write(item.owner);
    out_.u16(static_cast<std::uint16_t>(item.set->type));
    out_.u16(static_cast<std::uint16_t>(Class::in));
    out_.u32(item.ttl);
    write_rdata(item.set->type, in.take(in.u16()));
  }
}

/// The records written. Stops, and truncates the message, at the first set that does not fit.
std::uint16_t Body::write_section(std::span<const Item> items) {
  unsigned records = 0;
  for (const Item& item : items) {
    if (truncated_) break;
    const std::size_t before = out_.size();
    const std::size_t known = names_.known();
    write_set(item);
    if (out_.ok()) {
      records += item.set->count;
      continue;
    }
    out_.truncate(before);
    names_.forget(known);
    truncated_ = true;
  }
  return static_cast<std::uint16_t>(records);
}

std::size_t Body::write() {
  out_.u16(query_.id);
  for (int i = 0; i < 5; ++i) out_.u16(0);  // flags and counts follow
  if (query_.has_question) {
    names_.write(query_.name.wire());
    out_.u16(static_cast<std::uint16_t>(query_.type));
    out_.u16(static_cast<std::uint16_t>(query_.class_of));
  }
  ASSERT(out_.ok());
  const std::uint16_t answers = write_section(answer_.answer.all());
  const std::uint16_t authorities = write_section(answer_.authority.all());
  const std::uint16_t additional = write_section(answer_.additional.all());
  out_.patch_u16(2, flags());
  out_.patch_u16(4, query_.has_question ? 1 : 0);
  out_.patch_u16(6, answers);
  out_.patch_u16(8, authorities);
  out_.patch_u16(10, static_cast<std::uint16_t>(additional + (query_.edns ? 1 : 0)));
  return out_.size();
}

}  // namespace

std::size_t answer_size_max(const Query& query, Transport transport) {
  if (transport == Transport::tcp) return message_size_max;
  if (!query.edns) return udp_payload_min;
  return std::clamp<std::size_t>(query.edns->payload_size, udp_payload_min, udp_payload_max);
}

std::size_t encode(const Query& query, const Answer& answer, std::size_t size_max,
                   std::span<std::byte> out) {
  const std::size_t limit = std::min(size_max, out.size());
  ASSERT(limit >= udp_payload_min);
  const std::size_t reserved = query.edns ? opt_size(*query.edns, answer.edns) : 0;
  const std::size_t size = Body(query, answer, out.first(limit - reserved)).write();
  Writer opt(out.subspan(size, reserved));
  if (query.edns) write_opt(*query.edns, answer.edns, answer.rcode, opt);
  ASSERT(opt.ok());
  return size + opt.size();
}

}  // namespace hither::dns
