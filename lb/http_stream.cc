// SPDX-License-Identifier: Apache-2.0
#include "lb/http_stream.h"

#include <algorithm>
#include <utility>

#include "lb/http_rewrite.h"

namespace hither::lb {

void HttpStream::begin(BodyFraming framing, std::uint64_t length, Shape shape,
                       TrailerUse trailers) {
  body_ = BodyReader(framing, length, BodyReader::Trailers::leave);
  reason_ = {};
  shape_ = shape;
  trailers_ = trailers;
  recodes_ = framing == BodyFraming::chunked || shape == Shape::chunked;
  owes_end_ = shape == Shape::chunked;
}

void HttpStream::end() {
  in.clear();
  out.clear();
  kept_ = 0;
  remembers_ = false;
  begin(BodyFraming::none, 0, Shape::bytes);
}

// ---- The body

bool HttpStream::move() {
  bool moved = move_data();
  if (body_.state() == BodyReader::State::trailers) moved |= move_trailers();
  if (body_.done() && owes_end_) {
    put_end();
    moved = true;
  }
  return moved;
}

/// Leaves room in `out` for the last chunk.
bool HttpStream::move_data() {
  const bool chunked = shape_ == Shape::chunked;
  const std::size_t overhead = chunked ? chunk_overhead : 0;
  bool moved = false;
  while (body_.state() == BodyReader::State::reading && !in.empty() && out.room() > overhead) {
    const std::size_t size = std::min(in.size(), out.room() - overhead);
    const BodyReader::Step step = body_.read(in.data().first(size));
    if (!step.data.empty() && chunked) write_chunk(step.data, out);
    if (!step.data.empty() && !chunked) out.append(step.data);
    in.consume(step.taken);
    body_octets_ += step.taken;
    if (step.taken == 0) break;
    moved = true;
  }
  return moved;
}

/// All of them at once, so that none goes out beside one that is refused.
bool HttpStream::move_trailers() {
  Trailers trailers;
  const HeadResult result = parse_trailers(in.data(), trailers);
  if (result.kind == HeadResult::Kind::incomplete) return false;
  if (result.kind == HeadResult::Kind::bad) {
    reason_ = result.reason;
    body_.on_end();  // Which breaks it.
    return true;
  }
  const bool forward = trailers_ == TrailerUse::forward && shape_ == Shape::chunked;
  if (forward && out.room() < trailers.size + chunk_overhead) return false;
  if (forward) {
    out.append("0\r\n");
    out.append(in.data().first(trailers.size));
    owes_end_ = false;
  }
  in.consume(trailers.size);
  body_octets_ += trailers.size;
  body_.end_trailers();
  return true;
}

void HttpStream::put_end() {
  out.append(last_chunk);
  owes_end_ = false;
}

void HttpStream::on_end() {
  body_.on_end();
  if (body_.done() && owes_end_) put_end();
}

// ---- Bytes in

bool HttpStream::wants_body() const {
  if (!pending().empty()) return false;
  // Unfinished trailers wait in `in`; else it is empty once `out` is.
  return body_.state() == BodyReader::State::trailers
             ? in.room() > 0
             : body_.state() == BodyReader::State::reading && in.empty();
}

bool HttpStream::raw() const {
  return !recodes_ && body_.state() == BodyReader::State::reading && in.empty() &&
         pending().empty() && out.room() > 0;
}

std::span<std::byte> HttpStream::space(bool exactly) {
  direct_ = raw();
  if (!direct_) return in.space();
  const std::span<std::byte> space = out.space();
  if (!exactly || !body_.has_length()) return space;
  return space.first(static_cast<std::size_t>(std::min<std::uint64_t>(space.size(), body_.left())));
}

bool HttpStream::take(std::size_t size) {
  Buffer& target = direct_ ? out : in;
  const bool surplus = direct_ && body_.has_length() && size > body_.left();
  if (surplus) size = static_cast<std::size_t>(body_.left());
  target.commit(size);
  target.release_if_empty();
  if (direct_ && size > 0) {
    body_.read(out.data().last(size));
    body_octets_ += size;
  }
  return !surplus;
}

// ---- Bytes out

void HttpStream::sent(std::size_t size) {
  if (remembers_) {
    kept_ += size;
  } else {
    out.consume(size);
  }
}

void HttpStream::forget() {
  remembers_ = false;
  out.consume(std::min(std::exchange(kept_, 0), out.size()));
}

}  // namespace hither::lb
