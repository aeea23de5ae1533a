// SPDX-License-Identifier: Apache-2.0
#include "dns/query.h"

#include <gtest/gtest.h>

#include "tests/dns/support.h"

namespace hither::dns {
namespace {

using testing::ask;
using testing::subnet_data;

Rcode problem_of(const Bytes& packet) {
  const auto query = testing::decoded(packet);
  EXPECT_TRUE(query) << "silence";
  return query ? query->problem : Rcode::noerror;
}

TEST(Query, ReadsItsFields) {
  const auto query = testing::decoded(ask("WWW.example.test", Type::mx).packet());

  ASSERT_TRUE(query);
  EXPECT_EQ(query->problem, Rcode::noerror);
  EXPECT_EQ(query->id, 0x1234);
  EXPECT_TRUE(query->recursion_desired);
  EXPECT_TRUE(query->has_question);
  EXPECT_EQ(to_text(query->name), "WWW.example.test.");
  EXPECT_EQ(query->type, Type::mx);
  EXPECT_FALSE(query->edns);
}

TEST(Query, ReadsEdns) {
  const auto query = testing::decoded(ask("a.test").with_edns(4096).subnet("10.1.0.0/16").packet());

  ASSERT_TRUE(query && query->edns);
  EXPECT_EQ(query->edns->payload_size, 4096);
  ASSERT_TRUE(query->edns->subnet);
  EXPECT_EQ(to_text(query->edns->subnet->first()), "10.1.0.0");
}

TEST(Query, UnknownOptionsArePassedOver) {
  const auto query = testing::decoded(
      ask("a.test").option(65001, {std::byte{1}}).subnet("10.0.0.0/8").option(3, {}).packet());

  ASSERT_TRUE(query && query->edns);
  EXPECT_EQ(query->problem, Rcode::noerror);
  EXPECT_TRUE(query->edns->subnet);
}

TEST(Query, LessThanAHeaderGetsSilence) {
  const Bytes packet = ask("a.test").packet();
  for (std::size_t size = 0; size < header_size; ++size) {
    EXPECT_FALSE(testing::decoded(ByteView(packet).first(size))) << size;
  }
}

TEST(Query, ResponsesGetSilence) {
  testing::Ask response = ask("a.test");
  response.flags = 0x8000;
  EXPECT_FALSE(testing::decoded(response.packet()));
}

TEST(Query, OtherOpcodesAreNotImplemented) {
  for (unsigned opcode = 1; opcode < 16; ++opcode) {
    testing::Ask other = ask("a.test");
    other.flags = static_cast<std::uint16_t>(opcode << 11U);
    EXPECT_EQ(problem_of(other.packet()), Rcode::notimp) << opcode;
    EXPECT_EQ(testing::decoded(other.packet())->opcode, opcode);
  }
}

/// A message of UPDATE (RFC 2136) with one of everything: a zone, a prerequisite, an update, and in
/// the additional section what is given.
Bytes update(unsigned additional, std::string_view records) {
  testing::Ask ask_update = ask("example.test", Type::soa);
  ask_update.flags = 5U << 11U;
  Bytes packet = ask_update.packet();
  packet[7] = packet[9] = std::byte{1};
  packet[11] = static_cast<std::byte>(additional);
  // The zone is in use; www gets an address.
  append(packet, as_bytes(std::string_view("\xc0\x0c\0\xff\0\xff\0\0\0\0\0\0", 12)));
  append(packet, as_bytes(std::string_view("\3www\xc0\x0c\0\1\0\1\0\0\0\5\0\4abcd", 20)));
  append(packet, as_bytes(records));
  return packet;
}
constexpr std::string_view opt_record("\0\0\51\4\xd0\0\0\0\0\0\0", 11);
constexpr std::string_view later_opt_record("\0\0\51\4\xd0\0\1\0\0\0\0", 11);
constexpr std::string_view signature("\1k\0\0\xfa\0\xff\0\0\0\0\0\2ab", 15);  // TSIG, about

std::string joined(std::string_view one, std::string_view other) {
  return std::string(one) + std::string(other);
}

TEST(Query, OfOtherOpcodesTheOptRecordIsReadWhereverItStands) {  // RFC 6891 s6.1.1
  const std::string before = joined(opt_record, signature);
  const std::string behind = joined(signature, opt_record);
  for (const Bytes& packet : {update(1, opt_record), update(2, before), update(2, behind)}) {
    const auto query = testing::decoded(packet);
    ASSERT_TRUE(query);
    EXPECT_EQ(query->problem, Rcode::notimp);
    EXPECT_FALSE(query->has_question);
    ASSERT_TRUE(query->edns);
    EXPECT_EQ(query->edns->payload_size, 1232);
  }
  testing::Ask notify = ask("example.test", Type::soa).subnet("10.1.0.0/16").option(3, {});
  notify.flags = 4U << 11U;
  const auto query = testing::decoded(notify.packet());
  ASSERT_TRUE(query && query->edns);
  EXPECT_TRUE(query->edns->subnet && query->edns->wants_nsid);
}

TEST(Query, OfOtherOpcodesThatCannotBeReadNoOptRecordIsLeft) {
  const Bytes whole = update(1, opt_record);
  for (std::size_t size = header_size; size < whole.size(); ++size) {
    const auto query = testing::decoded(ByteView(whole).first(size));
    ASSERT_TRUE(query) << size;
    EXPECT_EQ(query->problem, Rcode::notimp) << size;
    EXPECT_FALSE(query->edns) << size;
  }
  Bytes many = whole;  // 65,535 of each
  for (std::size_t at = 4; at < header_size; ++at) many[at] = std::byte{0xff};
  for (const Bytes& packet : {update(0, ""), update(2, joined(opt_record, opt_record)), many,
                              update(1, std::string_view("\1a\0\0\51\4\0\0\0\0\0\0\0", 13))}) {
    EXPECT_EQ(problem_of(packet), Rcode::notimp);
    EXPECT_FALSE(testing::decoded(packet)->edns);
  }
}

TEST(Query, OfOtherOpcodesTheOptRecordIsJudgedToo) {
  EXPECT_EQ(problem_of(update(1, later_opt_record)), Rcode::badvers);  // RFC 6891 s6.1.3
  EXPECT_TRUE(testing::decoded(update(1, later_opt_record))->edns);

  testing::Ask bad = ask("a.test").option(3, {}).option(8, subnet_data(1, 33, 0, {}));
  bad.flags = 4U << 11U;
  const auto query = testing::decoded(bad.packet());
  ASSERT_TRUE(query && query->edns);
  EXPECT_EQ(query->problem, Rcode::notimp);
  EXPECT_FALSE(query->edns->subnet || query->edns->wants_nsid);
}

TEST(Query, ExactlyOneQuestionIsAsked) {  // RFC 9619
  for (const std::uint16_t count : std::initializer_list<std::uint16_t>{0, 2, 65535}) {
    testing::Ask wrong = ask("a.test");
    wrong.questions = count;
    EXPECT_EQ(problem_of(wrong.packet()), Rcode::formerr) << count;
  }
}

TEST(Query, EveryCutIsAFormatError) {
  const Bytes packet = ask("www.example.test").with_edns().subnet("10.1.0.0/16").packet();
  for (std::size_t size = header_size; size < packet.size(); ++size) {
    const auto query = testing::decoded(ByteView(packet).first(size));
    ASSERT_TRUE(query) << size;
    EXPECT_EQ(query->problem, Rcode::formerr) << size;
  }
}

TEST(Query, BytesBehindTheEndAreAFormatError) {
  Bytes packet = ask("a.test").packet();
  packet.push_back(std::byte{0});
  EXPECT_EQ(problem_of(packet), Rcode::formerr);
}

TEST(Query, RecordsBeforeTheAdditionalSectionAreAFormatError) {
  for (const std::size_t at : {7U, 9U}) {
    Bytes packet = ask("a.test").packet();
    packet[at] = std::byte{1};
    append(packet, as_bytes(std::string_view("\0\0\1\0\1\0\0\0\0\0\0", 11)));
    EXPECT_EQ(problem_of(packet), Rcode::formerr) << at;
  }
}

constexpr std::string_view address_record("\xc0\x0c\0\1\0\1\0\0\0\0\0\4abcd", 16);
constexpr std::string_view opt_with_cookie("\0\0\51\4\xd0\0\0\0\0\0\14\0\12\0\10abcdefgh", 23);

/// What is malformed before its additional section, which is the OPT record with a cookie.
std::vector<Bytes> malformed_before_an_opt() {
  Bytes two = ask("a.test").packet();
  two[5] = std::byte{2};
  append(two, as_bytes(std::string_view("\1b\4test\0\0\1\0\1", 12)));
  Bytes answer = ask("a.test").packet();
  answer[7] = std::byte{1};
  append(answer, as_bytes(address_record));
  Bytes authority = ask("a.test").packet();
  authority[9] = std::byte{1};
  append(authority, as_bytes(address_record));
  Bytes no_soa = ask("a.test", Type::ixfr).packet();
  Bytes other_than_soa = no_soa;
  other_than_soa[9] = std::byte{1};
  append(other_than_soa, as_bytes(address_record));
  Bytes pointer(header_size);
  pointer[5] = std::byte{1};
  append(pointer, as_bytes(std::string_view("\xc0\x0c\0\1\0\1", 6)));
  std::vector<Bytes> all = {two, answer, authority, no_soa, other_than_soa, pointer};
  for (Bytes& packet : all) {
    packet[11] = std::byte{1};
    append(packet, as_bytes(opt_with_cookie));
  }
  return all;
}

TEST(Query, WhatIsMalformedBeforeTheOptRecordDoesNotHideIt) {  // RFC 6891 s7
  for (const Bytes& packet : malformed_before_an_opt()) {
    const auto query = testing::decoded(packet);
    ASSERT_TRUE(query);
    EXPECT_EQ(query->problem, Rcode::formerr);
    ASSERT_TRUE(query->edns);
    EXPECT_EQ(query->edns->payload_size, 1232);
    EXPECT_FALSE(query->edns->cookie) << "no option is left";
    for (std::size_t size = header_size; size < packet.size(); ++size) {
      const auto cut = testing::decoded(ByteView(packet).first(size));
      ASSERT_TRUE(cut) << size;
      EXPECT_EQ(cut->problem, Rcode::formerr) << size;
    }
  }
}

TEST(Query, APointerInTheQuestionIsAFormatError) {
  Bytes packet = ask("a.test").packet();
  packet[header_size] = std::byte{0xc0};
  EXPECT_EQ(problem_of(packet), Rcode::formerr);
}

TEST(Query, TwoOptRecordsAreAFormatError) {  // RFC 6891 s6.1.1
  Bytes packet = ask("a.test").with_edns().packet();
  packet[11] = std::byte{2};
  append(packet, as_bytes(std::string_view("\0\0\51\4\0\0\0\0\0\0\0", 11)));
  EXPECT_EQ(problem_of(packet), Rcode::formerr);
}

TEST(Query, AnOptRecordBelongsToTheRoot) {
  Bytes packet = ask("a.test").packet();
  packet[11] = std::byte{1};
  append(packet, as_bytes(std::string_view("\1a\0\0\51\4\0\0\0\0\0\0\0", 13)));
  EXPECT_EQ(problem_of(packet), Rcode::formerr);
}

TEST(Query, OtherAdditionalRecordsArePassedOver) {
  Bytes packet = ask("a.test").packet();
  packet[11] = std::byte{1};
  append(packet, as_bytes(std::string_view("\xc0\x0c\0\1\0\1\0\0\0\0\0\4abcd", 16)));
  EXPECT_EQ(problem_of(packet), Rcode::noerror);
}

TEST(Query, LaterEdnsVersionsAreBadVersionWhateverTheirOptions) {
  testing::Ask later = ask("a.test").option(8, {std::byte{9}});
  later.version = 1;
  EXPECT_EQ(problem_of(later.packet()), Rcode::badvers);
  EXPECT_TRUE(testing::decoded(later.packet())->edns);
}

TEST(Query, OptionsMustFillTheOptRecord) {
  testing::Ask wrong = ask("a.test").with_edns();
  wrong.options = {std::byte{0}, std::byte{8}, std::byte{0}, std::byte{9}, std::byte{1}};
  EXPECT_EQ(problem_of(wrong.packet()), Rcode::formerr);
  wrong.options = {std::byte{0}, std::byte{8}, std::byte{0}};
  EXPECT_EQ(problem_of(wrong.packet()), Rcode::formerr);
}

TEST(Query, ABadOrSecondClientSubnetIsAFormatErrorAndNotEchoed) {
  const Bytes bad = ask("a.test").option(8, subnet_data(1, 33, 0, {})).packet();
  EXPECT_EQ(problem_of(bad), Rcode::formerr);
  EXPECT_FALSE(testing::decoded(bad)->edns->subnet);

  const Bytes twice = ask("a.test").subnet("10.0.0.0/8").subnet("10.0.0.0/8").packet();
  EXPECT_EQ(problem_of(twice), Rcode::formerr);
  EXPECT_FALSE(testing::decoded(twice)->edns->subnet);
}

}  // namespace
}  // namespace hither::dns
