// SPDX-License-Identifier: Apache-2.0
#include "dns/zone_file.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace hither::dns {
namespace {

const Name& origin() {
  static const Name name = *Name::parse("example.test");
  return name;
}

struct Read {
  std::vector<Record> records;
  std::vector<Error> mistakes;
};

Read read(std::string_view text) {
  Read result;
  result.records = read_zone_text(text, "z", origin(), result.mistakes);
  return result;
}

TEST(ZoneFile, NamesAreRelativeToTheOrigin) {
  const Read result = read("www 60 IN A 192.0.2.1\nother.test. IN A 192.0.2.2\n@ IN NS www\n");

  ASSERT_EQ(result.records.size(), 3U);
  EXPECT_EQ(to_text(result.records[0].owner), "www.example.test.");
  EXPECT_EQ(result.records[0].ttl, 60U);
  EXPECT_EQ(to_text(result.records[1].owner), "other.test.");
  EXPECT_EQ(result.records[2].owner, origin());
}

TEST(ZoneFile, DirectivesBlankLinesAndCommentsAreUnderstood) {
  const Read result = read(
      "; a comment\n\n$TTL 120\n$ORIGIN sub.example.test.\na IN A 192.0.2.1\n  IN A 192.0.2.2 ; "
      "same owner\n");

  ASSERT_TRUE(result.mistakes.empty()) << result.mistakes[0].message;
  ASSERT_EQ(result.records.size(), 2U);
  EXPECT_EQ(to_text(result.records[1].owner), "a.sub.example.test.");
  EXPECT_EQ(result.records[1].ttl, 120U);
}

TEST(ZoneFile, UnknownTypesAreCarriedAsBytes) {  // RFC 3597 s5
  const Read result = read("a IN TYPE65280 \\# 3 010203\n");

  ASSERT_EQ(result.records.size(), 1U);
  EXPECT_EQ(static_cast<int>(result.records[0].type), 65280);
  EXPECT_EQ(result.records[0].rdata, (Bytes{std::byte{1}, std::byte{2}, std::byte{3}}));
}

TEST(ZoneFile, RecordsKnowTheLineTheyBeginOn) {
  const Read result =
      read("$TTL 1h\n@ IN SOA ns1 mail (\n 1 2 3 4 5 )\nwww IN A 192.0.2.1\n\n\nb IN A 192.0.2.2");

  ASSERT_EQ(result.records.size(), 3U);
  EXPECT_EQ(result.records[0].line, 2);
  EXPECT_EQ(result.records[1].line, 4);
  EXPECT_EQ(result.records[2].line, 7);
}

TEST(ZoneFile, EveryMistakeIsReportedWithItsLine) {
  const Read result =
      read("www IN A 192.0.2.1\nbad IN A 192.0.2.300\nok IN A 192.0.2.2\nx IN MX\n");

  EXPECT_EQ(result.records.size(), 2U);
  ASSERT_EQ(result.mistakes.size(), 2U);
  EXPECT_EQ(result.mistakes[0].message.substr(0, 5), "z:2: ");
  EXPECT_EQ(result.mistakes[1].message.substr(0, 5), "z:4: ");
}

TEST(ZoneFile, IncludesAndOtherClassesAreRefused) {
  EXPECT_EQ(read("$INCLUDE other.zone\n").mistakes.size(), 1U);
  EXPECT_EQ(read("a CH TXT \"x\"\n").mistakes.size(), 1U);
}

TEST(ZoneFile, MistakesEndAtALimit) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "a IN A nonsense\n";
  EXPECT_EQ(read(text).mistakes.size(), mistakes_max);
}

TEST(ZoneFile, AnEmptyTextHasNoRecords) {
  EXPECT_TRUE(read("").records.empty());
  EXPECT_TRUE(read("\n").records.empty());
}

TEST(ZoneFile, AMadeUpZoneNamesTheAddressesListenedOn) {
  const std::vector<Endpoint> listen = {*parse_endpoint("127.0.0.1:53"),
                                        *parse_endpoint("[::1]:53"), *parse_endpoint("0.0.0.0:53"),
                                        *parse_endpoint("[::]:53")};
  const std::vector<Record> records = make_up_zone(origin(), listen);

  ASSERT_EQ(records.size(), 4U);
  EXPECT_EQ(records[0].type, Type::soa);
  EXPECT_EQ(records[1].type, Type::ns);
  EXPECT_EQ(to_text(records[2].owner), "ns1.example.test.");
  EXPECT_EQ(records[2].rdata, address_rdata(*parse_address("127.0.0.1")));
  EXPECT_EQ(records[3].rdata, address_rdata(*parse_address("::1")));
}

}  // namespace
}  // namespace hither::dns
