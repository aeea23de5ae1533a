// SPDX-License-Identifier: Apache-2.0
#include "dns/responder.h"

#include "base/assert.h"
#include "dns/encode.h"
#include "dns/query.h"

namespace hither::dns {

std::size_t Responder::respond(ByteView packet, const Arrival& arrival, std::span<std::byte> out) {
  ASSERT(out.size() >= udp_payload_max);
  Query query;
  if (!decode(packet, query)) {
    counters_.ignored.add();
    return 0;
  }
  const Answer answer = make_answer(query, *snapshot_, arrival.client);
  const std::size_t size = encode(query, answer, answer_size_max(query, arrival.transport), out);
  counters_.count(query, answer, arrival.transport);
  if ((out[2] & std::byte{0x02}) != std::byte{0}) counters_.truncated.add();
  return size;
}

}  // namespace hither::dns
