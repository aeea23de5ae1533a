// SPDX-License-Identifier: Apache-2.0
// Any bytes as a chunked body on its way through: what goes out is a chunked body that any strict
// reader takes for the same data, whatever the pieces; and a body that is not ended by its sender
// is never ended by us.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "lb/http_stream.h"

namespace hither::lb {
namespace {

struct Passage {
  std::string out;
  bool done = false;
  bool broken = false;
};

Passage pass(std::string_view text, std::size_t piece, HttpStream::Shape shape, TrailerUse use) {
  BlockPool pool;
  Passage passage;
  {
    HttpStream stream(pool);
    stream.begin(BodyFraming::chunked, 0, shape, use);
    while (!text.empty() && stream.wants_body()) {
      const auto space = stream.space(/*exactly=*/true);
      const std::size_t size = std::min({piece, text.size(), space.size()});
      std::copy_n(as_bytes(text).begin(), size, space.begin());
      text.remove_prefix(size);
      ASSERT(stream.take(size));
      while (stream.move()) {
      }
      passage.out += as_text(stream.pending());
      stream.sent(stream.pending().size());
      while (stream.move()) {
      }
      passage.out += as_text(stream.pending());
      stream.sent(stream.pending().size());
    }
    passage.done = stream.done();
    passage.broken = stream.broken();
    ASSERT(!passage.broken || !stream.reason().empty());
  }
  ASSERT(pool.taken() == 0);
  return passage;
}

/// The data of what we wrote, read by another; it must be whole if we said so.
std::string data_of(const Passage& passage) {
  BodyReader reader(BodyFraming::chunked, 0);
  std::string data;
  std::string_view rest = passage.out;
  while (!rest.empty() && reader.state() == BodyReader::State::reading) {
    const BodyReader::Step step = reader.read(as_bytes(rest));
    ASSERT(step.taken > 0);
    data += as_text(step.data);
    rest.remove_prefix(step.taken);
  }
  ASSERT(reader.state() != BodyReader::State::bad);
  ASSERT(reader.done() == passage.done);
  ASSERT(rest.empty());
  return data;
}

}  // namespace
}  // namespace hither::lb

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hither::lb;
  using Shape = HttpStream::Shape;
  const std::string_view text(reinterpret_cast<const char*>(data),
                              std::min<std::size_t>(size, 4096));
  const Passage whole = pass(text, text.size() + 1, Shape::chunked, TrailerUse::forward);
  const std::string body = data_of(whole);
  for (const std::size_t piece : {std::size_t{1}, 2 + text.size() % 13}) {
    for (const TrailerUse use : {TrailerUse::forward, TrailerUse::drop}) {
      const Passage other = pass(text, piece, Shape::chunked, use);
      ASSERT(other.done == whole.done && other.broken == whole.broken);
      ASSERT(data_of(other) == body);
      const Passage bare = pass(text, piece, Shape::bytes, use);
      ASSERT(bare.done == whole.done && bare.out == body);
    }
  }
  return 0;
}
