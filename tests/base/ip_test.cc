// SPDX-License-Identifier: Apache-2.0
#include "base/ip.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace hither::ip_test {
namespace {

Address address(std::string_view text) {
  const auto parsed = parse_address(text);
  EXPECT_TRUE(parsed) << text;
  return parsed ? *parsed : Address{};
}

Prefix prefix(std::string_view text) {
  const auto parsed = parse_prefix(text);
  EXPECT_TRUE(parsed) << text;
  return parsed ? *parsed : Prefix{};
}

TEST(Address, PrintsWhatItParsed) {
  for (const char* text : {"0.0.0.0", "192.0.2.1", "255.255.255.255", "::", "::1", "2001:db8::1",
                           "fe80::1:2:3:4", "2001:db8:1:2:3:4:5:6"}) {
    EXPECT_EQ(to_text(address(text)), text);
  }
}

TEST(Address, MappedIpv6IsTheIpv4Address) {
  EXPECT_EQ(address("::ffff:192.0.2.1"), address("192.0.2.1"));
  EXPECT_EQ(to_text(address("::ffff:192.0.2.1")), "192.0.2.1");
}

TEST(Address, RefusesWhatIsNotOne) {
  for (const char* text :
       {"", " ", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.4 ", " 1.2.3.4", "1.2.3.4/8",
        ":::", "1::2::3", "g::", "[::1]", "::1%lo", "localhost"}) {
    EXPECT_FALSE(parse_address(text)) << text;
  }
}

TEST(Address, RefusesAZeroOctetBehindAnAddress) {
  EXPECT_FALSE(parse_address(std::string_view("1.2.3.4\0x", 9)));
  EXPECT_FALSE(parse_address(std::string_view("::1\0", 4)));
}

TEST(Address, TheMistakeSaysWhatWouldBeRight) {
  const auto parsed = parse_address("1.2.3");

  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().message,
            "'1.2.3' is not an IP address; write one such as 192.0.2.1 or 2001:db8::1");
}

TEST(Address, TheDefaultIsUnspecifiedIpv6) {
  EXPECT_EQ(Address{}, address("::"));
  EXPECT_FALSE(Address{}.is_v4());
}

TEST(Address, ValueAndOctetsOfIpv4Agree) {
  const Address one = Address::v4(0x0a010203);

  EXPECT_EQ(one, address("10.1.2.3"));
  EXPECT_EQ(one.v4_value(), 0x0a010203U);
  EXPECT_EQ(one.wire().size(), 4U);
  EXPECT_EQ(one.wire()[0], 10);
}

TEST(Address, WireOfIpv6HasSixteenOctets) {
  const Address one = address("2001:db8::7");

  EXPECT_EQ(one.wire().size(), 16U);
  EXPECT_EQ(one, Address::v6(std::as_bytes(std::span<const std::uint8_t, 16>(one.octets()))));
}

TEST(Address, KnowsLoopback) {
  EXPECT_TRUE(address("127.0.0.1").is_loopback());
  EXPECT_TRUE(address("127.12.0.1").is_loopback());
  EXPECT_TRUE(address("::1").is_loopback());
  EXPECT_FALSE(address("128.0.0.1").is_loopback());
  EXPECT_FALSE(address("::").is_loopback());
  EXPECT_FALSE(address("1::1").is_loopback());
}

TEST(Address, BitsCountFromTheMostSignificant) {
  EXPECT_TRUE(address("8000::").bit(0));
  EXPECT_FALSE(address("8000::").bit(1));
  EXPECT_TRUE(address("::1").bit(127));
  EXPECT_TRUE(address("128.0.0.0").bit(96));
  EXPECT_FALSE(address("127.0.0.0").bit(96));
}

TEST(Address, MaskedKeepsTheBitsBeforeTheLength) {
  const Address one = address("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
  for (int length = 0; length <= 128; ++length) {
    const Address masked = one.masked(length);
    for (int i = 0; i < 128; ++i) ASSERT_EQ(masked.bit(i), i < length) << length << " " << i;
  }
}

TEST(Address, OrderIsThatOfTheNumbers) {
  EXPECT_LT(address("9.255.255.255"), address("10.0.0.0"));
  EXPECT_LT(address("10.0.0.0"), address("2001:db8::"));
}

TEST(Endpoint, PrintsWhatItParsed) {
  for (const char* text : {"127.0.0.1:53", "[::1]:53", "[2001:db8::1]:65535", "0.0.0.0:0"}) {
    const auto parsed = parse_endpoint(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(to_text(*parsed), text);
  }
}

TEST(Endpoint, RefusesWhatIsNotOne) {
  for (const char* text : {"", ":", "127.0.0.1", "127.0.0.1:", ":53", "::1:53", "[::1]", "[::1]53",
                           "[]:53", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:+1",
                           "127.0.0.1: 1", "[::1:53", "::1]:53", "localhost:53"}) {
    EXPECT_FALSE(parse_endpoint(text)) << text;
  }
}

TEST(Prefix, PrintsWhatItParsed) {
  for (const char* text :
       {"0.0.0.0/0", "10.0.0.0/8", "192.0.2.1/32", "::/0", "2001:db8::/32", "::1/128"}) {
    EXPECT_EQ(to_text(prefix(text)), text);
  }
}

TEST(Prefix, LengthCountsIn128Bits) {
  EXPECT_EQ(prefix("10.0.0.0/8").length, 104);
  EXPECT_EQ(prefix("10.0.0.0/8").family_length(), 8);
  EXPECT_EQ(prefix("2001:db8::/32").family_length(), 32);
}

TEST(Prefix, RefusesBitsBehindTheLengthAndSaysTheRightSpelling) {
  const auto parsed = parse_prefix("10.1.0.0/8");

  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().message,
            "'10.1.0.0/8' has bits set behind its length; write 10.0.0.0/8");
}

TEST(Prefix, RefusesWhatIsNotOne) {
  for (const char* text : {"", "/", "10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "::/129", "10.0.0.0/-1",
                           "10.0.0.0/8/8", "x/8", "/8", "10.0.0.0/ 8"}) {
    EXPECT_FALSE(parse_prefix(text)) << text;
  }
}

TEST(Prefix, ContainsItsEdgesAndNotTheNeighbours) {
  const Prefix block = prefix("192.0.2.0/24");

  EXPECT_TRUE(block.contains(address("192.0.2.0")));
  EXPECT_TRUE(block.contains(address("192.0.2.255")));
  EXPECT_FALSE(block.contains(address("192.0.1.255")));
  EXPECT_FALSE(block.contains(address("192.0.3.0")));
  EXPECT_FALSE(block.contains(address("::c000:200")));
}

TEST(Prefix, TheWholeOfIpv6HoldsIpv4Too) {
  EXPECT_TRUE(prefix("::/0").contains(address("192.0.2.1")));
  EXPECT_FALSE(prefix("::/0").is_v4());
  EXPECT_TRUE(prefix("0.0.0.0/0").is_v4());
}

TEST(Prefix, PrefixOfClearsTheBitsBehind) {
  EXPECT_EQ(prefix_of(address("10.1.2.3"), 104), prefix("10.0.0.0/8"));
}

}  // namespace
}  // namespace hither::ip_test
