// SPDX-License-Identifier: Apache-2.0
//
// What a reload reads, from files as the program does.
#include "dns/server_setup.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "tests/dns/world_folder.h"

namespace hither::dns {
namespace {

constexpr std::uint32_t unix_seconds = 1'700'000'000;

std::shared_ptr<const Protocol> protocol_of(const Start& start) {
  const SetupReading reading = set_up(start);
  for (const Error& mistake : reading.mistakes) ADD_FAILURE() << mistake.message;
  return reading.setup ? reading.setup->loaded.protocol : nullptr;
}

/// What a cookie is worth to `judge` that `maker` made.
CookieVerdict verdict_of(const Protocol& judge, const Protocol& maker) {
  const Address client = *parse_address("192.0.2.1");
  Cookie first;
  first.size = Cookie::client_octets;
  const FullCookie made = maker.cookies.answer(first, client, unix_seconds).cookie;
  Cookie second;
  std::ranges::copy(made, second.octets.begin());
  second.size = static_cast<std::uint8_t>(made.size());
  return judge.cookies.answer(second, client, unix_seconds).verdict;
}

TEST(ServerSetup, CookiesOutliveAReloadAndNoRestart) {
  const testing::WorldFolder folder;
  const Start one = folder.start();
  const auto before = protocol_of(one);
  folder.describe("tell = [\"nsid\"]");
  const auto after = protocol_of(one);
  const auto restarted = protocol_of(folder.start());
  ASSERT_TRUE(before && after && restarted);

  EXPECT_EQ(verdict_of(*after, *before), CookieVerdict::good);
  EXPECT_EQ(verdict_of(*restarted, *before), CookieVerdict::bad) << "made at random at every start";
}

TEST(ServerSetup, AFileOfSecretsCountsInsteadAndIsReadAgain) {
  const testing::WorldFolder folder;
  const Start one = folder.start();
  const auto random = protocol_of(one);
  folder.describe("cookie_secrets = \"cookie.key\"");
  folder.write("cookie.key", "000102030405060708090a0b0c0d0e0f\n");
  const auto first = protocol_of(one);
  folder.write("cookie.key", "ffffffffffffffffffffffffffffffff\n");
  const auto second = protocol_of(one);
  folder.describe("");
  const auto random_again = protocol_of(one);
  ASSERT_TRUE(random && first && second && random_again);

  EXPECT_EQ(verdict_of(*first, *random), CookieVerdict::bad);
  EXPECT_EQ(verdict_of(*second, *first), CookieVerdict::bad);
  EXPECT_EQ(verdict_of(*second, *second), CookieVerdict::good);
  EXPECT_EQ(verdict_of(*random_again, *random), CookieVerdict::good);
}

TEST(ServerSetup, RateLimitsCountOnAfterAReload) {
  const testing::WorldFolder folder;
  const Start one = folder.start();
  folder.describe("rate_limit = { per_second = 5 }");
  const auto before = protocol_of(one);
  folder.describe("rate_limit = { per_second = 7 }");
  const auto after = protocol_of(one);
  ASSERT_TRUE(before && after);

  EXPECT_EQ(after->rate_limit.per_second, 7);
  EXPECT_NE(before->rates, nullptr);
  EXPECT_EQ(before->rates, after->rates);
}

TEST(ServerSetup, SaysWhichFileTheOverridesAreFrom) {
  const testing::WorldFolder folder;
  Start start = folder.start();
  start.flags.overrides = folder.file("overrides.toml");
  EXPECT_FALSE(set_up(start).setup->overrides_stamp) << "there is none";
  folder.write("overrides.toml", "# none yet\n");
  const auto read = set_up(start);
  ASSERT_TRUE(read.setup);
  EXPECT_EQ(read.setup->overrides_stamp, io::stamp_of(start.flags.overrides));
}

TEST(ServerSetup, AnOverridesFileThatCannotBeSeenIsNotTakenForNone) {
  const testing::WorldFolder folder;
  const std::string path = folder.file("overrides.toml");
  std::filesystem::create_symlink(path, path);
  std::vector<Error> mistakes;

  EXPECT_FALSE(read_overrides_file(path, mistakes));

  ASSERT_EQ(mistakes.size(), 1U);
  EXPECT_EQ(mistakes[0].message.find(path + ": Too many levels of symbolic links"), 0U)
      << mistakes[0].message;
  EXPECT_TRUE(read_overrides_file(folder.file("nothing.toml"), mistakes));
  EXPECT_TRUE(read_overrides_file("", mistakes));
  EXPECT_EQ(mistakes.size(), 1U);
}

TEST(ServerSetup, OverridesAreWatchedWhereTheyAreTheMistake) {
  const testing::WorldFolder folder;
  Start start = folder.start();
  start.flags.overrides = folder.file("overrides.toml");
  folder.write("overrides.toml", "what?\n");

  const SetupReading bad = set_up(start);
  folder.write("overrides.toml", "# none\n");
  const SetupReading good = set_up(start);

  EXPECT_FALSE(bad.setup);
  ASSERT_EQ(bad.files.size(), bad.stamps.size());
  EXPECT_EQ(bad.files.back(), start.flags.overrides);
  EXPECT_TRUE(bad.stamps.back());
  EXPECT_TRUE(good.setup);
  EXPECT_EQ(good.files, std::vector<std::string>{start.flags.topology}) << "they are read apart";
}

TEST(ServerSetup, MistakesLeaveNothingToTakeAndNameTheFiles) {
  const testing::WorldFolder folder;
  folder.describe("cookie_secrets = \"cookie.key\"");
  folder.write("cookie.key", "short\n");

  const SetupReading reading = set_up(folder.start());

  EXPECT_FALSE(reading.setup);
  ASSERT_EQ(reading.mistakes.size(), 1U);
  EXPECT_NE(reading.mistakes[0].message.find("cookie.key:1:1: not a secret"), std::string::npos)
      << reading.mistakes[0].message;
  EXPECT_EQ(reading.files.size(), 2U) << "their change is worth another reading";
}

}  // namespace
}  // namespace hither::dns
