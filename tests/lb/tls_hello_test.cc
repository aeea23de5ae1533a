// SPDX-License-Identifier: Apache-2.0
#include "lb/tls_hello.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace hither::lb {
namespace {

using HelloKind = TlsHelloResult::Kind;

std::string u16(std::size_t value) {
  return {static_cast<char>(value >> 8U), static_cast<char>(value & 0xFFU)};
}
std::string vector16(const std::string& body) { return u16(body.size()) + body; }
std::string extension(std::size_t type, const std::string& body) {
  return u16(type) + vector16(body);
}
std::string server_name(const std::string& name) {
  return extension(0, vector16(std::string(1, '\0') + vector16(name)));
}

/// A ClientHello as a handshake message; `extensions` are whole ones.
std::string hello(const std::string& extensions, std::size_t ciphers = 4) {
  std::string body = "\x03\x03" + std::string(32, 'r');
  body += std::string(1, 32) + std::string(32, 's');
  body += vector16(std::string(ciphers, 'c'));
  body += std::string("\x01\x00", 2);
  if (!extensions.empty()) body += vector16(extensions);
  return std::string("\x01\x00", 2) + u16(body.size()) + body;
}

/// In records of at most `size` octets.
std::string records(std::string_view message, std::size_t size = 16384) {
  std::string out;
  for (std::size_t at = 0; at < message.size(); at += size) {
    const std::string_view part = message.substr(at, size);
    out += std::string("\x16\x03\x01", 3) + u16(part.size()) + std::string(part);
  }
  return out;
}

TlsHelloResult parse(std::string_view bytes) { return parse_tls_hello(as_bytes(bytes)); }

const std::string good =
    hello(extension(10, "groups") + server_name("Www.Example.test") + extension(43, "versions"));

TEST(TlsHello, FindsTheNameWhateverThePieces) {
  for (const std::size_t size : {std::size_t{16384}, std::size_t{1}, std::size_t{7}}) {
    const std::string bytes = records(good, size);
    for (std::size_t came = 0; came < bytes.size(); ++came) {
      ASSERT_EQ(parse(std::string_view(bytes).substr(0, came)).kind, HelloKind::incomplete) << came;
    }
    const TlsHelloResult result = parse(bytes);
    ASSERT_EQ(result.kind, HelloKind::complete) << result.reason;
    EXPECT_EQ(result.name, "www.example.test");
    EXPECT_EQ(parse(bytes + "early data").name, "www.example.test");
  }
}

TEST(TlsHello, AClientMayNameNobody) {
  EXPECT_EQ(parse(records(hello(extension(10, "groups")))).kind, HelloKind::complete);
  EXPECT_EQ(parse(records(hello(""))).kind, HelloKind::complete);
  EXPECT_EQ(parse(records(hello(""))).name, "");
}

TEST(TlsHello, RefusesWhatIsNoHello) {
  for (const std::string& bytes :
       {std::string("GET / HTTP/1.1\r\n"), std::string("\x80\x2e\x01", 3),
        std::string("\x16\x02\x00", 3), std::string("\x16\x03\x01\x00\x00", 5),
        std::string("\x16\x03\x01\x41\x00", 5), records(std::string("\x02\x00\x00\x00", 4)),
        records(std::string("\x01\x7f\x00\x00", 4))}) {
    const TlsHelloResult result = parse(bytes);
    EXPECT_EQ(result.kind, HelloKind::bad);
    EXPECT_FALSE(result.reason.empty());
  }
}

TEST(TlsHello, RefusesNamesThatAreNone) {
  for (const std::string& name : {std::string(), std::string("a b"), std::string("a\0b", 3),
                                  std::string(256, 'a'), std::string("\xc3\xa4.test")}) {
    EXPECT_EQ(parse(records(hello(server_name(name)))).kind, HelloKind::bad);
  }
  EXPECT_EQ(parse(records(hello(extension(0, "x")))).kind, HelloKind::bad);
}

TEST(TlsHello, RefusesLengthsThatDoNotAgree) {
  for (std::size_t at = 38; at < good.size(); ++at) {
    std::string cut = good.substr(0, at);
    const std::size_t body = cut.size() - 4;
    cut[2] = static_cast<char>(body >> 8U);
    cut[3] = static_cast<char>(body & 0xFFU);
    const TlsHelloResult result = parse(records(cut));
    EXPECT_NE(result.kind, HelloKind::incomplete) << at;
    // Cut where a hello of old could end, it is one without extensions; else it is broken.
    EXPECT_TRUE(result.kind == HelloKind::bad || result.name.empty()) << at;
  }
}

TEST(TlsHello, EndsTheWaitForOneTooLong) {
  const std::string large = records(hello(server_name("a.test"), 16200));
  EXPECT_EQ(parse(large).kind, HelloKind::complete);
  const std::string too_large = records(hello(server_name("a.test"), 20000), 8000);
  EXPECT_EQ(parse(std::string_view(too_large).substr(0, 100)).kind, HelloKind::bad);
}

}  // namespace
}  // namespace hither::lb
