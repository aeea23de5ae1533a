// SPDX-License-Identifier: Apache-2.0
#include "base/room.h"

#include <gtest/gtest.h>

namespace hither {
namespace {

const RoomReport fra = {
    .room = "fra",
    .draining = true,
    .farms = {{.farm = "web",
               .copies = 3,
               .usable = 2,
               .capacity = 200,
               .load = 17,
               .limit = 240,
               .waiting = 5,
               .wait_ms = 40},
              {.farm = "api", .copies = 1, .usable = 0, .capacity = 0, .load = 0}}};

TEST(RoomReport, IsOneLineInAStableOrder) {
  EXPECT_EQ(to_json(fra), R"({"room":"fra","draining":true,"farms":[)"
                          R"({"farm":"web","copies":3,"usable":2,"capacity":200,"load":17,)"
                          R"("limit":240,"waiting":5,"wait_ms":40},)"
                          R"({"farm":"api","copies":1,"usable":0,"capacity":0,"load":0,)"
                          R"("limit":0,"waiting":0,"wait_ms":0}]})");
}

TEST(RoomReport, ReadsWhatItWrote) {
  const auto read = parse_room_report(to_json(fra));

  ASSERT_TRUE(read);
  EXPECT_EQ(*read, fra);
}

TEST(RoomReport, IgnoresKeysItDoesNotKnow) {
  const auto read = parse_room_report(
      R"({"version":2,"room":"fra","draining":false,"farms":[)"
      R"({"farm":"web","copies":1,"usable":1,"capacity":9,"load":0,"queue":{"wait":1}}]})");

  ASSERT_TRUE(read);
  EXPECT_EQ(read->farms.size(), 1U);
}

TEST(RoomReport, TakesWhatOlderBalancersDoNotSayForNothing) {
  const auto read =
      parse_room_report(R"({"room":"fra","draining":false,"farms":[)"
                        R"({"farm":"web","copies":1,"usable":1,"capacity":9,"load":3}]})");

  ASSERT_TRUE(read);
  EXPECT_EQ(read->farms.front(),
            (FarmReport{.farm = "web", .copies = 1, .usable = 1, .capacity = 9, .load = 3}));
}

struct Broken {
  const char* name;
  const char* json;
};

class RoomReportRefuses : public testing::TestWithParam<Broken> {};

TEST_P(RoomReportRefuses, ABrokenReport) { EXPECT_FALSE(parse_room_report(GetParam().json)); }

INSTANTIATE_TEST_SUITE_P(
    Each, RoomReportRefuses,
    testing::Values(
        Broken{"Nothing", ""}, Broken{"Text", "ok"}, Broken{"List", "[]"},
        Broken{"CutShort", R"({"room":"fra","draining":false,"farms":[)"},
        Broken{"NoRoom", R"({"draining":false,"farms":[]})"},
        Broken{"RoomIsNumber", R"({"room":1,"draining":false,"farms":[]})"},
        Broken{"NoFarms", R"({"room":"fra","draining":false})"},
        Broken{"FarmsIsObject", R"({"room":"fra","draining":false,"farms":{}})"},
        Broken{"NoDraining", R"({"room":"fra","farms":[]})"},
        Broken{"DrainingIsText", R"({"room":"fra","draining":"no","farms":[]})"},
        Broken{"FarmIsText", R"({"room":"fra","draining":false,"farms":["web"]})"},
        Broken{
            "NegativeQueue",
            R"({"room":"a","draining":false,"farms":[{"farm":"w","copies":1,"usable":1,"capacity":1,"load":0,"waiting":-1}]})"},
        Broken{
            "FarmWithoutName",
            R"({"room":"a","draining":false,"farms":[{"copies":1,"usable":1,"capacity":1,"load":0}]})"},
        Broken{
            "CountMissing",
            R"({"room":"a","draining":false,"farms":[{"farm":"w","copies":1,"usable":1,"load":0}]})"},
        Broken{
            "CountNegative",
            R"({"room":"a","draining":false,"farms":[{"farm":"w","copies":-1,"usable":1,"capacity":1,"load":0}]})"},
        Broken{
            "CountFraction",
            R"({"room":"a","draining":false,"farms":[{"farm":"w","copies":1.5,"usable":1,"capacity":1,"load":0}]})"},
        Broken{
            "CountTooLarge",
            R"({"room":"a","draining":false,"farms":[{"farm":"w","copies":18446744073709551615,"usable":1,"capacity":1,"load":0}]})"}),
    [](const auto& row) { return row.param.name; });

TEST(RoomReport, DeepNestingIsNoHarm) {
  EXPECT_FALSE(parse_room_report(std::string(100'000, '[')));
}

}  // namespace
}  // namespace hither
