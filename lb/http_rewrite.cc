// SPDX-License-Identifier: Apache-2.0
#include "lb/http_rewrite.h"

#include <algorithm>
#include <array>
#include <span>

#include "base/text.h"

namespace hither::lb {
namespace {

constexpr std::size_t connection_fields_max = 4;

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

bool is(std::string_view name, std::string_view word) { return equal_ignoring_case(name, word); }

/// Does the field speak about one connection only? Content-Length is none of these.
bool hop_by_hop(std::string_view name) {
  switch (name.size()) {
    case 2:
      return is(name, "te");
    case 7:
      return is(name, "trailer") || is(name, "upgrade");
    case 10:
      return is(name, "connection") || is(name, "keep-alive");
    case 16:
      return is(name, "proxy-connection");
    case 17:
      return is(name, "transfer-encoding");
    default:
      return false;
  }
}

/// Fields of a request that we write ourselves.
bool ours_to_write(std::string_view name) {
  switch (name.size()) {
    case 4:
      return is(name, "host");
    case 9:
      return is(name, "forwarded");
    case 12:
      return is(name, "x-request-id");
    case 15:
      return is(name, "x-forwarded-for");
    case 16:
      return is(name, "x-forwarded-host");
    case 17:
      return is(name, "x-forwarded-proto");
    default:
      return false;
  }
}

void put(Writer& out, std::string_view text) { out.bytes(as_bytes(text)); }

void put_field(Writer& out, std::string_view name, std::string_view value) {
  put(out, name);
  put(out, ": ");
  put(out, value);
  put(out, "\r\n");
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

std::array<char, 16> hex_id(std::uint64_t id) {
  std::array<char, 16> text{};
  for (std::size_t i = 0; i < text.size(); ++i) {
    text[i] = "0123456789abcdef"[(id >> (60 - 4 * i)) & 0xfU];
  }
  return text;
}

/// Takes what was written over into `buffer`, if all of it fitted.
bool keep(const Writer& out, Buffer& buffer) {
  if (out.ok()) buffer.commit(out.size());
  buffer.release_if_empty();
  return out.ok();
}

}  // namespace

bool write_request_head(const RequestHead& head, ByteView bytes, const Forwarding& forwarding,
                        Buffer& buffer) {
  const Nominated nominated(head.fields);
  if (nominated.too_many()) return false;
  Writer out(buffer.space());
  put(out, head.method);
  put(out, " ");
  put(out, head.path);
  put(out, " HTTP/1.1\r\n");
  put_field(out, "Host", head.authority.empty() ? forwarding.host : head.authority);
  put_fields(out, head.fields.all(), end_of_fields(bytes, head.size), [&](std::string_view name) {
    return !hop_by_hop(name) && !ours_to_write(name) && !nominated.names(name);
  });
  if (head.framing == BodyFraming::chunked) put(out, "Transfer-Encoding: chunked\r\n");
  put_field(out, "X-Forwarded-For", forwarding.client_address);
  put_field(out, "X-Forwarded-Proto", forwarding.proto);
  if (!head.authority.empty()) put_field(out, "X-Forwarded-Host", head.authority);
  const std::array<char, 16> id = hex_id(forwarding.request_id);
  put_field(out, "X-Request-Id", {id.data(), id.size()});
  put(out, "\r\n");
  return keep(out, buffer);
}

bool write_response_head(const ResponseHead& head, ByteView bytes, const ResponseShape& shape,
                         Buffer& buffer) {
  const Nominated nominated(head.fields);
  if (nominated.too_many()) return false;
  Writer out(buffer.space());
  const std::array<char, 3> status = {static_cast<char>('0' + head.status / 100),
                                      static_cast<char>('0' + head.status / 10 % 10),
                                      static_cast<char>('0' + head.status % 10)};
  put(out, "HTTP/1.1 ");
  put(out, {status.data(), status.size()});
  put(out, " ");
  put(out, head.reason);
  put(out, "\r\n");
  put_fields(out, head.fields.all(), end_of_fields(bytes, head.size), [&](std::string_view name) {
    if (shape.bodiless_status && is(name, "content-length")) return false;
    return !hop_by_hop(name) && !nominated.names(name);
  });
  if (shape.framing == BodyFraming::chunked) put(out, "Transfer-Encoding: chunked\r\n");
  if (!shape.connection.empty()) put_field(out, "Connection", shape.connection);
  put(out, shape.own_fields);
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
