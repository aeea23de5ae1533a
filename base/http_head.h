// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "base/http_status.h"

namespace hither {

/// The head of an HTTP/1.1 message: a strict, zero-copy parser (RFC 9112, RFC 9110). It rejects
/// what is ambiguous and repairs nothing, because what one side repairs another side reads
/// differently (request smuggling). Everything it returns points into the bytes it was given. Pure;
/// any thread.
///
/// Call it again with the same bytes and more while it says `incomplete`; `HeadScan` remembers how
/// far the search for the end of the head got, so that no byte is searched twice.

/// How the end of a body is known (RFC 9112 s6.3).
enum class BodyFraming { none, length, chunked, until_close };

struct HttpField {
  std::string_view name;   ///< as written; compare without case
  std::string_view value;  ///< without surrounding blanks
};

struct HeadLimits {
  std::size_t bytes_max =
      16 * 1024;  ///< the whole head; more is 431 (414 if the first line is too long)
  std::size_t fields_max = 100;  ///< at most http_fields_max
};
constexpr std::size_t http_fields_max = 128;

/// The fields of a head in order, without allocation.
class HttpFields {
 public:
  std::span<const HttpField> all() const { return {fields_.data(), count_}; }
  /// The value of the first field of that name, compared without case; nullopt if absent.
  std::optional<std::string_view> find(std::string_view name) const;
  bool add(HttpField field);  ///< false when full
  void clear() { count_ = 0; }

 private:
  std::array<HttpField, http_fields_max> fields_;
  std::size_t count_ = 0;
};

struct RequestHead {
  std::string_view method;     ///< a token, case-sensitive
  std::string_view target;     ///< origin-form, absolute-form or "*"; CONNECT is refused (501)
  std::string_view authority;  ///< the Host field, or the authority of an absolute-form target
  std::string_view path;       ///< of the target, with the query; "*" for OPTIONS *
  int minor_version = 1;       ///< 0 or 1
  HttpFields fields;
  BodyFraming framing = BodyFraming::none;
  std::uint64_t content_length = 0;
  bool keep_alive = true;         ///< what the client asks for (RFC 9112 s9.3)
  bool expects_continue = false;  ///< Expect: 100-continue, in HTTP/1.1 only
  bool wants_upgrade = false;     ///< Connection: upgrade with an Upgrade field
  std::size_t size = 0;           ///< bytes of the head, with the empty line
};

struct ResponseHead {
  int status = 0;           ///< 100 to 599
  std::string_view reason;  ///< may be empty
  int minor_version = 1;
  HttpFields fields;
  BodyFraming framing = BodyFraming::none;  ///< with the request's method taken into account
  std::uint64_t content_length = 0;
  bool keep_alive = true;  ///< may the connection be used again after this message?
  std::size_t size = 0;
};

/// What became of an attempt to parse a head.
struct HeadResult {
  enum class Kind { complete, incomplete, bad };
  Kind kind = Kind::incomplete;
  int status = 0;  ///< for bad: what to answer (400, 414, 431, 501, 505; 502 for responses)
  std::string_view reason = {};  ///< for bad: a static text that names the rule, for log and reply

  static constexpr HeadResult good() { return {.kind = Kind::complete, .status = 0, .reason = {}}; }
  static constexpr HeadResult bad(int status, std::string_view reason) {
    return {.kind = Kind::bad, .status = status, .reason = reason};
  }
};

/// What is known about an incomplete head, so that no byte is searched twice. Start with
/// HeadScan{}, and again for each message. Offsets, not pointers: the bytes may move between calls.
struct HeadScan {
  std::size_t searched = 0;  ///< bytes known not to hold the end of the head
  std::size_t line = 0;      ///< where the unfinished line begins; all before it are well-formed
  std::size_t fields = 0;    ///< field lines among those
};

/// Parses the request at the start of `bytes`. A single CRLF before the request line is skipped
/// (RFC 9112 s2.2) and counted in `size`. All rules of docs/http.md are applied. A line is judged
/// when its end has come, and the first broken line decides, so the answer depends on the bytes and
/// not on the pieces they came in. `head` holds sense only once complete; give the same one again
/// and again, it is cleared here, cheaply.
HeadResult parse_request_head(ByteView bytes, const HeadLimits& limits, HeadScan& scan,
                              RequestHead& head);

/// Parses the response at the start of `bytes` to a request of `method`: HEAD, and 1xx, 204 and 304
/// have no body whatever they say (RFC 9112 s6.3).
HeadResult parse_response_head(ByteView bytes, std::string_view method, const HeadLimits& limits,
                               HeadScan& scan, ResponseHead& head);

/// The fields behind a chunked body (RFC 9112 s7.1.2).
struct Trailers {
  HttpFields fields;
  std::size_t size = 0;  ///< with the empty line
};
constexpr std::size_t trailer_bytes_max = 8 * 1024;

/// Parses the trailers at the start of `bytes`, which begin behind the line of the last chunk, by
/// the rules of fields and R31 of docs/http.md: none may pose as a field that belongs in a head.
/// Starts anew with every call; `trailers` holds sense only once complete.
HeadResult parse_trailers(ByteView bytes, Trailers& trailers);

/// Is `name` the field `lower`, or do servers take it for that? CGI and its heirs read "-" as "_"
/// (RFC 3875 s4.1.18), so that X_Forwarded_For and X-Forwarded-For are one variable to them.
bool is_spelling_of(std::string_view name, std::string_view lower);

/// Is it a token (RFC 9110 s5.6.2): a method, a field name?
bool is_token(std::string_view text);

/// Does the comma-separated list in `value` hold `token`, compared without case (RFC 9110 s5.6.1)?
bool list_has_token(std::string_view value, std::string_view token);

}  // namespace hither
