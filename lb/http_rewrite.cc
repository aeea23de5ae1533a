// SPDX-License-Identifier: Apache-2.0
#include "lb/http_rewrite.h"

#include <algorithm>
#include <array>
#include <span>

#include "base/text.h"
#include "lb/http_put.h"

namespace hither::lb {
namespace {

/// The Connection fields of a head that name more than the connection's own persistence.
class Nominated {
 public:
  explicit Nominated(const HttpFields& fields) {
    for (const HttpField& field : fields.all()) {
      if (field.name.size() != 10 || !equal_ignoring_case(field.name, "connection")) continue;
      if (equal_ignoring_case(field.value, "keep-alive")) continue;
      if (equal_ignoring_case(field.value, "close")) continue;
      if (count_ == values_.size()) {
        too_many_ = true;
      } else {
        values_[count_++] = field.value;
      }
    }
  }

  bool too_many() const { return too_many_; }
  bool names(std::string_view field) const {
    return std::ranges::any_of(std::span(values_).first(count_), [field](std::string_view value) {
      return list_has_token(value, field);
    });
  }

 private:
  std::array<std::string_view, connection_fields_max> values_;
  std::size_t count_ = 0;
  bool too_many_ = false;
};

/// Does the field speak about one connection only? Content-Length is none of these.
bool hop_by_hop(std::string_view name) {
  switch (name.size()) {
    case 2:
      return equal_ignoring_case(name, "te");
    case 7:
      return equal_ignoring_case(name, "trailer") || equal_ignoring_case(name, "upgrade");
    case 10:
      return equal_ignoring_case(name, "connection") || is_spelling_of(name, "keep-alive");
    case 16:
      return is_spelling_of(name, "proxy-connection");
    case 17:
      return is_spelling_of(name, "transfer-encoding");
    default:
      return false;
  }
}

/// Copies the field lines that `stays` lets through, a run at a time. `end` is where the empty line
/// of the head begins.
template <class Stays>
void put_fields(Writer& out, std::span<const HttpField> fields, const char* end, Stays stays) {
  const char* run = nullptr;  // where the lines not yet copied begin
  for (const HttpField& field : fields) {
    if (stays(field.name)) {
      if (run == nullptr) run = field.name.data();
      continue;
    }
    if (run != nullptr) put(out, {run, static_cast<std::size_t>(field.name.data() - run)});
    run = nullptr;
  }
  if (run != nullptr) put(out, {run, static_cast<std::size_t>(end - run)});
}

const char* end_of_fields(ByteView bytes, std::size_t head_size) {
  return as_text(bytes).data() + head_size - 2;
}

/// Takes what was written over into `buffer`, if all of it fitted.
HeadWritten keep(const Writer& out, Buffer& buffer) {
  if (out.ok()) buffer.commit(out.size());
  buffer.release_if_empty();
  return out.ok() ? HeadWritten::whole : HeadWritten::too_long;
}

}  // namespace

bool takes_trailers(const RequestHead& head) {
  if (head.minor_version == 0) return false;
  return std::ranges::any_of(head.fields.all(), [](const HttpField& field) {
    return field.name.size() == 2 && equal_ignoring_case(field.name, "te") &&
           list_has_token(field.value, "trailers");
  });
}

HeadWritten write_request_head(const RequestHead& head, ByteView bytes,
                               const Forwarding& forwarding, Buffer& buffer) {
  const Nominated nominated(head.fields);
  if (nominated.too_many()) return HeadWritten::too_many_connection_fields;
  const bool chunked = head.framing == BodyFraming::chunked;
  Writer out(buffer.space());
  put(out, head.method);
  put(out, " ");
  put(out, head.path);
  put(out, " HTTP/1.1\r\n");
  put_field(out, "Host", head.authority.empty() ? forwarding.host : head.authority);
  put_fields(out, head.fields.all(), end_of_fields(bytes, head.size), [&](std::string_view name) {
    if (nominated.names(name) || is_forwarding_field(name, forwarding)) return false;
    // HTTP/1.0 knows no 100, so its clients wait for none (RFC 9110 s10.1.1).
    if (name.size() == 6 && equal_ignoring_case(name, "expect")) return head.minor_version > 0;
    if (name.size() == 7 && equal_ignoring_case(name, "trailer")) return chunked;
    return !hop_by_hop(name) && !(name.size() == 4 && equal_ignoring_case(name, "host"));
  });
  if (chunked) put(out, "Transfer-Encoding: chunked\r\n");
  put_forwarding(out, head, forwarding);
  const bool trailers = takes_trailers(head);
  const bool upgrade = !forwarding.protocol.empty();
  if (trailers) put(out, "TE: trailers\r\n");
  if (upgrade) put_field(out, "Upgrade", forwarding.protocol);
  if (trailers || upgrade) {
    put_field(out, "Connection", trailers && upgrade ? "Upgrade, TE" : upgrade ? "Upgrade" : "TE");
  }
  put(out, "\r\n");
  return keep(out, buffer);
}

HeadWritten write_response_head(const ResponseHead& head, ByteView bytes,
                                const ResponseShape& shape, Buffer& buffer) {
  const Nominated nominated(head.fields);
  if (nominated.too_many()) return HeadWritten::too_many_connection_fields;
  Writer out(buffer.space());
  const std::array<char, 3> status = {static_cast<char>('0' + head.status / 100),
                                      static_cast<char>('0' + head.status / 10 % 10),
                                      static_cast<char>('0' + head.status % 10)};
  put(out, "HTTP/1.1 ");
  put(out, {status.data(), status.size()});
  put(out, " ");
  put(out, head.reason);
  put(out, "\r\n");
  bool dated = false;
  put_fields(out, head.fields.all(), end_of_fields(bytes, head.size), [&](std::string_view name) {
    dated |= name.size() == 4 && equal_ignoring_case(name, "date");
    if (shape.bodiless_status && equal_ignoring_case(name, "content-length")) return false;
    if (nominated.names(name)) return false;
    if (name.size() == 7 && equal_ignoring_case(name, "trailer")) return shape.trailers;
    return !hop_by_hop(name);
  });
  if (shape.framing == BodyFraming::chunked) put(out, "Transfer-Encoding: chunked\r\n");
  if (!shape.protocol.empty()) put_field(out, "Upgrade", shape.protocol);
  const std::string_view connection = shape.protocol.empty() ? shape.connection : "Upgrade";
  if (!connection.empty()) put_field(out, "Connection", connection);
  put(out, shape.own_fields);
  if (!dated) put(out, shape.date);
  put(out, "\r\n");
  return keep(out, buffer);
}

void write_chunk(ByteView data, Buffer& out) {
  std::array<char, 10> size{};
  std::size_t at = size.size();
  size[--at] = '\n';
  size[--at] = '\r';
  for (std::size_t rest = data.size(); rest > 0; rest >>= 4U) {
    size[--at] = "0123456789abcdef"[rest & 0xfU];
  }
  out.append(std::string_view(size.data() + at, size.size() - at));
  out.append(data);
  out.append("\r\n");
}

}  // namespace hither::lb
