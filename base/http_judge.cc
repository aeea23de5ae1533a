// SPDX-License-Identifier: Apache-2.0
#include "base/http_judge.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/http_chars.h"
#include "base/text.h"

namespace hither {
namespace {

using http_chars::is;
using Kind = HeadResult::Kind;

/// 2^63 - 1: the largest length whose sums cannot overflow.
constexpr std::uint64_t content_length_max = 0x7fff'ffff'ffff'ffffULL;

/// Is `text` the lower-case `word`, without case? For `word` of letters and '-' only: setting bit 5
/// maps nothing else in a token onto those.
bool is_word(std::string_view text, std::string_view word) {
  if (text.size() != word.size()) return false;
  for (std::size_t i = 0; i < word.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) | 0x20U) != static_cast<unsigned char>(word[i])) {
      return false;
    }
  }
  return true;
}

// ------------------------------------------------------------------------------

/// The fields that decide about a message, found in one walk over the table.
struct Known {
  const HttpField* host = nullptr;
  const HttpField* length = nullptr;
  const HttpField* coding = nullptr;
  bool host_twice = false;
  bool length_twice = false;
  bool coding_twice = false;
  bool connection = false;
  bool continues = false;
  bool upgrade = false;
};

void note(const HttpField& field, const HttpField*& place, bool& twice) {
  twice = place != nullptr;
  place = &field;
}

Known find_known(const HttpFields& fields) {
  Known known;
  for (const HttpField& field : fields.all()) {
    switch (field.name.size()) {
      case 4:
        if (is_word(field.name, "host")) note(field, known.host, known.host_twice);
        break;
      case 6:
        if (is_word(field.name, "expect")) {
          known.continues |= equal_ignoring_case(field.value, "100-continue");
        }
        break;
      case 7:
        known.upgrade |= is_word(field.name, "upgrade");
        break;
      case 10:
        known.connection |= is_word(field.name, "connection");
        break;
      case 14:
        if (is_word(field.name, "content-length")) note(field, known.length, known.length_twice);
        break;
      case 17:
        if (is_word(field.name, "transfer-encoding")) {
          note(field, known.coding, known.coding_twice);
        }
        break;
      default:
        break;
    }
  }
  return known;
}

/// The next element of a comma-separated list, without blanks; takes it from `rest`.
std::string_view next_element(std::string_view& rest) {
  const std::size_t comma = rest.find(',');
  std::string_view element = rest.substr(0, comma);
  rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
  while (!element.empty() && (element.front() == ' ' || element.front() == '\t')) {
    element.remove_prefix(1);
  }
  while (!element.empty() && (element.back() == ' ' || element.back() == '\t')) {
    element.remove_suffix(1);
  }
  return element;
}

struct Options {
  bool close = false;
  bool keep_alive = false;
  bool upgrade = false;
};

/// Fields that no Connection field may make vanish on the way (R22).
bool may_not_be_nominated(std::string_view name) {
  return is_word(name, "host") || is_word(name, "content-length") ||
         is_word(name, "transfer-encoding") || is_word(name, "cookie") ||
         is_word(name, "authorization") || is_word(name, "forwarded") ||
         is_word(name, "x-forwarded-for") || is_word(name, "x-forwarded-host") ||
         is_word(name, "x-forwarded-proto") || is_word(name, "x-request-id");
}

/// Fields that frame, route, authenticate or describe a message, or speak about one connection: who
/// reads a message acts on them before its end, so behind the body they can only deceive whoever
/// merges them into the head (RFC 9110 s6.5.1).
bool may_not_trail(std::string_view name) {
  static constexpr auto names = std::to_array<std::string_view>({"host",
                                                                 "content-length",
                                                                 "transfer-encoding",
                                                                 "cookie",
                                                                 "authorization",
                                                                 "forwarded",
                                                                 "x-real-ip",
                                                                 "x-request-id",
                                                                 "hither-attempt",
                                                                 "via",
                                                                 "connection",
                                                                 "keep-alive",
                                                                 "proxy-connection",
                                                                 "te",
                                                                 "trailer",
                                                                 "upgrade",
                                                                 "expect",
                                                                 "max-forwards",
                                                                 "content-encoding",
                                                                 "content-type",
                                                                 "content-range",
                                                                 "set-cookie",
                                                                 "proxy-authorization",
                                                                 "proxy-authenticate",
                                                                 "www-authenticate",
                                                                 "cache-control"});
  constexpr std::string_view proxys = "x-forwarded-";
  return is_spelling_of(name.substr(0, proxys.size()), proxys) ||
         std::ranges::any_of(names,
                             [name](std::string_view one) { return is_spelling_of(name, one); });
}

/// Reads all Connection fields (RFC 9110 s7.6.1); a text that names the broken rule, or nothing.
std::string_view read_connection(const HttpFields& fields, Options& options) {
  for (const HttpField& field : fields.all()) {
    if (!is_word(field.name, "connection")) continue;
    std::string_view rest = field.value;
    while (!rest.empty()) {
      const std::string_view option = next_element(rest);
      if (option.empty()) continue;
      if (!is_token(option)) return "a Connection option is not a token";
      if (may_not_be_nominated(option)) return "Connection names a field that must not be dropped";
      options.close |= is_word(option, "close");
      options.keep_alive |= is_word(option, "keep-alive");
      options.upgrade |= is_word(option, "upgrade");
    }
  }
  return {};
}

/// 1*DIGIT up to 2^63 - 1 (R19).
bool parse_length(std::string_view text, std::uint64_t& length) {
  if (text.empty() || text.size() > 19) return false;
  length = 0;
  for (const char c : text) {
    if (!is(c, http_chars::digit)) return false;
    length = length * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return length <= content_length_max;
}

/// R17 to R21 for both kinds of message; a text that names the broken rule, or nothing.
template <class Head>
std::string_view read_framing(const Known& known, BodyFraming otherwise, Head& head) {
  head.framing = otherwise;
  head.content_length = 0;
  if (known.coding != nullptr) {
    if (known.length != nullptr) return "Content-Length beside Transfer-Encoding";
    if (head.minor_version == 0) return "Transfer-Encoding in HTTP/1.0";
    if (known.coding_twice || !is_word(known.coding->value, "chunked")) {
      return "Transfer-Encoding is not exactly chunked";
    }
    head.framing = BodyFraming::chunked;
    return {};
  }
  if (known.length == nullptr) return {};
  if (known.length_twice) return "more than one Content-Length";
  if (!parse_length(known.length->value, head.content_length)) {
    return "Content-Length is not a number of digits up to 2^63-1";
  }
  head.framing = BodyFraming::length;
  return {};
}

struct Authority {
  std::string_view host;
  std::string_view port;  ///< empty if there is none
};

/// uri-host [ ":" port ] (RFC 9110 s7.2), without userinfo: R15. False if it is malformed.
bool parse_authority(std::string_view text, Authority& authority) {
  std::size_t end = 0;
  if (text.starts_with('[')) {
    end = text.find(']');
    if (end == std::string_view::npos || end < 3) return false;
    constexpr std::string_view octets = "0123456789abcdefABCDEF:.";
    if (text.substr(1, end - 1).find_first_not_of(octets) != std::string_view::npos) return false;
    ++end;
  } else {
    while (end < text.size() && is(text[end], http_chars::host)) ++end;
  }
  if (end == 0) return false;
  authority = {.host = text.substr(0, end), .port = {}};
  if (end == text.size()) return true;
  authority.port = text.substr(end + 1);
  const auto port = parse_number(authority.port);
  return text[end] == ':' && port && *port <= 65535;
}

/// Do both name the same server, `default_port` standing for none (R16)?
bool agree(const Authority& one, const Authority& other, std::string_view default_port) {
  const auto port_of = [&](const Authority& authority) {
    return authority.port.empty() ? default_port : authority.port;
  };
  return equal_ignoring_case(one.host, other.host) &&
         parse_number(port_of(one)) == parse_number(port_of(other));
}

/// The parts of an absolute-form target, "http://host:port/path".
struct Absolute {
  std::string_view authority;
  std::string_view path;
  std::string_view default_port;
};

bool split_absolute(std::string_view target, Absolute& parts) {
  const std::size_t colon = target.find("://");
  if (colon == std::string_view::npos) return false;
  const bool secure = equal_ignoring_case(target.substr(0, colon), "https");
  if (!secure && !equal_ignoring_case(target.substr(0, colon), "http")) return false;
  const std::string_view rest = target.substr(colon + 3);
  const std::size_t slash = std::min(rest.find_first_of("/?"), rest.size());
  parts = {.authority = rest.substr(0, slash),
           .path = rest.substr(slash),
           .default_port = secure ? "443" : "80"};
  return !parts.path.starts_with('?');
}

/// R8 and R14 to R16: the target's form, the Host field, and that they agree.
std::string_view read_target(const Known& known, RequestHead& head) {
  if (known.host_twice) return "more than one Host";
  if (known.host == nullptr && head.minor_version == 1) return "HTTP/1.1 without Host";
  Authority host;
  if (known.host != nullptr && !parse_authority(known.host->value, host)) {
    return "Host is not a name or address with an optional port";
  }
  head.authority = known.host != nullptr ? known.host->value : std::string_view{};
  head.path = head.target;
  if (head.target.front() == '/') return {};
  if (head.target == "*") {
    return head.method == "OPTIONS" ? std::string_view{} : "the target * without OPTIONS";
  }
  Absolute absolute;
  Authority authority;
  if (!split_absolute(head.target, absolute) || !parse_authority(absolute.authority, authority)) {
    return "the target is neither a path nor a URL of http or https";
  }
  if (known.host != nullptr && !agree(authority, host, absolute.default_port)) {
    return "the target and Host name different servers";
  }
  head.authority = absolute.authority;
  head.path = absolute.path;
  if (head.path.empty()) head.path = head.method == "OPTIONS" ? "*" : "/";
  return {};
}

bool keeps_alive(const Options& options, int minor_version) {
  return !options.close && (minor_version == 1 || options.keep_alive);
}

}  // namespace

HeadResult judge_request(RequestHead& head) {
  const Known known = find_known(head.fields);
  if (const auto reason = read_target(known, head); !reason.empty()) {
    return HeadResult::bad(400, reason);
  }
  if (const auto reason = read_framing(known, BodyFraming::none, head); !reason.empty()) {
    return HeadResult::bad(400, reason);
  }
  Options options;
  if (known.connection) {
    const auto reason = read_connection(head.fields, options);
    if (!reason.empty()) return HeadResult::bad(400, reason);
  }
  head.keep_alive = keeps_alive(options, head.minor_version);
  // R33, R34.
  head.expects_continue = known.continues && head.minor_version == 1;
  head.wants_upgrade = known.upgrade && options.upgrade && head.minor_version == 1;
  return HeadResult::good();
}

HeadResult judge_response(std::string_view method, ResponseHead& head) {
  const Known known = find_known(head.fields);
  if (const auto reason = read_framing(known, BodyFraming::until_close, head); !reason.empty()) {
    return HeadResult::bad(502, reason);
  }
  Options options;
  if (known.connection) {
    const auto reason = read_connection(head.fields, options);
    if (!reason.empty()) return HeadResult::bad(502, reason);
  }
  // R26: these have no body whatever they say.
  if (method == "HEAD" || head.status < 200 || head.status == 204 || head.status == 304) {
    head.framing = BodyFraming::none;
    head.content_length = 0;
  }
  head.keep_alive =
      keeps_alive(options, head.minor_version) && head.framing != BodyFraming::until_close;
  return HeadResult::good();
}

HeadResult judge_trailers(const HttpFields& fields) {
  for (const HttpField& field : fields.all()) {
    if (may_not_trail(field.name)) return HeadResult::bad(400, "a trailer belongs in the head");
  }
  return HeadResult::good();
}

bool is_spelling_of(std::string_view name, std::string_view lower) {
  return std::ranges::equal(name, lower, {}, [](char c) {
    if (c == '_') return '-';
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
}

bool is_token(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](char c) { return is(c, http_chars::token); });
}

bool list_has_token(std::string_view value, std::string_view token) {
  while (!value.empty()) {
    if (equal_ignoring_case(next_element(value), token)) return !token.empty();
  }
  return false;
}

}  // namespace hither
