// SPDX-License-Identifier: Apache-2.0
#include "dns/record.h"

#include "base/assert.h"

namespace hither::dns {
namespace {

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

}  // namespace

void RrSet::add(ByteView record_rdata) {
  ASSERT(record_rdata.size() <= message_size_max);
  rdata.push_back(static_cast<std::byte>(record_rdata.size() >> 8U));
  rdata.push_back(static_cast<std::byte>(record_rdata.size() & 0xffU));
  append(rdata, record_rdata);
  ++count;
}

ByteView RrSet::first() const {
  Reader in(rdata);
  return in.take(in.u16());
}

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

Bytes hinfo_rdata(std::string_view cpu, std::string_view os) {
  Bytes rdata;
  append_string(rdata, cpu);
  append_string(rdata, os);
  return rdata;
}

}  // namespace hither::dns
