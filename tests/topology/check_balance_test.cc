// SPDX-License-Identifier: Apache-2.0
#include "topology/check_balance.h"

#include <gtest/gtest.h>

#include "tests/topology/worlds.h"

namespace hither::topology::check_balance_test {
namespace {

using testing::mistakes_of;
using testing::read_sound;
using testing::two_rooms;

/// A second farm with these keys, from line 14 on.
std::string world_with(const std::string& keys, const std::string& more = "") {
  return std::string(two_rooms) + "[farm.api]\nport = 8081\n" + keys + "\n" + more;
}

struct Case {
  std::string name;
  std::string keys;
  std::string mistakes;

  friend std::ostream& operator<<(std::ostream& out, const Case& row) { return out << row.name; }
};

class CheckBalance : public ::testing::TestWithParam<Case> {};

TEST_P(CheckBalance, IsSaidOnceWithPlaceAndCure) {
  EXPECT_EQ(mistakes_of(world_with(GetParam().keys)), GetParam().mistakes);
}

const Case cases[] = {
    {"Sound", "balance = 'maglev'\nhash = 'cookie:cart'\nsticky = 'at'\nsticky_secret = 'x'", ""},
    {"SoundInTcp", "mode = 'tcp'\nbalance = 'maglev'\nhash = 'source'", ""},
    {"SourceInTcp", "mode = 'tcp'\nbalance = 'source'", ""},
    {"HashForOthers", "hash = 'path'",
     "w:14:8: hash does nothing with balance \"least-request\"; take it out, or write balance = "
     "\"maglev\"\n"},
    {"HashInTcp", "mode = 'tcp'\nbalance = 'maglev'\nhash = 'header:X-User'",
     "w:16:8: hash is \"header:X-User\", and farm 'api' has mode \"tcp\", where no request is "
     "seen; "
     "write \"source\"\n"},
    {"NoHash", "balance = 'maglev'\nhash = 'header:'",
     "w:15:8: hash cannot be \"header:\"; write \"path\", \"source\", \"header:NAME\" or "
     "\"cookie:NAME\"\n"},
    {"StickyInTcp", "mode = 'tcp'\nsticky = 'at'",
     "w:15:10: sticky names a cookie, and farm 'api' has mode \"tcp\", where none is seen; write "
     "balance = \"source\" instead\n"},
    {"StickyIsNoToken", "sticky = 'a b'",
     "w:14:10: 'a b' cannot be a sticky; write letters, digits and signs such as - and _, 64 at "
     "most\n"},
    {"SecretAlone", "sticky_secret = 'x'",
     "w:14:17: sticky_secret does nothing without sticky; take it out, or write sticky = "
     "\"NAME\"\n"},
    {"WeightOfNobody", "copies = 2\nweight = { api-3 = 5 }",
     "w:15:12: 'api-3' is no copy of farm 'api'; there are api-1 to api-2\n"},
    {"WeightOfTheOnlyOne", "weight = { web-1 = 5 }",
     "w:14:12: 'web-1' is no copy of farm 'api'; there is only api-1\n"},
    {"WeightOfAServer", "servers = ['a:1', 'b:1']\nweight = { api-3 = 5 }",
     "w:15:12: 'api-3' is no copy of farm 'api'; there are api-1 to api-2\n"},
    {"WeightTooLarge", "weight = { api-1 = 10001 }",
     "w:14:20: weight is 10001; write an integer from 0 to 10000\n"},
};

INSTANTIATE_TEST_SUITE_P(Cases, CheckBalance, ::testing::ValuesIn(cases),
                         [](const auto& row) { return row.param.name; });

TEST(CheckBalance, AWeightOfTheWorldIsForRoomsThatHaveTheCopy) {
  const std::string world =
      world_with("copies = 1\nweight = { api-4 = 50 }", "[room.fra.farm.api]\ncopies = 4\n");

  const Description description = read_sound(world);

  EXPECT_EQ(description.rooms[0].farms[1].weights.at("api-4").weight, 50);
}

TEST(CheckBalance, AWeightOfARoomIsForItsOwnCopies) {
  EXPECT_EQ(mistakes_of(world_with("copies = 4",
                                   "[room.fra.farm.api]\ncopies = 1\nweight = { api-2 = 5 }\n")),
            "w:17:12: 'api-2' is no copy of farm 'api' in room 'fra'; there is only api-1\n");
}

TEST(CheckBalance, ARoomsWeightsLieOverTheWorlds) {
  const Description description =
      read_sound(world_with("copies = 2\nweight = { api-1 = 10, api-2 = 20 }\nsticky = 'at'",
                            "[room.fra.farm.api]\nweight = { api-2 = 0 }\nbalance = 'hot-cold'\n"));

  const Farm& farm = description.rooms[0].farms[1];
  EXPECT_EQ(farm.weights.at("api-1").weight, 10);
  EXPECT_EQ(farm.weights.at("api-2").weight, 0);
  EXPECT_EQ(farm.balance, Balance::hot_cold);
  EXPECT_EQ(farm.sticky, "at");
  EXPECT_EQ(description.rooms[1].farms[1].weights.at("api-2").weight, 20);
}

}  // namespace
}  // namespace hither::topology::check_balance_test
