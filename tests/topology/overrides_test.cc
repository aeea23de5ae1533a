// SPDX-License-Identifier: Apache-2.0
#include "topology/overrides.h"

#include <gtest/gtest.h>

#include "tests/topology/worlds.h"

namespace hither::topology::overrides_test {
namespace {

using namespace std::chrono_literals;

constexpr WallTime ten = std::chrono::sys_days(std::chrono::year(2026) / 11 / 24) + 10h;

Override drain_of(const std::string& room, const std::string& farm = "") {
  return {.room = room, .farm = farm, .kind = Override::Kind::drain, .since = ten, .over = 10min};
}

std::string mistakes_of(const std::string& text) {
  std::string lines;
  for (const Error& mistake : read_overrides(text, "o").mistakes) lines += mistake.message + "\n";
  return lines;
}

TEST(Overrides, WhatIsWrittenIsReadBack) {
  Overrides overrides;
  overrides.set(drain_of("fra", "web"));
  overrides.set({.room = "iad",
                 .kind = Override::Kind::down,
                 .since = ten + 1s,
                 .reason = "a \"quoted\" \\ reason\nof two lines"});
  overrides.set({.room = "nrt", .kind = Override::Kind::up, .since = ten});

  const auto reading = read_overrides(to_toml(overrides), "o");

  ASSERT_TRUE(reading.overrides) << mistakes_of(to_toml(overrides));
  EXPECT_EQ(*reading.overrides, overrides);
}

TEST(Overrides, AnEmptyFileIsNone) {
  const auto reading = read_overrides("# nothing\n", "o");
  ASSERT_TRUE(reading.overrides);
  EXPECT_TRUE(reading.overrides->all.empty());
}

TEST(Overrides, TheFarmsOwnWordCountsBeforeTheRooms) {
  Overrides overrides;
  overrides.set({.room = "fra", .kind = Override::Kind::down, .since = ten});
  overrides.set({.room = "fra", .farm = "api", .kind = Override::Kind::up, .since = ten});

  EXPECT_EQ(overrides.find("fra", "web")->kind, Override::Kind::down);
  EXPECT_EQ(overrides.find("fra", "api")->kind, Override::Kind::up);
  EXPECT_EQ(overrides.find("iad", "web"), nullptr);
}

TEST(Overrides, AWordOnTheRoomTakesThoseOnItsFarmsAway) {
  Overrides overrides;
  overrides.set(drain_of("fra", "web"));
  overrides.set({.room = "fra", .kind = Override::Kind::down, .since = ten});

  ASSERT_EQ(overrides.all.size(), 1U);
  EXPECT_EQ(overrides.find("fra", "web")->kind, Override::Kind::down);
}

TEST(Overrides, RestoreSaysIfThereWasAnything) {
  Overrides overrides;
  overrides.set(drain_of("fra", "web"));

  EXPECT_FALSE(overrides.restore("iad", ""));
  EXPECT_FALSE(overrides.restore("fra", "api"));
  EXPECT_TRUE(overrides.restore("fra", ""));
  EXPECT_TRUE(overrides.all.empty());
}

TEST(Overrides, EveryMistakeIsSaidWithPlaceAndCure) {
  struct Row {
    std::string text;
    std::string mistakes;
  };
  const std::string good =
      "[[override]]\nroom = 'fra'\nstate = 'down'\n"
      "since = '2026-11-24T10:00:00Z'\n";
  for (const Row& row : std::initializer_list<Row>{
           {"[[override]]\nstate = 'down'\nsince = '2026-11-24T10:00:00Z'",
            "o:1:1: no room; write room = \"NAME\"\n"},
           {"[[override]]\nroom = 'fra'\nstate = 'off'\nsince = '2026-11-24T10:00:00Z'",
            "o:3:9: state 'off' is none; write \"drain\", \"down\" or \"up\"\n"},
           {"[[override]]\nroom = 'fra'\nstate = 'up'\nsince = 'noon'",
            "o:4:9: 'noon' is no time; write one such as \"2026-11-24T10:00:00Z\"\n"},
           {good + "over = '10m'", "o:5:8: only a drain takes time; take 'over' out\n"},
           {good + "until = '10m'",
            "o:5:1: there is no key 'until'; the keys are room, farm, state, since, over and "
            "reason\n"},
           {good + "farm = 3", "o:5:8: farm is an integer; write a string\n"},
           {good + good, "o:5:1: a second override for the same room and farm; keep one\n"},
           {"overrides = 1", "o:1:1: there is no 'overrides' here; write [[override]]\n"},
           {"override = [1]", "o:1:13: not a table; write [[override]]\n"}}) {
    EXPECT_EQ(mistakes_of(row.text), row.mistakes) << row.text;
    EXPECT_FALSE(read_overrides(row.text, "o").overrides);
  }
  EXPECT_FALSE(mistakes_of("[[override").empty());
}

TEST(Overrides, TimesAreReadAndWrittenAlike) {
  for (const char* text :
       {"1970-01-01T00:00:00Z", "2024-02-29T23:59:59Z", "2026-11-24T10:00:00Z"}) {
    const auto time = parse_wall_time(text);
    ASSERT_TRUE(time) << text;
    EXPECT_EQ(to_text(*time), text);
  }
  for (const char* text :
       {"", "2026-11-24", "2026-11-24T10:00:00", "2026-13-24T10:00:00Z", "2025-02-29T10:00:00Z",
        "2026-11-24T24:00:00Z", "2026-11-24t10:00:00Z", "1969-11-24T10:00:00Z"}) {
    EXPECT_FALSE(parse_wall_time(text)) << text;
  }
}

TEST(Overrides, StrangersAreNamedWithWhoWasMeant) {
  const Description world = testing::read_sound(testing::two_rooms);

  EXPECT_EQ(find_stranger(drain_of("fra", "web"), world), std::nullopt);
  EXPECT_EQ(find_stranger(drain_of("fro"), world), "there is no room 'fro'; did you mean 'fra'?");
  EXPECT_EQ(find_stranger(drain_of("fra", "database"), world),
            "room 'fra' has no farm 'database'; there is web");
}

}  // namespace
}  // namespace hither::topology::overrides_test
