// SPDX-License-Identifier: Apache-2.0
// Any bytes as an HTTP/1.1 stream, read as a request and as a response, with the body that follows:
// nothing is read past the end; pieces give what the whole gives; and an accepted head, written out
// again, is read as the same message.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "base/http_body.h"
#include "base/http_head.h"

namespace hither {
namespace {

using Kind = HeadResult::Kind;

/// The first octets of a stream in memory of exactly their size: a read too far is a fault.
class Prefix {
 public:
  Prefix(std::string_view stream, std::size_t size) : memory_(new char[size]), size_(size) {
    std::copy_n(stream.data(), size, memory_.get());
  }
  ByteView bytes() const { return as_bytes({memory_.get(), size_}); }

 private:
  std::unique_ptr<char[]> memory_;
  std::size_t size_;
};

struct ReadRequest {
  using Head = RequestHead;
  HeadLimits limits;
  HeadResult operator()(ByteView bytes, HeadScan& scan, Head& head) const {
    return parse_request_head(bytes, limits, scan, head);
  }
};

struct ReadResponse {
  using Head = ResponseHead;
  HeadLimits limits;
  std::string_view method;
  HeadResult operator()(ByteView bytes, HeadScan& scan, Head& head) const {
    return parse_response_head(bytes, method, limits, scan, head);
  }
};

/// What was read and what follows from it, as text to compare, and the bytes its views point to.
struct Reading {
  HeadResult result;
  std::string head;  ///< written out again
  std::size_t size = 0;
  BodyFraming framing = BodyFraming::none;
  std::uint64_t content_length = 0;
  bool keep_alive = false;
};

std::string first_line(const RequestHead& head) {
  std::string line(head.method);
  line += ' ';
  line += head.target;
  return line + " HTTP/1." + std::to_string(head.minor_version) + "\r\n";
}

std::string first_line(const ResponseHead& head) {
  std::string line = "HTTP/1." + std::to_string(head.minor_version) + " ";
  line += std::to_string(head.status) + " ";
  line += head.reason;
  return line + "\r\n";
}

template <class Head>
Reading reading_of(const HeadResult& result, const Head& head) {
  if (result.kind != Kind::complete) return {.result = result};
  std::string text = first_line(head);
  for (const HttpField& field : head.fields.all()) {
    ASSERT(is_token(field.name));
    ASSERT(field.value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos);
    text += field.name;
    text += ": ";
    text += field.value;
    text += "\r\n";
  }
  return {.result = result,
          .head = text + "\r\n",
          .size = head.size,
          .framing = head.framing,
          .content_length = head.content_length,
          .keep_alive = head.keep_alive};
}

void same(const Reading& one, const Reading& other) {
  ASSERT(one.result.kind == other.result.kind);
  ASSERT(one.result.status == other.result.status);
  ASSERT(one.result.reason == other.result.reason);
  ASSERT(one.head == other.head);
  ASSERT(one.framing == other.framing && one.content_length == other.content_length);
  ASSERT(one.keep_alive == other.keep_alive);
}

template <class Read>
Reading read_whole(const Read& read, std::string_view stream) {
  const Prefix whole(stream, stream.size());
  typename Read::Head head;
  HeadScan scan;
  return reading_of(read(whole.bytes(), scan, head), head);
}

template <class Read>
Reading read_in_pieces(const Read& read, std::string_view stream, std::size_t piece) {
  typename Read::Head head;
  HeadScan scan;
  for (std::size_t size = 0;; size = std::min(size + piece, stream.size())) {
    const Prefix prefix(stream, size);
    const HeadResult result = read(prefix.bytes(), scan, head);
    if (result.kind != Kind::incomplete || size == stream.size()) return reading_of(result, head);
  }
}

struct BodyReading {
  std::string data;
  std::size_t taken = 0;
  BodyReader::State state = BodyReader::State::reading;
};

BodyReading read_body(const Reading& head, std::string_view stream, std::size_t piece) {
  BodyReader reader(head.framing, head.content_length);
  BodyReading body;
  while (body.taken < stream.size() && reader.state() == BodyReader::State::reading) {
    const std::string_view rest = stream.substr(body.taken);
    const Prefix bytes(rest, std::min(piece, rest.size()));
    const BodyReader::Step step = reader.read(bytes.bytes());
    ASSERT(step.taken > 0 && step.taken <= bytes.bytes().size());
    ASSERT(step.data.size() <= step.taken);
    body.data += as_text(step.data);
    body.taken += step.taken;
  }
  ASSERT(reader.received() == body.data.size());
  ASSERT(reader.state() != BodyReader::State::bad || !reader.reason().empty());
  body.state = reader.state();
  return body;
}

template <class Read>
void check(const Read& read, std::string_view stream) {
  const Reading whole = read_whole(read, stream);
  same(whole, read_in_pieces(read, stream, 1));
  same(whole, read_in_pieces(read, stream, 2 + stream.size() % 31));
  ASSERT(whole.result.kind != Kind::bad || whole.result.status >= 400);
  if (whole.result.kind != Kind::complete) return;
  ASSERT(whole.size > 0 && whole.size <= std::min(stream.size(), read.limits.bytes_max));

  // Blanks around a value may have been fewer than the one we write, so the limit is lifted.
  Read again = read;
  again.limits.bytes_max = 2 * whole.head.size();
  same(whole, read_whole(again, whole.head));

  const std::string_view rest = stream.substr(whole.size);
  const BodyReading body = read_body(whole, rest, std::max<std::size_t>(rest.size(), 1));
  for (const std::size_t piece : {std::size_t{1}, 2 + rest.size() % 7}) {
    const BodyReading other = read_body(whole, rest, piece);
    ASSERT(body.data == other.data && body.taken == other.taken && body.state == other.state);
  }
}

}  // namespace
}  // namespace hither

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hither;
  const std::string_view stream(reinterpret_cast<const char*>(data),
                                std::min<std::size_t>(size, 2048));
  const HeadLimits tight = {.bytes_max = 150, .fields_max = 4};
  check(ReadRequest{.limits = {}}, stream);
  check(ReadRequest{.limits = tight}, stream);
  check(ReadResponse{.limits = {}, .method = "GET"}, stream);
  check(ReadResponse{.limits = tight, .method = "HEAD"}, stream);
  return 0;
}
