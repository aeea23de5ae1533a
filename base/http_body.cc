// SPDX-License-Identifier: Apache-2.0
#include "base/http_body.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "base/http_chars.h"

namespace hither {
namespace {

/// A size line is a few octets and extensions nobody reads; endless ones are an attack.
constexpr std::size_t size_line_bytes_max = 512;
/// 15 hex digits cannot overflow and are more than any body has.
constexpr int size_digits_max = 15;

/// The value of a hexadecimal digit, or -1.
int hex_value(unsigned char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_value_octet(unsigned char c) {
  return http_chars::is(static_cast<char>(c), http_chars::value);
}

bool is_token_octet(unsigned char c) {
  return http_chars::is(static_cast<char>(c), http_chars::token);
}

}  // namespace

BodyReader::BodyReader(BodyFraming framing, std::uint64_t content_length, Trailers trailers)
    : framing_(framing), trailers_(trailers) {
  if (framing == BodyFraming::length) left_ = content_length;
  const bool empty =
      framing == BodyFraming::none || (framing == BodyFraming::length && content_length == 0);
  state_ = empty ? State::done : State::reading;
}

BodyReader::Step BodyReader::read(ByteView bytes) {
  if (state_ != State::reading || bytes.empty()) return {};
  switch (framing_) {
    case BodyFraming::none:
      break;
    case BodyFraming::length: {
      const Step step = take_data(bytes);
      if (left_ == 0) state_ = State::done;
      return step;
    }
    case BodyFraming::chunked:
      return read_chunked(bytes);
    case BodyFraming::until_close:
      received_ += bytes.size();
      return {.taken = bytes.size(), .data = bytes};
  }
  return {};
}

BodyReader::Step BodyReader::take_data(ByteView bytes) {
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
  left_ -= size;
  received_ += size;
  return {.taken = size, .data = bytes.first(size)};
}

void BodyReader::pass(std::uint64_t octets) {
  ASSERT(framing_ == BodyFraming::length && octets <= left_);
  left_ -= octets;
  received_ += octets;
  if (left_ == 0) state_ = State::done;
}

BodyReader::Step BodyReader::read_chunked(ByteView bytes) {
  std::size_t taken = 0;
  while (taken < bytes.size() && state_ == State::reading) {
    if (phase_ == Phase::data) {
      Step step = take_data(bytes.subspan(taken));
      if (left_ == 0) phase_ = Phase::data_cr;
      step.taken += taken;
      return step;
    }
    on_octet(std::to_integer<unsigned char>(bytes[taken]));
    ++taken;
  }
  return {.taken = taken};
}

void BodyReader::on_octet(unsigned char octet) {
  switch (phase_) {
    case Phase::size:
    case Phase::extension:
      return on_size_octet(octet);
    case Phase::size_lf:
      if (left_ > 0) return expect(octet, '\n', Phase::data);
      line_bytes_ = 0;
      expect(octet, '\n', Phase::trailer_start);
      if (trailers_ == Trailers::leave && state_ == State::reading) state_ = State::trailers;
      return;
    case Phase::data:
      return;
    case Phase::data_cr:
      return expect(octet, '\r', Phase::data_lf);
    case Phase::data_lf:
      digits_ = 0;
      line_bytes_ = 0;
      return expect(octet, '\n', Phase::size);
    case Phase::trailer_start:
    case Phase::trailer_name:
    case Phase::trailer_value:
      return on_trailer_octet(octet);
    case Phase::trailer_lf:
      return expect(octet, '\n', Phase::trailer_start);
    case Phase::end_lf:
      if (octet != '\n') return fail_with("a line of the chunked body does not end in CRLF");
      state_ = State::done;
      return;
  }
}

// R28, R29: the size is 1*HEXDIG, at once followed by CR or by ';'.
void BodyReader::on_size_octet(unsigned char octet) {
  if (++line_bytes_ > size_line_bytes_max) return fail_with("the chunk extension is too long");
  if (phase_ == Phase::size) {
    const int value = hex_value(octet);
    if (value >= 0) {
      if (++digits_ > size_digits_max) return fail_with("the chunk size is too large");
      left_ = left_ << 4U | static_cast<unsigned>(value);
      return;
    }
    if (digits_ == 0) return fail_with("the chunk size is missing");
    if (octet != ';' && octet != '\r') return fail_with("the chunk size is not hexadecimal digits");
    phase_ = octet == ';' ? Phase::extension : Phase::size_lf;
    return;
  }
  if (octet == '\r') {
    phase_ = Phase::size_lf;
    return;
  }
  if (!is_value_octet(octet)) return fail_with("the chunk extension holds a control character");
}

// R31: trailers must be well-formed fields; here they are dropped, so what they say is no matter.
void BodyReader::on_trailer_octet(unsigned char octet) {
  if (++line_bytes_ > trailer_bytes_max) return fail_with("the trailers are too long");
  if (phase_ == Phase::trailer_value) {
    if (octet == '\r') {
      phase_ = Phase::trailer_lf;
      return;
    }
    if (!is_value_octet(octet)) return fail_with("a trailer holds a control character");
    return;
  }
  if (phase_ == Phase::trailer_start && octet == '\r') {
    phase_ = Phase::end_lf;
    return;
  }
  if (phase_ == Phase::trailer_name && octet == ':') {
    phase_ = Phase::trailer_value;
    return;
  }
  if (!is_token_octet(octet)) return fail_with("a trailer's name is not a token");
  phase_ = Phase::trailer_name;
}

void BodyReader::expect(unsigned char octet, unsigned char wanted, Phase next) {
  if (octet != wanted) {
    return fail_with(phase_ == Phase::data_cr || phase_ == Phase::data_lf
                         ? "the chunk is longer than its size"
                         : "a line of the chunked body does not end in CRLF");
  }
  phase_ = next;
}

void BodyReader::on_end() {
  if (state_ != State::reading && state_ != State::trailers) return;
  if (framing_ == BodyFraming::until_close) {
    state_ = State::done;
    return;
  }
  fail_with("the stream ended within the body");
}

void BodyReader::fail_with(std::string_view reason) {
  state_ = State::bad;
  reason_ = reason;
}

std::string to_http(const SimpleResponse& response) {
  // Neither a length nor a body with 1xx, 204 and 304 (RFC 9110 s8.6).
  const bool bodiless = response.status < 200 || response.status == 204 || response.status == 304;
  std::string text =
      fmt::format("HTTP/1.1 {} {}\r\n", response.status, reason_phrase(response.status));
  if (!bodiless) {
    if (!response.content_type.empty()) {
      text += fmt::format("Content-Type: {}\r\n", response.content_type);
    }
    text += fmt::format("Content-Length: {}\r\n", response.body.size());
  }
  if (!response.keep_alive) text += "Connection: close\r\n";
  text += response.extra_fields;
  text += "\r\n";
  if (!bodiless && !response.head_only) text += response.body;
  return text;
}

}  // namespace hither
