// SPDX-License-Identifier: Apache-2.0
// What cannot start says so in one clear line with the place and the cure, exit status 2, nothing
// left running.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/ip.h"
#include "io/socket.h"
#include "tests/support/live_world.h"

namespace hither::test {
namespace {

class BadInput : public testing::Test {
 protected:
  std::string with(const std::string& old, const std::string& replacement) {
    std::string text = world.three_rooms(1);
    const std::size_t at = text.find(old);
    EXPECT_NE(at, std::string::npos) << old;
    return text.replace(at, old.size(), replacement);
  }
  /// `marker` stands on the line that the message should name.
  void expect_refused(const std::string& description, const std::string& marker,
                      const std::string& reason) {
    const std::size_t at = description.find(marker);
    ASSERT_NE(at, std::string::npos) << marker;
    const auto before = description.begin() + static_cast<std::ptrdiff_t>(at);
    const auto line = 1 + std::count(description.begin(), before, '\n');
    const std::string place = fmt::format("{}:", line);
    const CommandResult result = world.up(description);
    EXPECT_EQ(result.status, 2) << result.output;
    EXPECT_NE(result.output.find("world.toml:" + place), std::string::npos) << result.output;
    EXPECT_NE(result.output.find(reason), std::string::npos) << result.output;
    EXPECT_NE(result.output.find("nothing was started"), std::string::npos) << result.output;
    EXPECT_TRUE(world.nobody_left());
  }

  LiveWorld world;
};

TEST_F(BadInput, ABrokenDescriptionListsEveryMistake) {
  std::string text = with("farm = \"web\"", "farm = \"wep\"");
  text.replace(text.find("\"20s\""), 5, "\"20\"");
  expect_refused(text, "\"wep\"", "wep");
  expect_refused(text, "\"20\"", "no unit");
}

TEST_F(BadInput, ATomlErrorIsOneLineWithItsPlace) {
  expect_refused(with("copies = 1", "copies = = 1"), "= = 1", "");
}

TEST_F(BadInput, AMissingDatabaseIsNamed) {
  expect_refused(with("[dns]", "[dns]\ngeo = \"nowhere.mmdb\""), "nowhere.mmdb", "nowhere.mmdb");
}

TEST_F(BadInput, ATruncatedDatabaseIsNamed) {
  world.write_file("cut.mmdb", "\xab\xcd\xefMaxMind.com");
  expect_refused(with("[dns]", "[dns]\ngeo = \"cut.mmdb\""), "cut.mmdb", "cut.mmdb");
}

TEST_F(BadInput, APortInUseIsNamedWithTheKeyThatChoseIt) {
  const auto taken = io::listen_tcp({*parse_address("127.12.0.1"), world.ports().web});
  ASSERT_TRUE(taken);
  expect_refused(world.three_rooms(1), fmt::format("port = {}\ncopies", world.ports().web),
                 fmt::format("127.12.0.1:{}", world.ports().web));
}

TEST_F(BadInput, AnUnknownCommandIsNamed) {
  expect_refused(with("[\"hither-backend\"]", "[\"no-such-program\"]"), "no-such-program",
                 "no-such-program");
}

TEST_F(BadInput, AMissingZoneFileIsNamed) {
  expect_refused(with("[zone.\"example.test\"]", "[zone.\"example.test\"]\nfile = \"none.zone\""),
                 "none.zone", "none.zone");
}

TEST_F(BadInput, ABrokenZoneFileIsNamedWithItsLine) {
  world.write_file("bad.zone", "@ SOA ns1 root 1 1h 1h 1h 1h\n@ NS ns1\nns1 A 300.0.0.1\n");
  const CommandResult result =
      world.up(with("[zone.\"example.test\"]", "[zone.\"example.test\"]\nfile = \"bad.zone\""));
  EXPECT_EQ(result.status, 2);
  EXPECT_NE(result.output.find("bad.zone:3"), std::string::npos) << result.output;
  EXPECT_TRUE(world.nobody_left());
}

TEST_F(BadInput, AMissingDescriptionIsNamed) {
  const CommandResult result = world.hither("up /nowhere/world.toml");
  EXPECT_EQ(result.status, 2);
  EXPECT_EQ(result.output,
            "/nowhere/world.toml: No such file or directory; name a file that can be read\n");
}

TEST_F(BadInput, StatusAndExplainWithoutAWorldSayHowToStartOne) {
  EXPECT_EQ(world.hither("status").status, 2);
  EXPECT_NE(world.hither("status").output.find("hither up"), std::string::npos);
  EXPECT_EQ(world.hither("explain www.example.test --from 10.0.0.1").status, 2);
}

}  // namespace
}  // namespace hither::test
