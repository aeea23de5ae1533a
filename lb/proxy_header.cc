// SPDX-License-Identifier: Apache-2.0
#include "lb/proxy_header.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "base/text.h"

namespace hither::lb {
namespace {

using Kind = ProxyHeaderResult::Kind;

constexpr std::string_view signature_v1 = "PROXY ";
constexpr std::string_view unknown_v1 = "PROXY UNKNOWN\r\n";
constexpr std::string_view signature_v2{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr std::size_t line_v1_max = 107;
constexpr std::size_t head_v2 = 16;  // signature, version and command, family, length

/// Are the first octets, as far as they came, those of `signature`?
bool begins_like(ByteView bytes, std::string_view signature) {
  const std::size_t size = std::min(bytes.size(), signature.size());
  return as_text(bytes.first(size)) == signature.substr(0, size);
}

ProxyHeaderResult bad(std::string_view reason) { return {.kind = Kind::bad, .reason = reason}; }

/// 0 to 65535 without a sign or leading zeros.
std::optional<std::uint16_t> parse_port(std::string_view text) {
  const std::optional<std::uint64_t> number = parse_number(text);
  if (!number || *number > 65535 || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

std::optional<Endpoint> parse_end(std::string_view address, std::string_view port, bool v4) {
  const Result<Address> parsed = parse_address(address);
  const std::optional<std::uint16_t> number = parse_port(port);
  // An IPv4-mapped address counts as IPv4 here, and is no TCP4 spelling.
  const bool is_dotted = address.find(':') == std::string_view::npos;
  if (!parsed || !number || is_dotted != v4) return std::nullopt;
  return Endpoint{.address = *parsed, .port = *number};
}

ProxyHeaderResult parse_v1(ByteView bytes, ProxyHeader& header) {
  const std::string_view text = as_text(bytes.first(std::min(bytes.size(), line_v1_max)));
  const std::size_t end = text.find("\r\n");
  if (end == std::string_view::npos) {
    return bytes.size() < line_v1_max ? ProxyHeaderResult{} : bad("the PROXY line does not end");
  }
  const std::vector<std::string_view> words = split(text.substr(0, end), ' ');
  const ProxyHeaderResult complete{.kind = Kind::complete, .size = end + 2};
  if (words.size() >= 2 && words[1] == "UNKNOWN") return complete;
  if (words.size() != 6) return bad("the PROXY line has not six words");
  const bool v4 = words[1] == "TCP4";
  if (!v4 && words[1] != "TCP6") return bad("the PROXY line is for another protocol");
  const auto source = parse_end(words[2], words[4], v4);
  const auto destination = parse_end(words[3], words[5], v4);
  if (!source || !destination) return bad("the PROXY line has a bad address or port");
  header = {.has_addresses = true, .source = *source, .destination = *destination};
  return complete;
}

Address take_address(Reader& reader, bool v4) {
  if (v4) return Address::v4(reader.u32());
  const ByteView octets = reader.take(16);
  return octets.size() == 16 ? Address::v6(octets.first<16>()) : Address{};
}

ProxyHeaderResult parse_v2(ByteView bytes, ProxyHeader& header) {
  if (bytes.size() < head_v2) return {};
  Reader reader(bytes.subspan(signature_v2.size()));
  const unsigned version_command = reader.u8();
  const unsigned family = reader.u8();
  const std::size_t length = reader.u16();
  if (version_command >> 4U != 2) return bad("the PROXY header has another version");
  if ((version_command & 0xFU) > 1) return bad("the PROXY header has an unknown command");
  if (family >> 4U > 3 || (family & 0xFU) > 2) return bad("the PROXY header has a bad family");
  if (head_v2 + length > proxy_header_max) return bad("the PROXY header is too long");
  if (bytes.size() < head_v2 + length) return {};
  const ProxyHeaderResult complete{.kind = Kind::complete, .size = head_v2 + length};
  const bool local = (version_command & 0xFU) == 0;
  const bool v4 = family == 0x11;
  if (local || (!v4 && family != 0x21)) return complete;
  Reader body(bytes.subspan(head_v2, length));
  header.source.address = take_address(body, v4);
  header.destination.address = take_address(body, v4);
  header.source.port = body.u16();
  header.destination.port = body.u16();
  if (!body.ok()) return bad("the PROXY header is too short for its addresses");
  header.has_addresses = true;
  return complete;
}

}  // namespace

ProxyHeaderResult parse_proxy_header(ByteView bytes, ProxyHeader& header) {
  header = {};
  if (begins_like(bytes, signature_v2)) return parse_v2(bytes, header);
  if (begins_like(bytes, signature_v1)) return parse_v1(bytes, header);
  return bad("no PROXY header");
}

std::string proxy_header_v1(const Endpoint& source, const Endpoint& destination) {
  const bool v4 = source.address.is_v4();
  if (v4 != destination.address.is_v4()) return std::string(unknown_v1);
  return fmt::format("PROXY {} {} {} {} {}\r\n", v4 ? "TCP4" : "TCP6", to_text(source.address),
                     to_text(destination.address), source.port, destination.port);
}

std::string proxy_header_v2(const Endpoint& source, const Endpoint& destination) {
  const bool v4 = source.address.is_v4() && destination.address.is_v4();
  std::array<std::byte, head_v2 + 36> buffer;
  Writer writer(buffer);
  writer.bytes(as_bytes(signature_v2));
  writer.u8(0x21);
  writer.u8(v4 ? 0x11 : 0x21);
  writer.u16(v4 ? 12 : 36);
  for (const Address& address : {source.address, destination.address}) {
    if (v4) {
      writer.u32(address.v4_value());
    } else {
      writer.bytes(std::as_bytes(std::span(address.octets())));
    }
  }
  writer.u16(source.port);
  writer.u16(destination.port);
  return std::string(as_text(writer.written()));
}

std::string proxy_header_of_probe(topology::SendProxy version) {
  if (version == topology::SendProxy::off) return "";
  if (version == topology::SendProxy::v1) return std::string(unknown_v1);
  std::array<std::byte, head_v2> buffer;
  Writer writer(buffer);
  writer.bytes(as_bytes(signature_v2));
  writer.u8(0x20);  // version 2, LOCAL
  writer.u8(0);     // UNSPEC
  writer.u16(0);
  return std::string(as_text(writer.written()));
}

}  // namespace hither::lb
