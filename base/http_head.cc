// SPDX-License-Identifier: Apache-2.0
//
// The rules are numbered in docs/http.md; "R12" below is rule 12 there. There are two stages. The
// lines are split and judged one by one, in one pass that writes the field table. Then what the
// fields say together is judged: host, framing, connection.
#include "base/http_head.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/assert.h"
#include "base/http_chars.h"
#include "base/http_judge.h"
#include "base/text.h"

namespace hither {
namespace {

using http_chars::is;
using Kind = HeadResult::Kind;

std::string_view between(const char* begin, const char* end) {
  return {begin, static_cast<std::size_t>(end - begin)};
}

// ---- Lines
// ------------------------------------------------------------------------------------------

/// The first octet below ' ' or equal to DEL, or `end`. Eight octets a step: the lowest bit set by
/// the two borrows is always a true one (the false ones lie above it).
const char* find_control(const char* p, const char* end) {
  constexpr std::uint64_t ones = 0x0101'0101'0101'0101ULL;
  constexpr std::uint64_t tops = 0x80 * ones;
  if constexpr (std::endian::native == std::endian::little) {
    while (end - p >= 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, p, 8);
      const std::uint64_t deletes = word ^ (0x7f * ones);
      const std::uint64_t found =
          (((word - ' ' * ones) & ~word) | ((deletes - ones) & ~deletes)) & tops;
      if (found != 0) return p + std::countr_zero(found) / 8;
      p += 8;
    }
  }
  while (p != end && static_cast<unsigned char>(*p) >= ' ' && *p != 0x7f) ++p;
  return p;
}

/// One line as far as it is there. `next` is behind its CRLF; null if the bytes ran out, or if a
/// rule is broken and `status` and `reason` say which.
struct Line {
  const char* next = nullptr;
  int status = 0;
  std::string_view reason = {};
};

Line broken(std::string_view reason, int status = 400) { return {nullptr, status, reason}; }

/// The CRLF that must be at `p` (R1).
Line line_end(const char* p, const char* end) {
  if (p == end) return {};
  if (*p == '\n') return broken("a line ends in LF alone");
  if (*p != '\r') return broken("a line holds a control character");
  if (p + 1 == end) return {};
  if (p[1] != '\n') return broken("a line holds a CR alone");
  return {.next = p + 2};
}

// R10, R11.
Line broken_name(const char* line, const char* p) {
  const bool blank = *p == ' ' || *p == '\t';
  if (p == line && blank) return broken("a field line begins with a blank (folding)");
  if (p == line) return broken("a field has no name");
  if (blank) return broken("a field name is followed by a blank");
  return broken("a field name is not a token");
}

/// A field line (RFC 9112 s5): R10, R11, R12.
Line parse_field(const char* line, const char* end, HttpField& field) {
  const char* p = line;
  while (p != end && is(*p, http_chars::token)) ++p;
  if (p == end) return {};
  if (*p != ':' || p == line) return broken_name(line, p);
  field.name = between(line, p);
  do ++p;
  while (p != end && (*p == ' ' || *p == '\t'));
  const char* value = p;
  while ((p = find_control(p, end)) != end && *p == '\t') ++p;
  const Line rest = line_end(p, end);
  while (p != value && (p[-1] == ' ' || p[-1] == '\t')) --p;
  field.value = between(value, p);
  return rest;
}

/// "HTTP/1.0" or "HTTP/1.1" at `p` (R6), of which `end - p` octets are there.
Line parse_version(const char* p, const char* end, int& minor_version) {
  constexpr std::string_view known = "HTTP/1.";
  constexpr std::size_t size = known.size() + 1;
  if (static_cast<std::size_t>(end - p) < size) {
    if (std::memchr(p, '\n', static_cast<std::size_t>(end - p)) == nullptr) return {};
    return broken("the version is missing or malformed");
  }
  if (std::memcmp(p, known.data(), known.size()) == 0 && (p[7] == '0' || p[7] == '1')) {
    minor_version = p[7] - '0';
    return {.next = p + size};
  }
  const bool other = std::memcmp(p, known.data(), 5) == 0 && is(p[5], http_chars::digit) &&
                     p[6] == '.' && is(p[7], http_chars::digit);
  if (other) return broken("the version is neither HTTP/1.0 nor HTTP/1.1", 505);
  return broken("the version is missing or malformed");
}

/// method SP target SP version CRLF (RFC 9112 s3): R4 to R7.
Line parse_first_line(const char* line, const char* end, RequestHead& head) {
  const char* p = line;
  while (p != end && is(*p, http_chars::token)) ++p;
  if (p == end) return {};
  if (*p != ' ') return broken("the method is not a token followed by one space");
  head.method = between(line, p);
  const char* target = ++p;
  while (p != end && is(*p, http_chars::target)) ++p;
  if (p == end) return {};
  if (*p != ' ' || p == target) {
    return broken("the target is not visible ASCII without '#' followed by one space");
  }
  head.target = between(target, p);
  const Line version = parse_version(p + 1, end, head.minor_version);
  if (version.next == nullptr) return version;
  const Line rest = line_end(version.next, end);
  if (rest.next != nullptr && head.method == "CONNECT") {
    return broken("CONNECT is not served", 501);
  }
  return rest;
}

/// version SP status SP reason CRLF (RFC 9112 s4): R24.
Line parse_first_line(const char* line, const char* end, ResponseHead& head) {
  const Line version = parse_version(line, end, head.minor_version);
  if (version.next == nullptr) return version;
  const char* p = version.next;
  if (end - p < 5) {  // A blank, three digits, and a blank or CR.
    if (std::memchr(p, '\n', static_cast<std::size_t>(end - p)) == nullptr) return {};
    return broken("the status is not three digits from 100 to 599");
  }
  const bool digits =
      is(p[1], http_chars::digit) && is(p[2], http_chars::digit) && is(p[3], http_chars::digit);
  head.status = digits ? (p[1] - '0') * 100 + (p[2] - '0') * 10 + (p[3] - '0') : 0;
  if (p[0] != ' ' || head.status < 100 || head.status > 599) {
    return broken("the status is not three digits from 100 to 599");
  }
  p += 4;
  if (*p != ' ' && *p != '\r') return broken("the status is not followed by a space");
  if (*p == ' ') ++p;
  const char* reason = p;
  while ((p = find_control(p, end)) != end && *p == '\t') ++p;
  head.reason = between(reason, p);
  return line_end(p, end);
}

/// Where the lines of one head are, and what to answer when a rule is broken.
struct Lines {
  const char* begin;
  const char* end;  ///< at most limits.bytes_max behind begin
  bool cut;         ///< there are bytes behind end that may not be looked at
  std::size_t fields_max;
  int response_status;  ///< 502 for every broken rule of a response; 0 for requests

  HeadResult refuse(int status, std::string_view reason) const {
    return HeadResult::bad(response_status != 0 ? response_status : status, reason);
  }
};

/// The bytes ran out within the line at `line`: too long (R9, R13), or more must come.
HeadResult run_out(const Lines& in, const char* line, bool first, HeadScan& scan) {
  if (in.cut) {
    return first ? in.refuse(414, "the first line is too long")
                 : in.refuse(431, "the head is too long");
  }
  scan.searched = static_cast<std::size_t>(in.end - in.begin);
  scan.line = first ? 0 : static_cast<std::size_t>(line - in.begin);
  return {.kind = Kind::incomplete};
}

/// What a line that could not be read means: nothing yet if its end has not come, so that the
/// answer does not depend on the pieces in which the bytes come.
HeadResult judge(const Lines& in, const Line& result, const char* line, bool first,
                 HeadScan& scan) {
  if (result.reason.empty() ||
      std::memchr(line, '\n', static_cast<std::size_t>(in.end - line)) == nullptr) {
    return run_out(in, line, first, scan);
  }
  return in.refuse(result.status, result.reason);
}

/// The field lines from `line` on up to the empty one, which ends the head.
template <class Head>
HeadResult parse_fields(const Lines& in, const char* line, HeadScan& scan, Head& head) {
  std::size_t count = scan.fields;
  HttpField field;
  while (true) {
    const bool last = line != in.end && *line == '\r';
    const Line result = last ? line_end(line, in.end) : parse_field(line, in.end, field);
    if (result.next == nullptr) {
      scan.fields = count;
      return judge(in, result, line, /*first=*/false, scan);
    }
    line = result.next;
    if (last) break;
    if (count++ == in.fields_max) return in.refuse(431, "the head has too many fields");
    head.fields.add(field);
  }
  head.size = static_cast<std::size_t>(line - in.begin);
  return HeadResult::good();
}

/// All lines from the first on; `line` is where it begins.
template <class Head>
HeadResult parse_lines(const Lines& in, const char* line, HeadScan& scan, Head& head) {
  head.fields.clear();
  scan.fields = 0;
  const Line first = parse_first_line(line, in.end, head);
  if (first.next == nullptr) return judge(in, first, line, /*first=*/true, scan);
  return parse_fields(in, first.next, scan, head);
}

/// Goes on where an earlier call stopped: only the new lines are looked at until the head is whole.
/// Then all are read once more, for the earlier views may point to where the bytes no longer are.
template <class Head>
HeadResult resume_lines(const Lines& in, const char* first, HeadScan& scan, Head& head) {
  const char* line = in.begin + scan.line;
  const auto known = std::max(static_cast<std::size_t>(line - in.begin), scan.searched);
  const auto size = static_cast<std::size_t>(in.end - in.begin);
  ASSERT(known <= size);  // "The same bytes and more", as the header demands.
  if (std::memchr(in.begin + known, '\n', size - known) == nullptr) {
    return run_out(in, line, scan.line == 0, scan);
  }
  if (scan.line > 0) {
    head.fields.clear();
    const HeadResult result = parse_fields(in, line, scan, head);
    if (result.kind != Kind::complete) return result;
  }
  return parse_lines(in, first, scan, head);
}

Lines lines_of(ByteView bytes, const HeadLimits& limits, int response_status) {
  const std::string_view text = as_text(bytes);
  const bool cut = text.size() >= limits.bytes_max;
  const std::size_t size = cut ? limits.bytes_max : text.size();
  return {.begin = text.data(),
          .end = text.data() + size,
          .cut = cut,
          .fields_max = std::min(limits.fields_max, http_fields_max),
          .response_status = response_status};
}

template <class Head>
HeadResult read_lines(const Lines& in, const char* first, HeadScan& scan, Head& head) {
  return scan.searched > 0 ? resume_lines(in, first, scan, head)
                           : parse_lines(in, first, scan, head);
}

}  // namespace

std::optional<std::string_view> HttpFields::find(std::string_view name) const {
  for (const HttpField& field : all()) {
    if (equal_ignoring_case(field.name, name)) return field.value;
  }
  return std::nullopt;
}

bool HttpFields::add(HttpField field) {
  if (count_ == fields_.size()) return false;
  fields_[count_++] = field;
  return true;
}

HeadResult parse_request_head(ByteView bytes, const HeadLimits& limits, HeadScan& scan,
                              RequestHead& head) {
  const Lines in = lines_of(bytes, limits, 0);
  const char* first = in.begin;
  if (first != in.end && *first == '\r') {  // R2: one empty line is skipped.
    if (++first == in.end) return run_out(in, in.begin, /*first=*/true, scan);
    if (*first != '\n') return HeadResult::bad(400, "a line holds a CR alone");
    ++first;
  }
  if (first == in.end) return run_out(in, in.begin, /*first=*/true, scan);
  // R3: known at once, so that a client that speaks TLS here does not wait for a timeout.
  if (!is(*first, http_chars::token)) {
    return HeadResult::bad(400, "the message does not begin with a method");
  }
  const HeadResult result = read_lines(in, first, scan, head);
  return result.kind == Kind::complete ? judge_request(head) : result;
}

HeadResult parse_response_head(ByteView bytes, std::string_view method, const HeadLimits& limits,
                               HeadScan& scan, ResponseHead& head) {
  const Lines in = lines_of(bytes, limits, 502);
  if (in.begin == in.end) return run_out(in, in.begin, /*first=*/true, scan);
  if (*in.begin != 'H') return HeadResult::bad(502, "the message does not begin with a version");
  const HeadResult result = read_lines(in, in.begin, scan, head);
  return result.kind == Kind::complete ? judge_response(method, head) : result;
}

HeadResult parse_trailers(ByteView bytes, Trailers& trailers) {
  const Lines in = lines_of(bytes, {.bytes_max = trailer_bytes_max}, 0);
  HeadScan scan;
  trailers.fields.clear();
  const HeadResult result = parse_fields(in, in.begin, scan, trailers);
  if (result.kind == Kind::bad) {
    return HeadResult::bad(400, result.status == 431 ? "the trailers are too long" : result.reason);
  }
  return result.kind == Kind::complete ? judge_trailers(trailers.fields) : result;
}

}  // namespace hither
