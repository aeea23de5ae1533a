// SPDX-License-Identifier: Apache-2.0
#include "dns/record.h"

#include <gtest/gtest.h>

namespace hither::dns {
namespace {

TEST(RrSet, KeepsEveryRecordBehindItsLength) {
  RrSet set{.type = Type::txt};
  set.add(as_bytes("\3one"));
  set.add(as_bytes(""));

  Reader in(set.rdata);
  EXPECT_EQ(set.count, 2);
  EXPECT_EQ(as_text(in.take(in.u16())), "\3one");
  EXPECT_EQ(in.u16(), 0);
  EXPECT_EQ(in.left(), 0U);
  EXPECT_EQ(as_text(set.first()), "\3one");
}

TEST(RrSet, IsPreparedAsTheMessageBehindItsQuestion) {
  const Name owner = *Name::parse("a.test");
  RrSet set{.type = Type::cname, .ttl = 7};
  set.add(name_rdata(*Name::parse("b.test")));
  set.prepare(owner.wire());
  EXPECT_EQ(as_text(set.wire), std::string_view("\xc0\x0c\0\5\0\1\0\0\0\7\0\4\1b\xc0\x0e", 16));
  ASSERT_EQ(set.pointers.size(), 1U);
  EXPECT_EQ(set.pointers[0].at, 14);
  EXPECT_FALSE(set.pointers[0].into_wire);
}

TEST(Record, OnlyTypesOfRfc1035HaveNamesToCompress) {
  EXPECT_EQ(name_layout(Type::mx).fixed, 2U);
  EXPECT_EQ(name_layout(Type::mx).names, 1);
  EXPECT_EQ(name_layout(Type::soa).names, 2);
  EXPECT_EQ(name_layout(Type::ds).names, 0);
  EXPECT_EQ(name_layout(static_cast<Type>(33)).names, 0) << "SRV, RFC 2782";
}

TEST(Record, SoaIsTwoNamesAndFiveNumbers) {
  const Name zone = *Name::parse("example.test");
  const Bytes rdata = soa_rdata({.primary = zone, .mailbox = zone, .serial = 9, .minimum = 77});
  EXPECT_EQ(rdata.size(), 2 * zone.size() + 20);
  EXPECT_EQ(soa_minimum(rdata), 77U);
}

TEST(Record, AddressesTakeFourOrSixteenOctets) {
  EXPECT_EQ(address_rdata(*parse_address("192.0.2.1")).size(), 4U);
  EXPECT_EQ(address_rdata(*parse_address("2001:db8::1")).size(), 16U);
}

TEST(Record, HinfoIsTwoStrings) {
  EXPECT_EQ(as_text(hinfo_rdata("RFC8482", "")), std::string_view("\7RFC8482\0", 9));
}

}  // namespace
}  // namespace hither::dns
