// SPDX-License-Identifier: Apache-2.0
#include "dns/edns.h"

#include <cstring>

#include "base/assert.h"

namespace hither::dns {
namespace {

constexpr std::uint32_t flag_dnssec_ok = 0x8000;
constexpr std::size_t opt_fixed_size = 11;
constexpr std::size_t option_head_size = 4;
constexpr std::size_t subnet_fixed_size = 4;

bool read_subnet(ByteView value, Edns& edns) {
  SubnetFault fault = SubnetFault::twice;
  if (!edns.subnet) {
    edns.subnet = parse_client_subnet(value, &fault);
    if (edns.subnet) return true;
  }
  edns.bad_subnet = fault;
  return false;
}

bool read_cookie(ByteView value, Edns& edns) {
  constexpr std::size_t with_server_min = Cookie::client_octets + Cookie::server_octets_min;
  constexpr std::size_t with_server_max = Cookie::client_octets + Cookie::server_octets_max;
  const bool alone = value.size() == Cookie::client_octets;
  const bool whole = value.size() >= with_server_min && value.size() <= with_server_max;
  if (edns.cookie || (!alone && !whole)) return false;
  Cookie& cookie = edns.cookie.emplace();
  std::memcpy(cookie.octets.data(), value.data(), value.size());
  cookie.size = static_cast<std::uint8_t>(value.size());
  return true;
}

bool read_option(Option code, ByteView value, Edns& edns) {
  switch (code) {
    case Option::client_subnet:
      return read_subnet(value, edns);
    case Option::cookie:
      return read_cookie(value, edns);
    case Option::nsid:
      edns.wants_nsid = true;
      return value.empty();
    case Option::keepalive:
      // With a timeout in it, it is a server's. Over UDP it is not looked at (RFC 7828 s3.2.1), so
      // it cannot be an error either.
      edns.wants_keepalive = edns.wants_keepalive || value.empty();
      return true;
    default:
      return true;
  }
}

bool read_options(ByteView data, Edns& edns) {
  Reader in(data);
  while (in.left() > 0) {
    const auto code = static_cast<Option>(in.u16());
    const ByteView value = in.take(in.u16());
    if (!in.ok() || !read_option(code, value, edns)) return false;
  }
  return true;
}

std::size_t options_size(const Edns& edns, const EdnsAnswer& answer) {
  std::size_t size = 0;
  if (edns.subnet)
    size += option_head_size + subnet_fixed_size + edns.subnet->address_octets().size();
  if (answer.ede) size += option_head_size + 2;
  if (!answer.nsid.empty()) size += option_head_size + answer.nsid.size();
  if (answer.cookie) size += option_head_size + answer.cookie->size();
  if (answer.keepalive) size += option_head_size + 2;
  return size;
}

void write_head(Option code, std::size_t size, Writer& out) {
  out.u16(static_cast<std::uint16_t>(code));
  out.u16(static_cast<std::uint16_t>(size));
}

void write_number(Option code, std::uint16_t number, Writer& out) {
  write_head(code, 2, out);
  out.u16(number);
}

void write_octets(Option code, ByteView octets, Writer& out) {
  write_head(code, octets.size(), out);
  out.bytes(octets);
}

}  // namespace

Rcode read_opt(Reader& in, Edns& edns) {
  edns.payload_size = in.u16();
  const std::uint32_t ttl = in.u32();
  edns.version = static_cast<std::uint8_t>(ttl >> 16U & 0xffU);
  edns.dnssec_ok = (ttl & flag_dnssec_ok) != 0;
  const ByteView options = in.take(in.u16());
  if (!in.ok()) return Rcode::formerr;
  if (edns.version != 0) return Rcode::badvers;
  if (read_options(options, edns)) return Rcode::noerror;
  forget_options(edns);
  return Rcode::formerr;
}

void forget_options(Edns& edns) {
  edns.wants_nsid = false;
  edns.wants_keepalive = false;
  edns.subnet.reset();
  edns.cookie.reset();
}

std::size_t opt_size(const Edns& edns, const EdnsAnswer& answer) {
  return opt_fixed_size + options_size(edns, answer);
}

void fit_options(const Edns& edns, std::size_t room, EdnsAnswer& answer) {
  const auto fits = [&] { return opt_size(edns, answer) <= room; };
  if (fits()) return;  // As nearly always.
  answer.nsid = {};
  if (!fits()) answer.ede.reset();
  if (!fits()) answer.keepalive.reset();
  ASSERT(fits());
}

void write_opt(const Edns& edns, const EdnsAnswer& answer, Rcode rcode, Writer& out) {
  out.u8(0);  // the root
  out.u16(static_cast<std::uint16_t>(Type::opt));
  out.u16(answer.payload);
  out.u8(static_cast<std::uint8_t>(static_cast<unsigned>(rcode) >> 4U));
  out.u8(0);  // version
  out.u16(edns.dnssec_ok ? std::uint16_t{flag_dnssec_ok} : std::uint16_t{0});
  out.u16(static_cast<std::uint16_t>(options_size(edns, answer)));
  if (edns.subnet) {
    write_head(Option::client_subnet, subnet_fixed_size + edns.subnet->address_octets().size(),
               out);
    write_client_subnet(*edns.subnet, answer.scope, out);
  }
  if (answer.ede)
    write_number(Option::extended_error, static_cast<std::uint16_t>(*answer.ede), out);
  if (!answer.nsid.empty()) write_octets(Option::nsid, answer.nsid, out);
  if (answer.cookie) write_octets(Option::cookie, *answer.cookie, out);
  if (answer.keepalive) write_number(Option::keepalive, *answer.keepalive, out);
}

}  // namespace hither::dns
