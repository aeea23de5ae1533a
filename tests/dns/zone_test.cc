// SPDX-License-Identifier: Apache-2.0
#include "dns/zone.h"

#include <gtest/gtest.h>

#include "dns/zone_file.h"
#include "tests/dns/support.h"

namespace hither::dns {
namespace {

const Zone& zone() {
  static const Zone built = [] {
    std::vector<Error> mistakes;
    const Name origin = *Name::parse("example.test");
    const auto records = read_zone_text(testing::example_zone(), "z", origin, mistakes);
    const std::vector<SteeredAt> steered = {
        {.name = *Name::parse("www.example.test"), .index = 5, .where = "w"},
        {.name = *Name::parse("x.y.steered.example.test"), .index = 6, .where = "w"}};
    auto result = Zone::build(origin, "z", records, steered, mistakes);
    for (const Error& mistake : mistakes) ADD_FAILURE() << mistake.message;
    return std::move(*result);
  }();
  return built;
}

struct Row {
  const char* title;
  const char* name;
  Type type;
  Zone::Kind kind;
};

class ZoneSemantics : public ::testing::TestWithParam<Row> {};

TEST_P(ZoneSemantics, MatchesByTheRfc) {
  const Name name = *Name::parse(GetParam().name);
  EXPECT_EQ(zone().find(Key(name.wire()), GetParam().type).kind, GetParam().kind);
}

using Kind = Zone::Kind;
INSTANTIATE_TEST_SUITE_P(
    Rfc1034, ZoneSemantics,
    ::testing::Values(
        Row{"Exact", "mail.example.test", Type::a, Kind::found},
        Row{"Top", "example.test", Type::soa, Kind::found},
        Row{"TopNsIsNoDelegation", "example.test", Type::ns, Kind::found},
        Row{"OtherType", "mail.example.test", Type::mx, Kind::no_data},
        Row{"NoName", "nothing.example.test", Type::a, Kind::no_name},
        Row{"NoNameBelowAnotherName", "below.mail.example.test", Type::a, Kind::no_name},
        Row{"EmptyNonTerminal", "b.c.example.test", Type::a, Kind::no_data},
        Row{"EmptyNonTerminalAny", "b.c.example.test", Type::any, Kind::no_data},
        Row{"EmptyNonTerminalAboveASteeredName", "y.steered.example.test", Type::a, Kind::no_data},
        Row{"BesideAnEmptyNonTerminal", "x.b.c.example.test", Type::a, Kind::no_name},
        Row{"Alias", "alias.example.test", Type::a, Kind::alias},
        Row{"AliasItself", "alias.example.test", Type::cname, Kind::found},
        Row{"Any", "mail.example.test", Type::any, Kind::any},
        // RFC 8482 s4.2: only where there is no CNAME.
        Row{"AnyAtAnAlias", "alias.example.test", Type::any, Kind::found},
        Row{"AnyAtAWildcardAlias", "x.wildalias.example.test", Type::any, Kind::found},
        Row{"AnySteered", "www.example.test", Type::any, Kind::any},
        Row{"UnknownType", "weird.example.test", static_cast<Type>(65280), Kind::found},
        Row{"Wildcard", "x.wild.example.test", Type::a, Kind::found},
        Row{"WildcardSeveralLabels", "x.y.z.wild.example.test", Type::mx, Kind::found},
        Row{"WildcardOtherType", "x.wild.example.test", Type::txt, Kind::no_data},
        Row{"WildcardIsNotItsParent", "wild.example.test", Type::a, Kind::no_data},
        Row{"WildcardAskedLiterally", "*.wild.example.test", Type::a, Kind::found},
        // RFC 4592 s3.3.1: what exists, even empty, is the closest encloser and hides the wildcard.
        Row{"WildcardHiddenByAName", "deep.a.wild.example.test", Type::mx, Kind::no_data},
        Row{"WildcardHiddenByAnEncloser", "other.a.wild.example.test", Type::a, Kind::no_name},
        Row{"Delegation", "child.example.test", Type::a, Kind::referral},
        Row{"DelegationNs", "child.example.test", Type::ns, Kind::referral},
        Row{"BelowADelegation", "a.b.child.example.test", Type::a, Kind::referral},
        Row{"GlueIsNotAnswered", "ns.child.example.test", Type::a, Kind::referral},
        Row{"DsBelongsToTheParent", "child.example.test", Type::ds, Kind::no_data},
        Row{"DsBelowADelegation", "a.child.example.test", Type::ds, Kind::referral},
        // RFC 6672 s3.2: the DNAME covers what is below it, not its own name.
        Row{"DnameItself", "moved.example.test", Type::dname, Kind::found},
        Row{"DnameOwnName", "moved.example.test", Type::a, Kind::no_data},
        Row{"BelowADname", "a.moved.example.test", Type::a, Kind::renamed},
        Row{"FarBelowADname", "a.b.c.moved.example.test", Type::dname, Kind::renamed},
        Row{"Steered", "www.example.test", Type::a, Kind::steered},
        Row{"SteeredIpv6", "www.example.test", Type::aaaa, Kind::steered},
        Row{"SteeredOtherType", "www.example.test", Type::mx, Kind::no_data},
        Row{"SteeredAny", "www.example.test", Type::any, Kind::any},
        Row{"BelowASteeredName", "a.www.example.test", Type::a, Kind::no_name}),
    [](const auto& test) { return std::string(test.param.title); });

TEST(Zone, SaysWhichSteeredName) {
  EXPECT_EQ(zone().find(Key(Name::parse("www.example.test")->wire()), Type::a).steered, 5U);
}

TEST(Zone, ReferralsSayWhereTheDelegationBegins) {
  const Name name = *Name::parse("a.b.child.example.test");
  const Zone::Match match = zone().find(Key(name.wire()), Type::a);
  EXPECT_EQ(Name::from_wire(name.wire().subspan(match.owner_start)),
            *Name::parse("child.example.test"));
  EXPECT_EQ(match.set->count, 2);
}

TEST(Zone, NegativeAnswersLiveNoLongerThanTheSoaSays) {  // RFC 2308 s5: min(300, 60)
  EXPECT_EQ(zone().negative_soa().ttl, 60U);
}

TEST(Zone, GlueIsFoundByItsExactName) {
  EXPECT_NE(zone().find_exact(Name::parse("ns.child.example.test")->wire(), Type::a), nullptr);
  EXPECT_EQ(zone().find_exact(Name::parse("ns.child.example.test")->wire(), Type::aaaa), nullptr);
  EXPECT_EQ(zone().find_exact(Name::parse("ns2.elsewhere.invalid")->wire(), Type::a), nullptr);
}

}  // namespace
}  // namespace hither::dns
