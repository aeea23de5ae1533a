// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/http_head.h"

namespace hither {

/// Follows the body of one message through the stream, whatever its framing, in pieces of any size
/// (RFC 9112 s6, s7). Data is handed out as views into the given bytes; nothing is copied or kept.
/// Strict like the head parser: a chunk size is 1*HEXDIG, extensions are skipped and never
/// forwarded, bare CR or LF is an error. Trailers are checked and dropped, or left to the caller.
/// Rules 28 to 32 of docs/http.md.
class BodyReader {
 public:
  /// `trailers`: all data is there, and the trailers come next, for the caller to read.
  enum class State { reading, trailers, done, bad };
  /// What becomes of the trailers of a chunked body: checked and dropped here, or read by the
  /// caller with parse_trailers() (base/http_head.h), who then calls end_trailers().
  enum class Trailers { drop, leave };

  BodyReader() = default;  ///< of a message without a body: done at once
  BodyReader(BodyFraming framing, std::uint64_t content_length, Trailers trailers = Trailers::drop);

  /// One step: takes some of `bytes` (`taken`) and yields at most one view of body data.
  struct Step {
    std::size_t taken = 0;
    ByteView data = {};
  };
  /// Call until it takes nothing or the state is no longer `reading`.
  Step read(ByteView bytes);

  /// So many octets of data went by unseen. Precondition: the framing is `length`, and no fewer are
  /// left.
  void pass(std::uint64_t octets);

  /// The caller has read the trailers. Precondition: the state is `trailers`.
  void end_trailers() { state_ = State::done; }

  /// The stream ended: done if the framing is until_close, else bad unless it was done already.
  void on_end();

  State state() const { return state_; }
  bool done() const { return state_ == State::done; }
  /// Data bytes handed out so far.
  std::uint64_t received() const { return received_; }
  bool has_length() const { return framing_ == BodyFraming::length; }
  /// For framing `length`: data bytes that are still to come.
  std::uint64_t left() const { return left_; }
  /// A static text that names the broken rule, once bad.
  std::string_view reason() const { return reason_; }

 private:
  enum class Phase {
    size,
    extension,
    size_lf,
    data,
    data_cr,
    data_lf,
    trailer_start,
    trailer_name,
    trailer_value,
    trailer_lf,
    end_lf,
  };

  Step read_chunked(ByteView bytes);
  Step take_data(ByteView bytes);
  void on_octet(unsigned char octet);
  void on_size_octet(unsigned char octet);
  void on_trailer_octet(unsigned char octet);
  void expect(unsigned char octet, unsigned char wanted, Phase next);
  void fail_with(std::string_view reason);

  BodyFraming framing_ = BodyFraming::none;
  State state_ = State::done;
  Trailers trailers_ = Trailers::drop;
  Phase phase_ = Phase::size;
  std::uint64_t left_ = 0;
  std::uint64_t received_ = 0;
  std::size_t line_bytes_ = 0;  ///< of the present size line, or of all trailers; bounded
  int digits_ = 0;
  std::string_view reason_;
};

/// A whole small response for pages and errors: status line, Content-Type, Content-Length,
/// `Connection: close` unless keep_alive, and the body.
struct SimpleResponse {
  int status = 200;
  std::string_view content_type = "text/plain; charset=utf-8";
  std::string_view body;
  bool keep_alive = true;
  bool head_only = false;         ///< to a HEAD request: the same head, no body
  std::string_view extra_fields;  ///< whole lines with CRLF, such as "Retry-After: 1\r\n"
};
std::string to_http(const SimpleResponse& response);

}  // namespace hither
