// SPDX-License-Identifier: Apache-2.0
//
// What is answered, section by section, through the whole pipeline and as ldns reads it.
#include "dns/answer.h"

#include <gtest/gtest.h>

#include "tests/dns/support.h"

namespace hither::dns::answer_test {
namespace {

using testing::ask;
using testing::Reply;
using testing::World;

const World& world() {
  static const World made(testing::make_description(), testing::example_zone());
  return made;
}

using Lines = std::vector<std::string>;
const std::string soa =
    "example.test. 60 IN SOA ns1.example.test. hostmaster.example.test. 7 3600 600 604800 60";

constexpr int noerror = 0;
constexpr int formerr = 1;
constexpr int servfail = 2;
constexpr int nxdomain = 3;
constexpr int notimp = 4;
constexpr int refused = 5;

TEST(Answer, ZoneDataIsAuthoritativeAndMinimal) {
  const Reply reply = world().respond(ask("mail.example.test"));
  EXPECT_EQ(reply.rcode, noerror);
  EXPECT_TRUE(reply.authoritative);
  EXPECT_EQ(reply.answer, Lines{"mail.example.test. 300 IN A 192.0.2.25"});
  EXPECT_TRUE(reply.authority.empty());
  EXPECT_TRUE(reply.additional.empty());
}

TEST(Answer, EveryCommonTypeComesBackAsWritten) {
  EXPECT_EQ(world().respond(ask("example.test", Type::mx)).answer,
            Lines{"example.test. 300 IN MX 10 mail.example.test."});
  EXPECT_EQ(world().respond(ask("example.test", Type::txt)).answer,
            Lines{"example.test. 300 IN TXT \"hello\" \"world\""});
  EXPECT_EQ(world().respond(ask("example.test", Type::ns)).answer,
            (Lines{"example.test. 300 IN NS ns1.example.test.",
                   "example.test. 300 IN NS ns2.elsewhere.invalid."}));
  EXPECT_EQ(world().respond(ask("weird.example.test", static_cast<Type>(65280))).answer,
            Lines{"weird.example.test. 300 IN TYPE65280 \\# 3 010203"});
}

TEST(Answer, TypesThatCameLaterAreCarriedWhole) {
  const std::vector<std::pair<std::string, int>> rows = {{"srv", 33},   {"caa", 257}, {"ptr", 12},
                                                         {"naptr", 35}, {"tlsa", 52}, {"sshfp", 44},
                                                         {"svcb", 64},  {"https", 65}};
  for (const auto& [label, number] : rows) {
    const Reply reply = world().respond(ask(label + ".example.test", static_cast<Type>(number)));
    ASSERT_EQ(reply.answer.size(), 1U) << label;
    EXPECT_TRUE(reply.answer[0].starts_with(label + ".example.test. 300 IN ")) << reply.answer[0];
  }
  EXPECT_EQ(world().respond(ask("srv.example.test", static_cast<Type>(33))).answer,
            Lines{"srv.example.test. 300 IN SRV 1 2 443 mail.example.test."});
}

TEST(Answer, ADnameMakesTheCnameThatIsFollowed) {  // RFC 6672 s3.1
  const Lines dname = {"moved.example.test. 300 IN DNAME new.example.test.",
                       "a.moved.example.test. 300 IN CNAME a.new.example.test.",
                       "a.new.example.test. 300 IN A 192.0.2.77"};
  EXPECT_EQ(world().respond(ask("a.moved.example.test")).answer, dname);
  const Reply negative = world().respond(ask("b.moved.example.test"));
  EXPECT_EQ(negative.rcode, nxdomain) << "of the last name in the chain";
  EXPECT_EQ(negative.answer.size(), 2U);
  EXPECT_EQ(negative.authority, Lines{soa});
}

TEST(Answer, AChainThroughADnameGoesOnWithTheAliasItMeets) {
  EXPECT_EQ(world().respond(ask("c.Moved.example.test")).answer,
            (Lines{"Moved.example.test. 300 IN DNAME new.example.test.",
                   "c.Moved.example.test. 300 IN CNAME c.new.example.test.",
                   "c.new.example.test. 300 IN CNAME mail.example.test.",
                   "mail.example.test. 300 IN A 192.0.2.25"}));
}

TEST(Answer, TheCnameOfADnameIsInTheCaseOfTheQuestion) {  // RFC 4343 s4.1
  EXPECT_EQ(world().respond(ask("C.moved.example.test")).answer,
            (Lines{"moved.example.test. 300 IN DNAME new.example.test.",
                   "C.moved.example.test. 300 IN CNAME C.new.example.test.",
                   "C.new.example.test. 300 IN CNAME mail.example.test.",
                   "mail.example.test. 300 IN A 192.0.2.25"}));
}

TEST(Answer, TheCnameOfADnameCanBeAskedFor) {
  EXPECT_EQ(world().respond(ask("a.moved.example.test", Type::cname)).answer.size(), 2U);
}

TEST(Answer, ADnameThatMakesTooLongANameIsYxdomain) {  // RFC 6672 s2.2
  const std::string zone = testing::example_zone() + "m IN DNAME " + std::string(60, 'x') + "\n";
  std::string name;
  for (int i = 0; i < 3; ++i) name += std::string(60, 'y') + ".";
  const Reply reply = World(testing::make_description(), zone)
                          .respond(ask(name + std::string(20, 'z') + ".m.example.test"));
  EXPECT_EQ(reply.rcode, 6);
  ASSERT_EQ(reply.answer.size(), 1U);
  EXPECT_TRUE(reply.answer[0].starts_with("m.example.test. 300 IN DNAME x"));
}

TEST(Answer, ADnameLoopEnds) {
  const std::string zone = testing::example_zone() + "l IN DNAME l.l\n";
  const Reply reply =
      World(testing::make_description(), zone).respond(ask("a.l.example.test").with_edns());
  EXPECT_EQ(reply.rcode, noerror);
  EXPECT_EQ(reply.answer.size(), 2U * 9) << "cname_chain_max followed, and the one before";
}

TEST(Answer, AWildcardsTargetsAreCompressedRight) {
  EXPECT_EQ(world().respond(ask("x.yy.wildmx.example.test", Type::mx)).answer,
            (Lines{"x.yy.wildmx.example.test. 300 IN MX 5 mx.wildmx.example.test.",
                   "x.yy.wildmx.example.test. 300 IN MX 6 mx.mail.example.test."}));
  EXPECT_EQ(world().respond(ask("x.wildalias.example.test")).answer,
            (Lines{"x.wildalias.example.test. 300 IN CNAME mail.example.test.",
                   "mail.example.test. 300 IN A 192.0.2.25"}));
}

TEST(Answer, SiblingGlueComesWithTheDelegation) {  // RFC 9471 s3.2
  const Reply reply = world().respond(ask("x.child2.example.test"));
  EXPECT_EQ(reply.authority, (Lines{"child2.example.test. 300 IN NS ns.child.example.test.",
                                    "child2.example.test. 300 IN NS ns.elsewhere.invalid."}));
  EXPECT_EQ(reply.additional, Lines{"ns.child.example.test. 300 IN A 192.0.2.100"});
}

TEST(Answer, TheAskersCaseIsKept) {
  const Reply reply = world().respond(ask("MaiL.ExamplE.tesT"));
  EXPECT_EQ(reply.question, "MaiL.ExamplE.tesT. IN A");
  EXPECT_EQ(reply.answer, Lines{"MaiL.ExamplE.tesT. 300 IN A 192.0.2.25"});
}

TEST(Answer, NegativeAnswersCarryTheSoa) {  // RFC 2308
  const Reply no_name = world().respond(ask("nothing.example.test"));
  EXPECT_EQ(no_name.rcode, nxdomain);
  EXPECT_TRUE(no_name.authoritative);
  EXPECT_EQ(no_name.authority, Lines{soa});

  const Reply no_data = world().respond(ask("mail.example.test", Type::txt));
  EXPECT_EQ(no_data.rcode, noerror);
  EXPECT_TRUE(no_data.answer.empty());
  EXPECT_EQ(no_data.authority, Lines{soa});
}

TEST(Answer, WildcardsAnswerUnderTheAskedName) {
  EXPECT_EQ(world().respond(ask("some.thing.wild.example.test")).answer,
            Lines{"some.thing.wild.example.test. 300 IN A 192.0.2.99"});
}

TEST(Answer, CnamesAreFollowedInsideTheZone) {
  EXPECT_EQ(world().respond(ask("alias.example.test")).answer,
            (Lines{"alias.example.test. 300 IN CNAME mail.example.test.",
                   "mail.example.test. 300 IN A 192.0.2.25"}));
  EXPECT_EQ(world().respond(ask("out.example.test")).answer,
            Lines{"out.example.test. 300 IN CNAME www.elsewhere.invalid."});
}

TEST(Answer, ACnameToNothingIsNxdomain) {  // RFC 2308 s2.1
  const Reply reply = world().respond(ask("gone.example.test"));
  EXPECT_EQ(reply.rcode, nxdomain);
  EXPECT_EQ(reply.answer.size(), 1U);
  EXPECT_EQ(reply.authority, Lines{soa});
}

TEST(Answer, ACnameLoopEnds) {
  const Reply reply = world().respond(ask("loop1.example.test"));
  EXPECT_EQ(reply.rcode, noerror);
  EXPECT_EQ(reply.answer, (Lines{"loop1.example.test. 300 IN CNAME loop2.example.test.",
                                 "loop2.example.test. 300 IN CNAME loop1.example.test."}))
      << "each once";
  EXPECT_TRUE(reply.authority.empty());
}

TEST(Answer, ACnameToItselfAndOneBehindAWildcardEndToo) {
  const World with_loops(testing::make_description(),
                         testing::example_zone() + "self IN CNAME self\n*.w IN CNAME b.w\n");
  EXPECT_EQ(with_loops.respond(ask("self.example.test")).answer,
            Lines{"self.example.test. 300 IN CNAME self.example.test."});
  EXPECT_EQ(with_loops.respond(ask("a.w.example.test")).answer,
            Lines{"a.w.example.test. 300 IN CNAME b.w.example.test."});
}

TEST(Answer, ALoopThroughDnamesIsGoneRoundOnce) {
  const World with_loops(testing::make_description(),
                         testing::example_zone() +
                             "d1 IN DNAME d2\nd2 IN DNAME d1\nto IN CNAME x.d3\n"
                             "d3 IN DNAME d4\nx.d4 IN CNAME to\n");
  EXPECT_EQ(with_loops.respond(ask("X.d1.example.test").with_edns()).answer,
            (Lines{"d1.example.test. 300 IN DNAME d2.example.test.",
                   "X.d1.example.test. 300 IN CNAME X.d2.example.test.",
                   "d2.example.test. 300 IN DNAME d1.example.test.",
                   "X.d2.example.test. 300 IN CNAME X.d1.example.test."}));
  EXPECT_EQ(with_loops.respond(ask("to.example.test").with_edns()).answer,
            (Lines{"to.example.test. 300 IN CNAME x.d3.example.test.",
                   "d3.example.test. 300 IN DNAME d4.example.test.",
                   "x.d3.example.test. 300 IN CNAME x.d4.example.test.",
                   "x.d4.example.test. 300 IN CNAME to.example.test."}));
}

TEST(Answer, ALongChainIsFollowedAsFarAsThePromise) {
  std::string zone = testing::example_zone();
  for (int i = 0; i < 12; ++i) {
    zone += "c" + std::to_string(i) + " IN CNAME c" + std::to_string(i + 1) + "\n";
  }
  const Reply reply =
      World(testing::make_description(), zone).respond(ask("c0.example.test").with_edns());
  EXPECT_EQ(reply.answer.size(), static_cast<std::size_t>(cname_chain_max) + 1)
      << "cname_chain_max followed, and the first";
}

TEST(Answer, ACnameToASteeredNameStandsAlone) {  // RFC 7871 s7.2.1, trap 14
  const Reply reply = world().respond(ask("towww.example.test").subnet("10.3.0.0/16"));
  EXPECT_EQ(reply.answer, Lines{"towww.example.test. 300 IN CNAME www.example.test."});
  EXPECT_EQ(reply.rcode, noerror);
  EXPECT_TRUE(reply.authority.empty());
  EXPECT_EQ(reply.scope(), 0);
}

TEST(Answer, DelegationsAreReferredToWithGlue) {
  const Reply reply = world().respond(ask("a.b.child.example.test"));
  EXPECT_EQ(reply.rcode, noerror);
  EXPECT_FALSE(reply.authoritative);
  EXPECT_TRUE(reply.answer.empty());
  EXPECT_EQ(reply.authority, (Lines{"child.example.test. 300 IN NS ns.child.example.test.",
                                    "child.example.test. 300 IN NS ns.other.child.example.test."}));
  EXPECT_EQ(reply.additional, (Lines{"ns.child.example.test. 300 IN A 192.0.2.100",
                                     "ns.other.child.example.test. 300 IN AAAA 2001:db8::100"}));
}

TEST(Answer, AnyIsAnsweredWithOneHinfo) {  // RFC 8482 s4.2
  const Lines wanted = {"mail.example.test. 3600 IN HINFO \"RFC8482\" \"\""};
  EXPECT_EQ(world().respond(ask("mail.example.test", Type::any)).answer, wanted);
  EXPECT_EQ(world().respond(ask("www.example.test", Type::any)).answer.size(), 1U);
  EXPECT_EQ(world().respond(ask("nothing.example.test", Type::any)).rcode, nxdomain);
}

TEST(Answer, AnyAtAnAliasIsItsCnameAlone) {  // RFC 8482 s4.2
  for (const char* name : {"alias.example.test", "x.wildalias.example.test"}) {
    const Lines wanted = {std::string(name) + ". 300 IN CNAME mail.example.test."};
    EXPECT_EQ(world().respond(ask(name, Type::any)).answer, wanted);
  }
  EXPECT_EQ(world().respond(ask("towww.example.test", Type::any)).answer,
            Lines{"towww.example.test. 300 IN CNAME www.example.test."});
}

TEST(Answer, NamesOutsideOfAllZonesAreRefused) {
  const Reply reply = world().respond(ask("www.other.test").with_edns());
  EXPECT_EQ(reply.rcode, refused);
  EXPECT_FALSE(reply.authoritative);
  EXPECT_EQ(reply.extended_error(), 20);
}

TEST(Answer, OtherClassesAreRefused) {
  for (const Class other : {Class::ch, Class::any, static_cast<Class>(4)}) {
    testing::Ask query = ask("mail.example.test");
    query.class_of = other;
    const Reply reply = world().respond(query.with_edns());
    EXPECT_EQ(reply.rcode, refused);
    EXPECT_EQ(reply.extended_error(), 20) << "there is no zone of that class";
  }
}

TEST(Answer, TransfersAreProhibited) {  // RFC 8914 s4.19; to all but `transfer_to`
  const Reply reply = world().respond(ask("example.test", Type::axfr).with_edns());
  EXPECT_EQ(reply.rcode, refused);
  EXPECT_EQ(reply.extended_error(), 18);
}

TEST(Answer, TypesThatAreNotDataAreNotAnswered) {
  const std::vector<std::pair<int, int>> table = {{0, formerr},   {41, formerr}, {128, formerr},
                                                  {249, notimp},  {250, notimp}, {251, formerr},
                                                  {252, refused}, {253, notimp}, {254, notimp}};
  for (const auto& [type, rcode] : table) {
    EXPECT_EQ(world().respond(ask("example.test", static_cast<Type>(type))).rcode, rcode) << type;
  }
}

TEST(Answer, ASteeredNameIsTheNearestRoomsAddress) {
  const Reply reply = world().respond(ask("www.example.test").subnet("10.3.0.0/16"));
  EXPECT_TRUE(reply.authoritative);
  EXPECT_EQ(reply.answer, Lines{"www.example.test. 10 IN A 127.12.0.1"});
  EXPECT_EQ(world().respond(ask("www.example.test", Type::aaaa).subnet("10.1.0.0/16")).only_data(),
            "2001:db8:10::1");
}

TEST(Answer, WithoutASubnetTheAskersAddressDecides) {
  EXPECT_EQ(world().respond(ask("www.example.test"), "10.3.0.1").only_data(), "127.12.0.1");
  EXPECT_EQ(world().respond(ask("www.example.test"), "10.1.0.1").only_data(), "127.10.0.1");
}

TEST(Answer, OtherTypesOfASteeredNameAreNodataForEverybody) {
  const Reply reply = world().respond(ask("www.example.test", Type::txt).subnet("10.3.0.0/16"));
  EXPECT_EQ(reply.rcode, noerror);
  EXPECT_TRUE(reply.answer.empty());
  EXPECT_EQ(reply.authority.size(), 1U);
  EXPECT_EQ(reply.scope(), 0);
}

TEST(Answer, AFamilyThatNoRoomHasIsNodataForEverybody) {  // RFC 7871 s7.4, trap 12
  topology::Description description = testing::make_description();
  for (topology::Room& room : description.rooms) room.address.pop_back();
  const Reply reply =
      World(description).respond(ask("www.example.test", Type::aaaa).subnet("10.3.0.0/16"));
  EXPECT_EQ(reply.rcode, noerror);
  EXPECT_TRUE(reply.answer.empty());
  EXPECT_EQ(reply.scope(), 0);
}

TEST(Answer, SteeredNamesWaitForTheFirstRoundOfProbes) {
  World early;
  early.complete = false;
  const Reply reply = early.respond(ask("www.example.test").with_edns());
  EXPECT_EQ(reply.rcode, servfail);
  EXPECT_EQ(reply.extended_error(), 14);
  EXPECT_EQ(early.respond(ask("example.test", Type::soa)).rcode, noerror) << "zone data does not";
  EXPECT_EQ(early.respond(ask("www.example.test", Type::mx)).rcode, noerror);
}

TEST(Answer, AZoneWithoutAFileHasSoaAndNs) {
  const World made_up;
  EXPECT_EQ(made_up.respond(ask("example.test", Type::soa)).only_data(), "60");
  EXPECT_EQ(made_up.respond(ask("example.test", Type::ns)).only_data(), "ns1.example.test.");
  EXPECT_EQ(made_up.respond(ask("ns1.example.test")).only_data(), "127.0.0.1");
}

}  // namespace
}  // namespace hither::dns::answer_test
