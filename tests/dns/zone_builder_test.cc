// SPDX-License-Identifier: Apache-2.0
//
// What a zone may not be: Zone::build() in dns/zone_builder.cc.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "dns/zone.h"
#include "dns/zone_file.h"

namespace hither::dns {
namespace {

constexpr const char* top = "@ 300 IN SOA ns1 mail 1 2 3 4 5\n@ 300 IN NS ns1\n";

/// The mistakes of a zone with this text behind a good top.
std::vector<std::string> mistakes_of(const std::string& text,
                                     const std::vector<std::string>& steered = {}) {
  std::vector<Error> mistakes;
  const Name origin = *Name::parse("example.test");
  const auto records = read_zone_text(text, "z", origin, mistakes);
  std::vector<SteeredAt> names;
  names.reserve(steered.size());
  for (const std::string& name : steered) {
    names.push_back({.name = *Name::parse(name), .index = 0, .where = "w:9:1"});
  }
  const auto zone = Zone::build(origin, "z", records, names, mistakes);
  EXPECT_EQ(zone.has_value(), mistakes.empty());
  std::vector<std::string> texts;
  texts.reserve(mistakes.size());
  for (const Error& mistake : mistakes) texts.push_back(mistake.message);
  return texts;
}

struct BadZone {
  const char* name;
  std::string text;
  std::string message;
};

class RefusedZone : public ::testing::TestWithParam<BadZone> {};

TEST_P(RefusedZone, SaysWhereAndWhy) {
  const auto mistakes = mistakes_of(GetParam().text);
  ASSERT_EQ(mistakes.size(), 1U);
  EXPECT_EQ(mistakes[0], GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    Zone, RefusedZone,
    ::testing::Values(
        BadZone{"OutOfZone", std::string(top) + "www.other.test. 60 IN A 192.0.2.1\n",
                "z:3: www.other.test is outside of zone example.test; move it to its own zone"},
        BadZone{"CnameBesideData", std::string(top) + "a 60 IN A 192.0.2.1\na 60 IN CNAME b\n",
                "z:3: a.example.test has a CNAME and other data; a CNAME stands alone (RFC 1034 "
                "s3.6.2)"},
        BadZone{"TwoCnames", std::string(top) + "a 60 IN CNAME b\na 60 IN CNAME c\n",
                "z:3: a.example.test has a CNAME and other data; a CNAME stands alone (RFC 1034 "
                "s3.6.2)"},
        BadZone{"TtlClash", std::string(top) + "a 60 IN A 192.0.2.1\na 61 IN A 192.0.2.2\n",
                "z:4: TTL 61 differs from the 60 of the same A set on line 3; give them one TTL"},
        BadZone{"NoSoa", "@ 300 IN NS ns1\n",
                "z: zone example.test has no SOA record; add one at its top"},
        BadZone{"TwoSoas", std::string(top) + "@ 300 IN SOA ns2 mail 1 2 3 4 5\n",
                "z: zone example.test has 2 SOA records; keep one"},
        BadZone{"NoNs", "@ 300 IN SOA ns1 mail 1 2 3 4 5\n",
                "z: zone example.test has no NS record; add at least one at its top"},
        BadZone{"SoaBelow", std::string(top) + "sub 300 IN SOA ns1 mail 1 2 3 4 5\n",
                "z:3: SOA at sub.example.test, which is not the top of the zone; make it a zone of "
                "its own"},
        BadZone{"WildcardDelegated", std::string(top) + "*.a 300 IN NS ns1\n",
                "z:3: a wildcard cannot be delegated; name the delegations one by one"},
        BadZone{"WildcardRenamed", std::string(top) + "*.a 300 IN DNAME b\n",
                "z:3: a wildcard cannot have a DNAME; name them one by one"},
        BadZone{"TwoDnames", std::string(top) + "a 300 IN DNAME b\na 300 IN DNAME c\n",
                "z:3: a.example.test has 2 DNAMEs; keep one (RFC 6672 s2.4)"},
        BadZone{"BelowADname", std::string(top) + "a 300 IN DNAME b\nx.y.a 300 IN TXT t\n",
                "z:4: x.y.a.example.test is below the DNAME of a.example.test on line 3, which "
                "hides it (RFC 6672 s2.4); take one of the two out"},
        BadZone{"DnameAtADelegation", std::string(top) + "a 300 IN NS ns1\na 300 IN DNAME c\n",
                "z:3: a.example.test has NS and DNAME; a delegation hides the DNAME, take one of "
                "the two out (RFC 6672 s2.3)"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(ZoneBuilder, ReportsAllMistakesInOneGo) {
  EXPECT_EQ(mistakes_of("a.other. 60 IN A 192.0.2.1\nb.other. 60 IN A 192.0.2.1\n").size(), 4U)
      << "two names outside, no SOA, no NS";
}

TEST(ZoneBuilder, ASteeredNameBesideDataIsRefused) {
  const auto mistakes = mistakes_of(std::string(top) + "www 60 IN TXT x\n", {"www.example.test"});
  ASSERT_EQ(mistakes.size(), 1U);
  EXPECT_EQ(mistakes[0],
            "w:9:1: www.example.test is steered, and z:3 has TXT data for it; take one of the two "
            "out");
}

TEST(ZoneBuilder, TheTopMayBeSteeredUnlessItHasAnAddress) {
  EXPECT_TRUE(mistakes_of(std::string(top) + "@ 60 IN MX 5 a\n", {"example.test"}).empty());
  EXPECT_EQ(mistakes_of(std::string(top) + "@ 60 IN A 192.0.2.1\n", {"example.test"}).size(), 1U);
}

TEST(ZoneBuilder, ASteeredNameBelowADelegationIsRefused) {
  EXPECT_EQ(mistakes_of(std::string(top) + "sub 60 IN NS ns.sub\nns.sub 60 IN A 192.0.2.1\n",
                        {"www.sub.example.test"})
                .size(),
            1U);
}

TEST(ZoneBuilder, ASteeredNameBelowADnameIsRefused) {
  const auto mistakes = mistakes_of(std::string(top) + "a 60 IN DNAME b\n", {"www.a.example.test"});
  ASSERT_EQ(mistakes.size(), 1U);
  EXPECT_EQ(mistakes[0],
            "w:9:1: www.a.example.test is below the DNAME of a.example.test in z; take one of the "
            "two out");
}

TEST(ZoneBuilder, ASetThatFitsNoMessageIsRefused) {
  std::string text = top;
  const std::string long_text(250, 'x');
  for (int i = 0; i < 260; ++i) text += "big 60 IN TXT " + long_text + std::to_string(i) + "\n";
  const auto mistakes = mistakes_of(text);
  ASSERT_EQ(mistakes.size(), 1U);
  EXPECT_EQ(mistakes[0].substr(0, 40), "z:3: the TXT set of big.example.test tak");
}

TEST(ZoneBuilder, EqualRecordsAreKeptOnce) {  // RFC 2181 s5
  std::vector<Error> mistakes;
  const Name origin = *Name::parse("example.test");
  const auto records = read_zone_text(
      std::string(top) + "a 60 IN A 192.0.2.1\nA 60 IN A 192.0.2.1\n", "z", origin, mistakes);
  const auto zone = Zone::build(origin, "z", records, {}, mistakes);
  ASSERT_TRUE(zone);
  EXPECT_EQ(zone->find_exact(Name::parse("a.example.test")->wire(), Type::a)->count, 1);
}

// RFC 9471: a part of the glue, without a sign that it is one, would pass for all of it.
TEST(ZoneBuilder, ADelegationHasNoMoreGlueThanAReferralCarries) {
  const auto delegation = [](int servers) {
    std::string zone = top;
    for (int i = 0; i < servers; ++i) zone += "far 300 IN NS ns" + std::to_string(i) + ".far\n";
    for (int i = 0; i < servers; ++i) {
      zone += "ns" + std::to_string(i) + ".far 300 IN A 192.0.2.1\n";
      zone += "ns" + std::to_string(i) + ".far 300 IN AAAA 2001:db8::1\n";
    }
    return zone;
  };
  EXPECT_EQ(mistakes_of(delegation(16)), std::vector<std::string>{});
  EXPECT_EQ(mistakes_of(delegation(17)),
            std::vector<std::string>{
                "z:3: the servers of far.example.test have 34 sets of addresses here, and a "
                "referral carries 32; name fewer servers"});
}

}  // namespace
}  // namespace hither::dns
