// SPDX-License-Identifier: Apache-2.0
//
// Any octets as a cookie, and any text as a file of secrets. Never good unless we made it; what is
// answered is good at once, and keeps the client's part.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "dns/cookie.h"
#include "dns/query.h"

namespace hither::dns {
namespace {

constexpr std::uint32_t now = 1'700'000'000;

/// A query with nothing but an OPT record of one cookie, as it stands on the wire.
bool read_cookie(ByteView octets, Cookie& cookie) {
  Bytes packet(header_size);
  packet[11] = std::byte{1};
  const auto size = static_cast<unsigned>(octets.size());
  for (const unsigned octet : {0U, 0U, 41U, 4U, 208U, 0U, 0U, 0U, 0U, (size + 4) >> 8U,
                               (size + 4) & 0xffU, 0U, 10U, size >> 8U, size & 0xffU}) {
    packet.push_back(static_cast<std::byte>(octet));
  }
  append(packet, octets);
  Query query;
  ASSERT(decode(packet, query));
  const bool good_size = size == 8 || (size >= 16 && size <= 40);
  ASSERT((query.problem == Rcode::noerror) == good_size);
  if (good_size) cookie = *query.edns->cookie;
  return good_size;
}

void check_cookie(ByteView octets) {
  static const Cookies cookies({SipKey{std::byte{1}}, SipKey{std::byte{2}}});
  const Address client = Address::v4(0xc0000201U);
  Cookie cookie;
  if (!read_cookie(octets, cookie)) return;
  const CookieAnswer answer = cookies.answer(cookie, client, now);
  ASSERT(answer.verdict != CookieVerdict::good);  // Nobody knows the secrets.
  ASSERT(std::ranges::equal(ByteView(answer.cookie).first(8), octets.first(8)));
  Cookie ours;
  ASSERT(read_cookie(answer.cookie, ours));
  ASSERT(cookies.answer(ours, client, now).verdict == CookieVerdict::good);
}

void check_secrets(ByteView text) {
  const auto secrets = parse_cookie_secrets(as_text(text), "cookie.key");
  ASSERT(!secrets || (!secrets->empty() && secrets->size() <= Cookies::secrets_max));
  ASSERT(secrets || secrets.error().message.starts_with("cookie.key:"));
}

}  // namespace
}  // namespace hither::dns

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const hither::ByteView bytes(reinterpret_cast<const std::byte*>(data), size);
  hither::dns::check_cookie(bytes.first(std::min<std::size_t>(size, 60'000)));
  hither::dns::check_secrets(bytes);
  return 0;
}
