// SPDX-License-Identifier: Apache-2.0
#include "topology/check.h"

#include <gtest/gtest.h>

#include "tests/topology/worlds.h"

namespace hither::topology {
namespace {

using testing::mistakes_of;
using testing::read_sound;
using testing::replaced;
using testing::two_rooms;
using testing::with;

TEST(Check, ASoundWorldHasNoMistakes) { EXPECT_EQ(mistakes_of(two_rooms), ""); }

/// What is added to the sound world of two rooms, and the mistakes that must come of it.
struct Case {
  std::string name;
  std::string more;
  std::string mistakes;

  friend std::ostream& operator<<(std::ostream& out, const Case& row) { return out << row.name; }
};

class CheckAdded : public ::testing::TestWithParam<Case> {};

TEST_P(CheckAdded, IsSaidWithPlaceAndCure) {
  EXPECT_EQ(mistakes_of(with(two_rooms, GetParam().more)), GetParam().mistakes);
}

// The addition begins in line 12.
const Case cases[] = {
    {"UnknownFarm", "[name.\"a.example.test\"]\nfarm = 'webb'",
     "w:13:8: farm 'webb' is not defined; did you mean 'web'?\n"},
    {"UnlikeAnyFarm", "[name.\"a.example.test\"]\nfarm = 'database'",
     "w:13:8: farm 'database' is not defined; the farms are web\n"},
    {"ProbePath", "[room.nrt]\nlocation = [1, 2]\nfarm.web.probe.path = 'health'",
     "w:14:23: path \"health\" is no path of a request; write one that starts with / and has no "
     "space, such as \"/health\"\n"},
    {"ProbeHost", "[room.nrt]\nlocation = [1, 2]\nfarm.web.probe.host = 'a b'",
     "w:14:23: host \"a b\" is no host name; write one such as \"www.example.test\"\n"},
    {"NoZone", "[name.\"www.other.test\"]\nfarm = 'web'",
     "w:12:7: name 'www.other.test' lies in no zone of this file; write [zone.\"other.test\"]\n"},
    {"HalfAZoneName", "[name.\"badexample.test\"]\nfarm = 'web'",
     "w:12:7: name 'badexample.test' lies in no zone of this file; write [zone.\"test\"]\n"},
    {"NameTwice", "[name.\"WWW.Example.test.\"]\nfarm = 'web'",
     "w:12:7: name 'www.example.test' is there twice (names are compared without case); take one "
     "away\n"},
    {"ZoneTwice", "[zone.\"Example.test\"]",
     "w:12:7: zone 'example.test' is there twice (names are compared without case); take one "
     "away\n"},
    {"BrokenSecond", "[name.\"b.example.test\"]\nfarm = 'web'\nttl = '1500ms'",
     "w:14:7: ttl 1500ms is no whole number of seconds, which is what DNS carries; write \"2s\"\n"},
    {"NoLocation", "[room.nrt]",
     "w:12:7: room 'nrt' has no location, which name 'www.example.test' with policy nearest needs; "
     "write location = [latitude, longitude]\n"},
    {"SameAddress", "[room.nrt]\nlocation = [1, 2]\naddress = '127.10.0.1'",
     "w:14:11: rooms 'fra' and 'nrt' have the same address 127.10.0.1; give each its own\n"},
    {"AddressTwice", "[room.nrt]\nlocation = [1, 2]\naddress = ['127.9.0.1', '127.9.0.1']",
     "w:14:11: room 'nrt' has address 127.9.0.1 twice; take one away\n"},
    {"NoAddress", "[room.nrt]\nlocation = [1, 2]\naddress = '0.0.0.0'",
     "w:14:11: no client can reach 0.0.0.0; write an address of the room\n"},
    {"OtherFamily", "[room.nrt]\nlocation = [1, 2]\naddress = ['127.12.0.1', '::1']",
     "w:8:7: room 'fra' has no IPv6 address, but 'nrt' has; give one to every room or to none, so "
     "that no client finds the name empty\n"
     "w:10:7: room 'iad' has no IPv6 address, but 'nrt' has; give one to every room or to none, so "
     "that no client finds the name empty\n"},
    {"SamePort", "[farm.api]\nport = 8080",
     "w:13:8: farm 'web' and farm 'api' would both listen on port 8080; give one of them "
     "another\n"},
    {"AdminPort", "[farm.api]\nport = 7070",
     "w:13:8: a balancer's status page and farm 'api' would both listen on port 7070; give one of "
     "them another\n"},
    {"DnsEverywhere", "[dns]\nlisten = '0.0.0.0:8080'",
     "w:13:10: farm 'web' and the DNS would both listen on port 8080; give one of them another\n"},
    {"DnsOnItsStatusPage", "[dns]\nlisten = '127.0.0.1:7070'",
     "w:13:10: the status page of the DNS and the DNS would both listen on port 7070; give one of "
     "them another\n"},
    {"AmongTheCopies", "[farm.api]\nport = 20002",
     "w:13:8: farm 'api' has port 20002, but ports 20000 to 20006 are for the copies; take "
     "another, "
     "or move local.first_port\n"},
    {"LongNode", "[dns]\nnode = '" + std::string(129, 'n') + "'",
     "w:13:8: node has 129 octets; write 128 at most\n"},
    {"NoPortsLeft", "[local]\nfirst_port = 65533",
     "w:13:14: the copies need ports 65533 to 65536, and 65535 is the last; lower local.first_port "
     "or the number of copies\n"},
    {"NetworkTwice",
     "[[network]]\nprefix = '10.0.0.0/8'\nlocation = [1, 2]\n"
     "[[network]]\nprefix = '10.0.0.0/8'\nlocation = [3, 4]",
     "w:16:10: network 10.0.0.0/8 is already in line 13; take one away\n"},
    {"NeitherCommandNorServers", "[room.fra.farm.web]\ncommand = []",
     "w:13:11: farm 'web' has neither a command nor servers; write command = [\"program\"]\n"},
    {"EmptyCommand", "[room.fra.farm.web]\ncommand = ['', 'x']",
     "w:13:11: farm 'web' has neither a command nor servers; write command = [\"program\"]\n"},
    {"CopiesAndServers", "[room.fra.farm.web]\ncopies = 2\nservers = ['a:1']",
     "w:14:11: farm 'web' has both servers and copies; keep servers if somebody else runs them, "
     "else "
     "copies and command\n"},
    {"SlowProbe", "[farm.web.health]\ninterval = '1s'\ntimeout = '2s'",
     "w:14:11: timeout 2s is longer than interval 1s; write at most \"1s\"\n"},
    {"LongBackoff", "[farm.web.outlier]\nbackoff = '10m'",
     "w:13:11: backoff 10m is longer than backoff_max 5m; write at most \"5m\", or a longer "
     "backoff_max\n"},
    {"SlowFastProbe", "[dns.health]\ninterval = '1s'\nfast_interval = '2s'",
     "w:14:17: fast_interval 2s is longer than interval 1s; write at most \"1s\"\n"},
    {"SlowProbeInOneRoom",
     "[room.fra.farm.web.health]\ninterval = '50ms'\n[farm.web.health]\ntimeout = '100ms'",
     "w:13:12: timeout 100ms is longer than interval 50ms; write at most \"50ms\"\n"},
    {"PathWithoutSlash", "[farm.web.health]\npath = 'health'",
     "w:13:8: path \"health\" is no path of a request; write one that starts with / and has no "
     "space, "
     "such as \"/health\"\n"},
    {"OurVariable", "[farm.web.environment]\nPORT = '80'",
     "w:13:1: PORT is set by hither, for each copy; take it out\n"},
    {"ForeignFarmInRoom", "[room.fra.farm.webb]\ncopies = 1",
     "w:12:16: farm 'webb' is not defined; did you mean 'web'?\n"},
};

INSTANTIATE_TEST_SUITE_P(World, CheckAdded, ::testing::ValuesIn(cases),
                         [](const auto& row) { return row.param.name; });

TEST(Check, WeightlessRoomsCannotShare) {
  std::string text = replaced(two_rooms, "farm = \"web\"", "farm = \"web\"\npolicy = 'weighted'");
  text = replaced(text, "[room.fra]", "[room.fra]\nweight = 0");

  EXPECT_EQ(mistakes_of(text), "");
  EXPECT_EQ(mistakes_of(replaced(text, "[room.iad]", "[room.iad]\nweight = 0")),
            "w:3:7: name 'www.example.test' has policy weighted, but every room has weight 0; give "
            "one more\n");
}

TEST(Check, ADnsOnAllAddressesKeepsItsStatusPageOnLoopback) {
  const Description world = read_sound(with(two_rooms, "[dns]\nlisten = ['0.0.0.0:5300']"));

  EXPECT_EQ(to_text(world.dns_admin()), "127.0.0.1:7070");
}

TEST(Check, OtherPoliciesNeedNoLocation) {
  read_sound(with(replaced(two_rooms, "farm = \"web\"", "farm = \"web\"\npolicy = 'ordered'"),
                  "[room.nrt]"));
}

TEST(Check, ANodesNameMayHaveSoManyOctets) {
  EXPECT_EQ(mistakes_of(with(two_rooms, "[dns]\nnode = '" + std::string(128, 'n') + "'")), "");
}

TEST(Check, AZoneInsideAnotherIsFine) {
  read_sound(with(two_rooms, "[zone.\"www.example.test\"]"));
}

TEST(Check, AWrongLocationIsSaidOnlyOnce) {
  EXPECT_EQ(
      mistakes_of(replaced(two_rooms, "50.11", "91")),
      "w:9:12: latitude 91 is out of range; write one from -90 to 90 (latitude comes first)\n");
}

TEST(Check, RoomsBeyondTheLoopbackNetworksNeedAnAddress) {
  std::string text;
  for (int i = 0; i < 246; ++i) text += "[room.r" + std::to_string(i) + "]\n";
  read_sound(text);

  EXPECT_EQ(
      mistakes_of(text + "[room.last]"),
      "w:247:7: room 'last' is number 247, and only the first 246 have an address by default; "
      "give it one\n");
}

TEST(Check, TooManyFarmsAreRefused) {
  std::string text = "[room.fra]\n";
  for (int i = 0; i < 65; ++i) {
    text += "[farm.f" + std::to_string(i) + "]\nport = " + std::to_string(1000 + i) + "\n";
  }

  EXPECT_EQ(mistakes_of(text), "w:130:7: there are 65 tables [farm.*]; at most 64 are possible\n");
}

TEST(Check, NoRoomIsNotSaidWhereItsTableIsMisspelled) {
  EXPECT_EQ(mistakes_of("[rooms.fra]"), "w:1:2: unknown key 'rooms'; did you mean 'room'?\n");
}

}  // namespace
}  // namespace hither::topology
