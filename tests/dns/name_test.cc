// SPDX-License-Identifier: Apache-2.0
#include "dns/name.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace hither::dns {
namespace {

Name name(std::string_view text) {
  const auto parsed = Name::parse(text);
  EXPECT_TRUE(parsed) << text;
  return parsed ? *parsed : Name();
}

std::optional<Name> read(const std::string& wire) {
  Reader in(as_bytes(wire));
  return Name::read(in);
}

TEST(Name, PrintsWhatItParsed) {
  for (const std::string text : {".", "a.", "www.example.test.", "*.example.test.",
                                 "with\\.dot.test.", "\\000\\255.test.", "_sip._tcp.test."}) {
    EXPECT_EQ(to_text(name(text)), text);
  }
  EXPECT_EQ(to_text(name("no.last.dot")), "no.last.dot.");
  EXPECT_EQ(to_short_text(name("www.test.")), "www.test");
}

TEST(Name, RefusesWhatIsNone) {
  for (const std::string& text :
       {std::string(""), std::string(".."), std::string("a..b"), std::string(".a"),
        std::string("a\\"), std::string("a\\25"), std::string("a\\256"), std::string(64, 'x')}) {
    EXPECT_FALSE(Name::parse(text)) << text;
  }
}

TEST(Name, HoldsAtMost255Octets) {
  const std::string label(63, 'x');
  const std::string longest = label + "." + label + "." + label + "." + std::string(61, 'x');
  EXPECT_EQ(name(longest).size(), 255U);
  EXPECT_FALSE(Name::parse(longest + "x"));
  EXPECT_FALSE(Name::parse("a." + longest));
}

TEST(Name, ReadsOnlyUncompressedLabelsToTheRoot) {
  using std::string_literals::operator""s;
  EXPECT_EQ(read("\1a\0"s), name("a"));
  EXPECT_FALSE(read("\1a"s)) << "no root";
  EXPECT_FALSE(read("\3ab"s)) << "cut label";
  EXPECT_FALSE(read("\1a\xc0\x0c"s)) << "pointer";
  EXPECT_FALSE(read("\x41x\0"s)) << "reserved label type";
  EXPECT_FALSE(read(""s));
  std::string too_long;
  for (int i = 0; i < 128; ++i) too_long += "\1a"s;
  EXPECT_FALSE(read(too_long + "\0"s));
  EXPECT_TRUE(read(too_long.substr(2) + "\0"s)) << "127 labels are 255 octets";
}

TEST(Name, ComparesWithoutCaseOfAsciiLetters) {
  EXPECT_EQ(name("WWW.Example.TEST"), name("www.example.test"));
  EXPECT_FALSE(name("www.example.test") == name("ww.example.test"));
  EXPECT_FALSE(name("@") == name("`")) << "0x40 and 0x60 differ by the same bit as letters";
  EXPECT_EQ(to_text(name("WwW.TEST").lower()), "www.test.");
  EXPECT_EQ(to_text(name("WwW.TEST")), "WwW.TEST.") << "keeps its own case";
}

TEST(Name, IsWithinItselfAndWhatIsAboveIt) {
  const Name zone = name("example.test");
  EXPECT_TRUE(is_within(name("example.TEST").wire(), zone.wire()));
  EXPECT_TRUE(is_within(name("a.b.Example.test").wire(), zone.wire()));
  EXPECT_TRUE(is_within(zone.wire(), Name().wire()));
  EXPECT_FALSE(is_within(name("badexample.test").wire(), zone.wire())) << "not at a label";
  EXPECT_FALSE(is_within(name("test").wire(), zone.wire()));
}

TEST(Name, EqualNamesHashAlikeInLowerCase) {
  EXPECT_EQ(hash_name(name("WWW.test").lower().wire()), hash_name(name("www.TEST").lower().wire()));
}

TEST(Name, ChildIsOneLabelBelow) {
  EXPECT_EQ(to_text(*name("example.test").child("ns1")), "ns1.example.test.");
  EXPECT_FALSE(name("test").child(std::string(64, 'x')));
  EXPECT_FALSE(name("test").child(""));
}

TEST(Key, IsTheNameInLowerCaseWithItsLabels) {
  for (unsigned octet = 0; octet < 256; ++octet) {  // every octet at every place of a word
    Bytes wire;
    for (int place = 0; place < 3; ++place) {
      wire.push_back(std::byte{11});
      wire.insert(wire.end(), 11, static_cast<std::byte>(octet));
    }
    wire.push_back(std::byte{0});
    const Key key(wire);
    ASSERT_EQ(key.labels(), 3);
    EXPECT_EQ(key.start(2), 24U);
    EXPECT_EQ(key.suffix(3).size(), 1U);
    const unsigned lower = octet >= 'A' && octet <= 'Z' ? octet + 32 : octet;
    for (const std::byte one : key.suffix(1).subspan(1, 11)) {
      EXPECT_EQ(std::to_integer<unsigned>(one), lower);
    }
  }
}

TEST(Name, JoinsUpToItsLongest) {
  const Name test = *Name::parse("test");
  const Name longest = *Name::parse(std::string(63, 'a') + "." + std::string(63, 'b') + "." +
                                    std::string(63, 'c') + "." + std::string(56, 'd'));
  EXPECT_EQ(longest.size(), 250U);
  EXPECT_EQ(Name::join(longest.wire().first(249), test.wire())->size(), 255U);
  EXPECT_FALSE(Name::join(longest.wire().first(249), Name::parse("test1")->wire()));
}

}  // namespace
}  // namespace hither::dns
