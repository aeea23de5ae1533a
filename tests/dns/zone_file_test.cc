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

TEST(ZoneFile, BareOctetsOfATypeThatIsLookedIntoMustBeItsData) {  // RFC 3597 s5
  for (const std::string line :
       {"a NS \\# 3 010203\n", "a NS \\# 0\n", "a CNAME \\# 1 05\n", "a PTR \\# 2 c00c\n",
        "a DNAME \\# 2 0161\n", "a MX \\# 2 0001\n", "a A \\# 3 010203\n",
        "a AAAA \\# 4 01020304\n", "@ SOA \\# 4 00000000\n"}) {
    const Read result = read(line);
    EXPECT_EQ(result.mistakes.size(), 1U) << line;
    EXPECT_TRUE(result.records.empty()) << line;
  }
  const Read good = read(
      "a NS \\# 3 016100\na A \\# 4 01020304\na MX \\# 4 00010161\n"
      "a MX \\# 5 0001016100\n");
  EXPECT_EQ(good.mistakes.size(), 1U) << "the third: a name without its end";
  EXPECT_EQ(good.records.size(), 3U);
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
  EXPECT_EQ(read("$GENERATE 1-2 a A 10.0.0.$\n").mistakes.size(), 1U);
  EXPECT_EQ(read("$INCLUDE other.zone\n").mistakes.size(), 1U);
  EXPECT_EQ(read("a CH TXT \"x\"\n").mistakes.size(), 1U);
}

TEST(ZoneFile, ARelativeOriginIsBelowTheOneBefore) {  // RFC 1035 s5.1
  const Read result = read(
      "$ORIGIN sub\na 1 A 192.0.2.1\n$ORIGIN deep\nb 1 A 192.0.2.2\n$ORIGIN other.test.\n"
      "c 1 A 192.0.2.3\n$ORIGIN @\nd 1 A 192.0.2.4\n$ORIGIN dot\\.\ne 1 A 192.0.2.5\n");

  ASSERT_TRUE(result.mistakes.empty()) << result.mistakes[0].message;
  ASSERT_EQ(result.records.size(), 5U);
  EXPECT_EQ(to_text(result.records[0].owner), "a.sub.example.test.");
  EXPECT_EQ(to_text(result.records[1].owner), "b.deep.sub.example.test.");
  EXPECT_EQ(to_text(result.records[2].owner), "c.other.test.");
  EXPECT_EQ(to_text(result.records[3].owner), "d.other.test.");
  EXPECT_EQ(to_text(result.records[4].owner), "e.dot\\..other.test.");
}

/// The TTLs of all records, in their order.
std::vector<std::uint32_t> ttls_of(std::string_view text) {
  const Read result = read(text);
  EXPECT_TRUE(result.mistakes.empty()) << result.mistakes[0].message;
  std::vector<std::uint32_t> ttls;
  for (const Record& record : result.records) ttls.push_back(record.ttl);
  return ttls;
}

TEST(ZoneFile, ATtlThatIsLeftOutIsTheLastThatWasStated) {  // RFC 1035 s5.1
  const std::string text =
      "a IN A 192.0.2.1\nb 60 IN A 192.0.2.2\nc IN A 192.0.2.3\nd A 192.0.2.4\n"
      " 5m A 192.0.2.5\n IN A 192.0.2.6\ne 0 A 192.0.2.7\n99 IN A 192.0.2.8\n";
  EXPECT_EQ(ttls_of(text), (std::vector<std::uint32_t>{3600, 60, 60, 60, 300, 300, 0, 0}));
}

TEST(ZoneFile, OnceThereIsADefaultNoStatedTtlReplacesIt) {  // RFC 2308 s4
  const std::string text =
      "a 60 A 192.0.2.1\n$TTL 120\nb A 192.0.2.2\nc 30 A 192.0.2.3\nd A 192.0.2.4\n"
      "$TTL 0\ne A 192.0.2.5\nf 9 A 192.0.2.6\ng A 192.0.2.7\n$TTL 7\nh A 192.0.2.8\n";
  EXPECT_EQ(ttls_of(text), (std::vector<std::uint32_t>{60, 120, 30, 120, 0, 9, 0, 7}));
}

TEST(ZoneFile, ATtlThatIsRefusedIsNotTheLastThatWasStated) {
  const Read result = read("a 60 A 192.0.2.1\nb 4294967295 A 192.0.2.2\nc A 192.0.2.3\n");
  EXPECT_EQ(result.mistakes.size(), 1U);
  ASSERT_EQ(result.records.size(), 2U);
  EXPECT_EQ(result.records[1].ttl, 60U);
}

TEST(ZoneFile, ADirectiveThatSaysNothingIsAMistake) {
  for (const std::string text :
       {"$TTL\n", "$TTL soon\n", "$TTL 1h later.\n$TTL 5x\n", "$ORIGIN a..b\n", "$ORIGIN\n"}) {
    const Read result = read(text);
    EXPECT_EQ(result.mistakes.size(), 1U) << text;
  }
}

TEST(ZoneFile, CertificateTypeZeroIsReserved) {  // ldns refuses it and leaks
  for (const std::string line : {"v CERT 0 1 1 AAAA\n", "v 5 IN cert 00 1 1 AAAA\n",
                                 "  TYPE37 65536 1 1 AAAA\n", "v CLASS1 7 CERT 0\n"}) {
    const Read result = read(line);
    ASSERT_EQ(result.mistakes.size(), 1U) << line;
    EXPECT_TRUE(result.mistakes[0].message.starts_with("z:1: certificate type 0")) << line;
  }
  const Read good = read("cert 0 A 192.0.2.1\ncert 1 IN CERT PKIX 0 0 AAAA\n");
  EXPECT_TRUE(good.mistakes.empty());
  EXPECT_EQ(good.records.size(), 2U);
}

TEST(ZoneFile, ABracketWithoutItsOtherOneIsAMistake) {
  const std::string soa = "@ 60 SOA ns1 mail 1 2 3 4 5\n";
  for (const std::string tail :
       {"a 1 TXT ( \"x\"", "a 1 TXT ( \"x\"\nb 1 A 192.0.2.1\n", "a 1 TXT (( \"x\" )\n",
        "a 1 TXT ( \"x )\"\n", "a 1 TXT ( \"x\" ; )\n", "a 1 TXT ( \"x\" \\)\n"}) {
    const Read result = read(soa + tail);
    ASSERT_EQ(result.mistakes.size(), 1U) << tail;
    EXPECT_TRUE(result.mistakes[0].message.starts_with("z:2: this '(' is never")) << tail;
    EXPECT_TRUE(result.records.empty()) << tail;
  }
  for (const std::string tail : {"a 1 TXT \"x\" )", "a 1 TXT \"x\" )\nb 1 A 192.0.2.1\n", ")\n",
                                 "a 1 TXT \"x\" ) (\n", "a 1 TXT ( \"x\" ))\n"}) {
    const Read result = read(soa + tail);
    ASSERT_EQ(result.mistakes.size(), 1U) << tail;
    EXPECT_TRUE(result.mistakes[0].message.starts_with("z:2: there is no '('")) << tail;
    EXPECT_TRUE(result.records.empty()) << tail;
  }
}

TEST(ZoneFile, BracketsInStringsCommentsAndEscapesAreNone) {
  const Read result = read(
      "a 1 TXT \"((\" ; ))\nb 1 TXT \\( \\)\nc 1 TXT ( \"a)\" ; (\n \"b(\" )\r\n"
      "d 1 TXT \"x\\\")\"\ne 1 A ((192.0.2.1))\n");

  EXPECT_TRUE(result.mistakes.empty()) << result.mistakes[0].message;
  ASSERT_EQ(result.records.size(), 5U);
  EXPECT_EQ(as_text(result.records[2].rdata), std::string_view("\x02"
                                                               "a)"
                                                               "\x02"
                                                               "b("));
}

TEST(ZoneFile, ATtlOfZeroIsATtl) {  // RFC 1035 s3.2.1; ldns alone makes an hour of $TTL 0
  const Read result = read(
      "$TTL 0\na A 192.0.2.1\nb 5 A 192.0.2.1\nc 0 A 192.0.2.1\n$TTL 7\nd A 192.0.2.1\n"
      "e 0 A 192.0.2.1\n");

  ASSERT_TRUE(result.mistakes.empty()) << result.mistakes[0].message;
  std::vector<std::uint32_t> ttls;
  for (const Record& record : result.records) ttls.push_back(record.ttl);
  EXPECT_EQ(ttls, (std::vector<std::uint32_t>{0, 5, 0, 7, 0}));
  EXPECT_EQ(read("a A 192.0.2.1\n").records.at(0).ttl, 3600U);
}

TEST(ZoneFile, ATtlIsAtMostOf31Bits) {  // RFC 2181 s8
  EXPECT_EQ(read("$TTL 2147483647\na A 192.0.2.1\n").records.at(0).ttl, 2147483647U);
  EXPECT_EQ(read("$TTL 2147483648\n").mistakes.size(), 1U);
  EXPECT_EQ(read("a 4294967295 A 192.0.2.1\n").mistakes.size(), 1U);
}

TEST(ZoneFile, ALineThatIsTooLongIsAMistake) {
  const Read result = read("a 1 TXT " + std::string(20'000, 'x') + "\n");
  ASSERT_FALSE(result.mistakes.empty());
  EXPECT_NE(result.mistakes[0].message.find("longer than"), std::string::npos);
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
