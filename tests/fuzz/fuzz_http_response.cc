// SPDX-License-Identifier: Apache-2.0
// Any bytes as what a server answers to a GET, a HEAD and an upgrade: the client gets a row of
// well-formed responses, of which at most one is final, whole or visibly cut short; nothing behind
// it reaches the client; and nothing is left in flight. The first octet chooses the request and
// whether the server ends.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "tests/lb/story.h"

namespace hither::lb::test {
namespace {

constexpr std::string_view requests[] = {
    "GET / HTTP/1.1\r\nHost: a.test\r\nTE: trailers\r\n\r\n",
    "HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"};

/// False if the client's connection must be closed for the client to see the end.
bool check_client(std::string_view stream, std::string_view method, bool upgrade) {
  const HeadLimits limits{.bytes_max = 2 * block_bytes, .fields_max = http_fields_max};
  while (!stream.empty()) {
    ResponseHead head;
    HeadScan scan;
    const HeadResult result = parse_response_head(as_bytes(stream), method, limits, scan, head);
    ASSERT(result.kind == HeadResult::Kind::complete);
    stream.remove_prefix(head.size);
    if (head.status == 101) {
      ASSERT(upgrade);
      return true;  // From here on it may be anything.
    }
    if (head.status < 200) continue;
    BodyReader body(head.framing, head.content_length);
    while (body.state() == BodyReader::State::reading && !stream.empty()) {
      const BodyReader::Step step = body.read(as_bytes(stream));
      stream.remove_prefix(step.taken);
    }
    ASSERT(body.state() != BodyReader::State::bad);
    ASSERT(stream.empty());
    return body.done() && head.keep_alive;
  }
  return true;
}

std::string tell(std::string_view request, std::string_view answer, bool ends, std::size_t piece) {
  Story story({.piece = piece});
  story.client_says(request).backend_says(answer);
  if (ends && story.connection_open(1)) story.backend_ends();
  const bool upgrade = request.find("Upgrade") != std::string_view::npos;
  const bool whole =
      check_client(story.client_got(), request.substr(0, request.find(' ')), upgrade);
  if (ends && !whole) ASSERT(story.client_got_end());
  const std::string got = story.client_got();
  if (!story.closed()) story.client_resets();
  ASSERT(story.closed());
  ASSERT(story.in_flight() == 0 && story.connecting() == 0 && story.blocks_taken() == 0);
  // Whatever a server makes of a request that came to it on a new connection: it got it once.
  ASSERT(story.connections_opened() == 1 &&
         story.backends_got().find("/ HTTP/1.1", 8) == std::string::npos);
  return got;
}

}  // namespace
}  // namespace hither::lb::test

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hither::lb::test;
  if (size == 0) return 0;
  const std::string_view request = requests[data[0] % 3];
  const bool ends = (data[0] & 0x80U) != 0;
  const std::string_view answer(reinterpret_cast<const char*>(data + 1),
                                std::min<std::size_t>(size - 1, 4096));
  for (const std::size_t piece : {std::size_t{1'000'000}, std::size_t{1}, std::size_t{7}}) {
    tell(request, answer, ends, piece);
  }
  return 0;
}
