// SPDX-License-Identifier: Apache-2.0
#include "lb/proxy_header.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace hither::lb {
namespace {

using Kind = ProxyHeaderResult::Kind;

ProxyHeaderResult parse(std::string_view text, ProxyHeader& header) {
  return parse_proxy_header(as_bytes(text), header);
}

/// Every prefix is incomplete, the whole is complete, and what follows is left alone.
void expect_header(const std::string& text, const ProxyHeader& expected) {
  ProxyHeader header;
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_EQ(parse(std::string_view(text).substr(0, size), header).kind, Kind::incomplete) << size;
  }
  const ProxyHeaderResult result = parse(text + "GET / HTTP/1.1\r\n", header);
  ASSERT_EQ(result.kind, Kind::complete) << result.reason;
  EXPECT_EQ(result.size, text.size());
  EXPECT_EQ(header, expected);
}

const ProxyHeader v4{.has_addresses = true,
                     .source = *parse_endpoint("192.0.2.7:40000"),
                     .destination = *parse_endpoint("198.51.100.1:443")};
const ProxyHeader v6{.has_addresses = true,
                     .source = *parse_endpoint("[2001:db8::7]:40000"),
                     .destination = *parse_endpoint("[2001:db8::1]:443")};

TEST(ProxyHeader, WhatIsWrittenIsRead) {
  for (const ProxyHeader& one : {v4, v6}) {
    expect_header(proxy_header_v1(one.source, one.destination), one);
    expect_header(proxy_header_v2(one.source, one.destination), one);
  }
}

TEST(ProxyHeader, Version1IsALine) {
  EXPECT_EQ(proxy_header_v1(v4.source, v4.destination),
            "PROXY TCP4 192.0.2.7 198.51.100.1 40000 443\r\n");
  expect_header("PROXY TCP6 2001:db8::7 2001:db8::1 40000 443\r\n", v6);
  expect_header("PROXY UNKNOWN\r\n", {});
  expect_header("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", {});
}

TEST(ProxyHeader, OfTwoFamilies) {
  EXPECT_EQ(proxy_header_v1(v4.source, v6.destination), "PROXY UNKNOWN\r\n");
  ProxyHeader header;
  const std::string mixed = proxy_header_v2(v4.source, v6.destination);
  ASSERT_EQ(parse(mixed, header).kind, Kind::complete);
  EXPECT_EQ(header.source, v4.source);
  EXPECT_EQ(header.destination, v6.destination);
}

TEST(ProxyHeader, Version2MayBeLocalOrHaveMoreThanAddresses) {
  std::string text = proxy_header_v2(v4.source, v4.destination);
  std::string local = text;
  local[12] = 0x20;
  expect_header(local, {});
  text[15] = static_cast<char>(12 + 7);
  expect_header(text + std::string("\x04\x00\x04NOOP", 7), v4);
}

TEST(ProxyHeader, AProbeSpeaksForItself) {
  const std::string v1 = proxy_header_of_probe(topology::SendProxy::v1);
  const std::string v2 = proxy_header_of_probe(topology::SendProxy::v2);

  EXPECT_EQ(v1, "PROXY UNKNOWN\r\n");
  EXPECT_EQ(v2, std::string("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", 16));
  EXPECT_EQ(proxy_header_of_probe(topology::SendProxy::off), "");
  expect_header(v1, {});
  expect_header(v2, {});
}

TEST(ProxyHeader, FamiliesWithoutAnIpAddressAreSkipped) {
  std::string unix_socket = proxy_header_v2(v4.source, v4.destination).substr(0, 16);
  unix_socket[13] = 0x31;
  unix_socket[15] = static_cast<char>(216);
  expect_header(unix_socket + std::string(216, 'p'), {});
  std::string unspecified = unix_socket;
  unspecified[13] = 0x00;
  unspecified[15] = 0;
  expect_header(unspecified, {});
}

TEST(ProxyHeader, RefusesWhatIsNone) {
  ProxyHeader header;
  for (const std::string_view text :
       {"GET / HTTP/1.1\r\n", "PROXX", "\r\n\r\nX", "PROXY TCP4 192.0.2.7 198.51.100.1 40000\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 40000 443 1\r\n",
        "PROXY TCP4 2001:db8::7 2001:db8::1 40000 443\r\n",
        "PROXY TCP6 192.0.2.7 198.51.100.1 40000 443\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 65536 443\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 -1 443\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 040 443\r\n",
        "PROXY TCP4  192.0.2.7 198.51.100.1 40 443\r\n",
        "PROXY UDP4 192.0.2.7 198.51.100.1 40 443\r\n", "PROXY\r\n"}) {
    const ProxyHeaderResult result = parse(text, header);
    EXPECT_EQ(result.kind, Kind::bad) << text;
    EXPECT_FALSE(result.reason.empty());
  }
  EXPECT_EQ(parse("PROXY UNKNOWN " + std::string(200, 'x'), header).kind, Kind::bad);
}

TEST(ProxyHeader, RefusesABrokenVersion2) {
  ProxyHeader header;
  const std::string good = proxy_header_v2(v4.source, v4.destination);
  struct Change {
    std::size_t at;
    int octet;
  };
  for (const Change change : {Change{12, 0x11}, {12, 0x22}, {13, 0x41}, {13, 0x13}, {14, 0x10}}) {
    std::string text = good;
    text[change.at] = static_cast<char>(change.octet);
    EXPECT_EQ(parse(text, header).kind, Kind::bad) << change.at;
  }
  std::string text = good;
  text[15] = 11;  // too short for two addresses
  EXPECT_EQ(parse(text, header).kind, Kind::bad);
}

}  // namespace
}  // namespace hither::lb
