// SPDX-License-Identifier: Apache-2.0
// Any story of a client and its servers around one HTTP session: what servers get is always a row
// of well-formed requests, memory stays bounded, and when the client is gone nothing is left in
// flight.
//
// A story is a row of steps, each a letter and its text up to an octet 0xff:
//   C text   the client says it            B text   the server says it
//   c, b     the client, the server ends   R, r     the server, the client resets
//   S, s     client stops, goes on reading M        the server takes no more bytes
//   F, A     connects are refused, taken   T        time passes up to the deadline
//   D        the balancer drains
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "base/http_body.h"
#include "base/http_head.h"
#include "tests/lb/story.h"

namespace hither::lb::test {
namespace {

void play(Story& story, char step, std::string_view text) {
  switch (step) {
    case 'C':
      story.client_says(text);
      break;
    case 'B':
      story.backend_says(text);
      break;
    case 'c':
      story.client_ends();
      break;
    case 'b':
      story.backend_ends();
      break;
    case 'R':
      story.backend_resets();
      break;
    case 'r':
      story.client_resets();
      break;
    case 'S':
    case 's':
      story.client_stops_reading(step == 'S');
      break;
    case 'M':
      story.backend_refuses_bytes();
      break;
    case 'F':
    case 'A':
      story.connects(step == 'F' ? "refused" : "taken");
      break;
    case 'T':
      story.time_passes(std::chrono::seconds(31));
      break;
    case 'D':
      story.drain();
      break;
    default:
      break;
  }
}

/// Requests one behind the other, the last one possibly cut short.
void check_requests(std::string_view stream) {
  const HeadLimits limits{.bytes_max = 2 * block_bytes, .fields_max = http_fields_max};
  while (!stream.empty()) {
    RequestHead head;
    HeadScan scan;
    const HeadResult result = parse_request_head(as_bytes(stream), limits, scan, head);
    ASSERT(result.kind != HeadResult::Kind::bad);
    if (result.kind == HeadResult::Kind::incomplete) return;
    stream.remove_prefix(head.size);
    BodyReader body(head.framing, head.content_length);
    while (body.state() == BodyReader::State::reading && !stream.empty()) {
      const BodyReader::Step step = body.read(as_bytes(stream));
      stream.remove_prefix(step.taken);
      if (step.taken == 0) break;
    }
    ASSERT(body.state() != BodyReader::State::bad);
  }
}

void tell(std::string_view steps, std::size_t piece) {
  Story story({.servers = 2, .piece = piece});
  while (!steps.empty() && !story.closed()) {
    const std::size_t end = steps.find('\xff');
    const std::string_view step = steps.substr(0, end);
    steps.remove_prefix(end == std::string_view::npos ? steps.size() : end + 1);
    if (!step.empty()) play(story, step.front(), step.substr(1));
    ASSERT(story.blocks_taken() <= 4);
  }
  if (!story.closed()) story.client_resets();
  ASSERT(story.closed());
  ASSERT(story.in_flight() == 0);
  ASSERT(story.connecting() == 0);
  ASSERT(story.blocks_taken() == 0);
  for (int connection = 1; connection <= story.connections_opened(); ++connection) {
    check_requests(story.backend_got(connection));
  }
}

}  // namespace
}  // namespace hither::lb::test

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view steps(reinterpret_cast<const char*>(data), size);
  hither::lb::test::tell(steps, 1'000'000);
  hither::lb::test::tell(steps, 7);
  return 0;
}
