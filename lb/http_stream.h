// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "base/http_body.h"
#include "base/http_head.h"
#include "lb/buffer.h"

namespace hither::lb {

/// What becomes of the trailers of a chunked body. Forbidden ones are refused either way.
enum class TrailerUse { drop, forward };

/// One direction of an exchange: bytes that came in and are not understood yet, the place in the
/// body among them, and bytes that wait to go out. It moves bodies and nothing else; heads are read
/// from `in` and written to `out` by its owner. The same type carries requests to a server,
/// responses to a client, and both ways of a tunnel. A plain value with one owner; holds two blocks
/// at most.
class HttpStream {
 public:
  explicit HttpStream(BlockPool& blocks) : in(blocks), out(blocks) {}

  Buffer in;
  Buffer out;

  /// How a body goes out: as bytes (with a length, or up to the end), or chunked.
  enum class Shape { bytes, chunked };

  /// A message's body begins behind what `in` has given so far. Its head, if there is one, is in
  /// `out` already, with chunk_overhead to spare.
  void begin(BodyFraming framing, std::uint64_t length, Shape shape,
             TrailerUse trailers = TrailerUse::drop);
  /// No message: nothing is read, nothing is kept.
  void end();

  /// Moves body data from `in` to `out` as far as both allow; true if anything moved. Chunks are
  /// made anew, without extensions (RFC 9112 s7.1.1).
  bool move();
  /// The sender's end came: that ends a body without a length, and breaks any other.
  void on_end();

  /// The whole body is in `out`, or beyond.
  bool done() const { return body_.done() && !owes_end_; }
  bool broken() const { return body_.state() == BodyReader::State::bad; }
  std::string_view reason() const { return reason_.empty() ? body_.reason() : reason_; }
  /// Data of the body that came so far.
  std::uint64_t received() const { return body_.received(); }
  /// Octets of all bodies that came so far, with chunk sizes and trailers.
  std::uint64_t body_octets() const { return body_octets_; }

  /// May more of the body be read? Only when all before it went out: so a slow reader stops the
  /// writer, not our memory.
  bool wants_body() const;
  /// Where the next bytes go: `out` itself if they need not be looked at. With `exactly`, no more
  /// than belong to the body, so that what follows waits in the kernel.
  std::span<std::byte> space(bool exactly);
  /// The first `size` bytes of space() are filled. False: more came than the body has; the surplus
  /// is dropped.
  bool take(std::size_t size);

  /// Octets of the body that may go by unseen, from one kernel buffer to the other: none of it is
  /// here, and it goes out as it comes. 0: not now. pass() says that they did.
  std::uint64_t passable() const {
    return body_.has_length() && !remembers_ && raw() ? body_.left() : 0;
  }
  void pass(std::uint64_t octets) {
    body_.pass(octets);
    body_octets_ += octets;
  }

  /// What can be sent now.
  ByteView pending() const { return out.data().subspan(kept_); }
  void sent(std::size_t size);
  /// From now on what is sent stays in `out`, to be sent again after rewind(), until forget().
  void remember(bool wanted) { remembers_ = wanted; }
  void rewind() { kept_ = 0; }
  void forget();

 private:
  bool raw() const;
  bool move_data();
  bool move_trailers();
  void put_end();

  BodyReader body_;
  std::string_view reason_;  ///< of broken trailers
  std::uint64_t body_octets_ = 0;
  std::size_t kept_ = 0;  ///< bytes at the front of `out` that are sent and remembered
  Shape shape_ = Shape::bytes;
  TrailerUse trailers_ = TrailerUse::drop;
  bool recodes_ = false;   ///< the body is not the same bytes on both sides
  bool owes_end_ = false;  ///< the last chunk is still to be written
  bool direct_ = false;    ///< the last space() was `out`
  bool remembers_ = false;
};

}  // namespace hither::lb
