// SPDX-License-Identifier: Apache-2.0
//
// Several zones in one server, a zone below another among them: who answers for what.
#include <gtest/gtest.h>

#include "tests/dns/support.h"

namespace hither::dns {
namespace {

using testing::ask;
using testing::Reply;
using testing::World;
using Lines = std::vector<std::string>;

/// example.test delegates sub.example.test and far.example.test; the first is served here too, with
/// a made-up SOA and NS, and so is other.test.
const World& world() {
  static const World made = [] {
    topology::Description description = testing::make_description();
    description.zones.push_back({.name = "sub.example.test"});
    description.zones.push_back({.name = "other.test"});
    topology::Name steered = description.names[0];
    steered.name = "www.sub.example.test";
    description.names.push_back(steered);
    return World(std::move(description), testing::example_zone() + R"(
sub        IN NS ns1.sub
sub        IN NS ns.far
sub        IN DS 1 8 2 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
ns1.sub    IN A  192.0.2.201
hidden.sub IN TXT "occluded"
far        IN NS ns.far
ns.far     IN A  192.0.2.202
across     IN CNAME ns1.other.test.
down       IN CNAME www.sub
)");
  }();
  return made;
}

TEST(Zones, TheZoneBelowAnswersForItsNames) {
  const Reply soa = world().respond(ask("sub.example.test", Type::soa));
  EXPECT_TRUE(soa.authoritative);
  ASSERT_EQ(soa.answer.size(), 1U);
  EXPECT_TRUE(soa.answer[0].starts_with("sub.example.test. 3600 IN SOA ns1.sub.example.test."));
  EXPECT_EQ(world().respond(ask("www.sub.example.test")).answer.size(), 1U);
}

TEST(Zones, WhatTheZoneAboveHidesIsDeniedByTheZoneBelow) {
  const Reply reply = world().respond(ask("hidden.sub.example.test", Type::txt));
  EXPECT_EQ(reply.rcode, 3);
  ASSERT_EQ(reply.authority.size(), 1U);
  EXPECT_TRUE(reply.authority[0].starts_with("sub.example.test. "));
}

TEST(Zones, DsIsAnsweredByTheZoneAbove) {  // RFC 4035 s3.1.4.1
  const Reply reply = world().respond(ask("sub.example.test", Type::ds));
  EXPECT_TRUE(reply.authoritative);
  EXPECT_EQ(reply.answer.size(), 1U);
}

// Or the server would deny, with NXDOMAIN, a name that it serves.
TEST(Zones, DsIsDeniedByTheZoneBelowWhereTheOneAboveDoesNotKnowIt) {
  topology::Description description = testing::make_description();
  description.zones.push_back({.name = "lone.example.test"});
  const World made(std::move(description), testing::example_zone());
  const Reply reply = made.respond(ask("lone.example.test", Type::ds));
  EXPECT_EQ(reply.rcode, 0);
  EXPECT_TRUE(reply.authoritative);
  EXPECT_TRUE(reply.answer.empty());
  ASSERT_EQ(reply.authority.size(), 1U);
  EXPECT_TRUE(reply.authority[0].starts_with("lone.example.test. ")) << reply.authority[0];
}

TEST(Zones, ADelegationToSomebodyElseIsReferredTo) {
  const Reply reply = world().respond(ask("www.far.example.test"));
  EXPECT_FALSE(reply.authoritative);
  EXPECT_EQ(reply.authority, Lines{"far.example.test. 300 IN NS ns.far.example.test."});
  EXPECT_EQ(reply.additional, Lines{"ns.far.example.test. 300 IN A 192.0.2.202"});
}

TEST(Zones, AnAliasIsFollowedInsideItsZoneOnly) {
  EXPECT_EQ(world().respond(ask("across.example.test")).answer,
            Lines{"across.example.test. 300 IN CNAME ns1.other.test."});
  EXPECT_EQ(world().respond(ask("down.example.test")).answer,
            Lines{"down.example.test. 300 IN CNAME www.sub.example.test."});
}

TEST(Zones, NamesOutsideOfAllAreRefused) {
  const Reply reply = world().respond(ask("test").with_edns());
  EXPECT_EQ(reply.rcode, 5);
  EXPECT_EQ(reply.extended_error(), 20);
}

TEST(Zones, TheRootCanBeAZone) {
  topology::Description description = testing::make_description();
  description.zones = {{.name = "."}};
  const World root(std::move(description));
  EXPECT_EQ(root.respond(ask(".", Type::soa)).answer.size(), 1U);
  EXPECT_EQ(root.respond(ask("nothing.at.all")).rcode, 3);
  EXPECT_EQ(root.respond(ask("www.example.test")).answer.size(), 1U);
  EXPECT_EQ(root.respond(ask(".", Type::ds)).rcode, 0);
}

}  // namespace
}  // namespace hither::dns
