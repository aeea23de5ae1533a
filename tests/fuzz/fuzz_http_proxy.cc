// SPDX-License-Identifier: Apache-2.0
// Any story of a client and its servers around one HTTP session: what servers get is always a row
// of well-formed requests, each one that the client made; memory stays bounded; and when the client
// or its server is gone nothing is left in flight.
//
// A story is a row of steps, each a letter and its text up to an octet 0xff:
//   C text   the client says it            B text   the server says it
//   c, b     the client, the server ends   R, r     the server, the client resets
//   S, s     client stops, goes on reading M        the server takes no more bytes
//   F, A     connects are refused, taken   T        time passes up to the deadline
//   D        the balancer drains
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

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

/// What two readers of a request must agree about.
struct Request {
  std::string method_and_path;
  std::string body;
  bool whole = false;
};

/// The requests in a stream, up to the first that is broken (which only a client's may be), or that
/// asks for an upgrade, behind which anything may come.
std::vector<Request> requests_in(std::string_view stream, const HeadLimits& limits, bool ours) {
  std::vector<Request> requests;
  while (!stream.empty()) {
    RequestHead head;
    HeadScan scan;
    const HeadResult result = parse_request_head(as_bytes(stream), limits, scan, head);
    ASSERT(!ours || result.kind != HeadResult::Kind::bad);
    if (result.kind != HeadResult::Kind::complete) break;
    Request request{.method_and_path = std::string(head.method) + " " + std::string(head.path)};
    stream.remove_prefix(head.size);
    BodyReader body(head.framing, head.content_length);
    while (body.state() == BodyReader::State::reading && !stream.empty()) {
      const BodyReader::Step step = body.read(as_bytes(stream));
      stream.remove_prefix(step.taken);
      request.body += as_text(step.data);
      if (step.taken == 0) break;
    }
    ASSERT(!ours || body.state() != BodyReader::State::bad);
    request.whole = body.done();
    requests.push_back(request);
    if (!body.done() || (ours && head.fields.find("upgrade"))) break;
  }
  return requests;
}

/// Everything that servers got is a request that the client made, or the beginning of one.
void check_requests(const std::vector<Request>& asked, std::string_view stream) {
  const HeadLimits limits{.bytes_max = 2 * block_bytes, .fields_max = http_fields_max};
  for (const Request& got : requests_in(stream, limits, /*ours=*/true)) {
    ASSERT(std::ranges::any_of(asked, [&got](const Request& one) {
      if (got.method_and_path != one.method_and_path) return false;
      return got.whole ? one.whole && got.body == one.body : one.body.starts_with(got.body);
    }));
  }
}

void tell(std::string_view steps, std::size_t piece) {
  Story story({.servers = 2, .piece = piece});
  std::string said;
  bool deaf = false;
  while (!steps.empty() && !story.closed()) {
    const std::size_t end = steps.find('\xff');
    const std::string_view step = steps.substr(0, end);
    steps.remove_prefix(end == std::string_view::npos ? steps.size() : end + 1);
    if (step.starts_with('C')) said += step.substr(1);
    if (!step.empty()) play(story, step.front(), step.substr(1));
    if (step.starts_with('S') || step.starts_with('s')) deaf = step.starts_with('S');
    // Nothing is left of such a server; only the client may still have to hear it out.
    ASSERT(!story.server_is_gone() || story.closed() || deaf);
    ASSERT(story.blocks_taken() <= 4);
  }
  if (!story.closed()) story.client_resets();
  ASSERT(story.closed());
  ASSERT(story.in_flight() == 0);
  ASSERT(story.connecting() == 0);
  ASSERT(story.blocks_taken() == 0);
  const std::vector<Request> asked = requests_in(said, HeadLimits{}, /*ours=*/false);
  for (int connection = 1; connection <= story.connections_opened(); ++connection) {
    check_requests(asked, story.backend_got(connection));
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
