// SPDX-License-Identifier: Apache-2.0
#include "tools/preflight.h"

#include <gtest/gtest.h>

#include "io/socket.h"

namespace hither::tools {
namespace {

/// A world of one room on ports that the kernel finds free, with these replacements made.
std::string text_with(const std::string& command, const std::string& more = "") {
  const auto port = [] {
    const auto listener = io::listen_tcp({Address::v4(0), 0});
    return std::to_string(io::local_endpoint(listener->get())->port);
  };
  return "schema = 1\nworld = \"w\"\n[dns]\nlisten = \"127.0.0.1:" + port() + "\"\n" + more +
         "[local]\nadmin_port = " + port() +
         "\n[zone.\"example.test\"]\n[name.\"www.example.test\"]\nfarm = \"web\"\n"
         "[farm.web]\nport = " +
         port() + "\ncopies = 1\ncommand = [\"" + command + "\"]\n[room.fra]\nlocation = [50, 8]\n";
}

Preflight look_at(const std::string& text) {
  const auto reading = topology::read_description(text, "w.toml");
  EXPECT_TRUE(reading.description) << to_text(reading.mistakes, "w.toml");
  if (!reading.description) return {};
  auto plan = topology::make_plan(*reading.description);
  // The programs that are not there in every build are not what this test is about.
  for (auto& process : plan) {
    if (process.kind != topology::Process::Kind::backend) process.argv = {"/bin/sh"};
  }
  return look_before_start(*reading.description, plan);
}

TEST(Preflight, FindsThePathOfEveryProgram) {
  const Preflight preflight = look_at(text_with("sh"));

  EXPECT_TRUE(preflight.mistakes.empty());
  ASSERT_EQ(preflight.programs.size(), 3U);
  EXPECT_TRUE(preflight.programs[0].ends_with("/sh"));
}

TEST(Preflight, NamesTheCommandThatIsNotThereAtItsPlace) {
  const Preflight preflight = look_at(text_with("no-such-program"));

  ASSERT_EQ(preflight.mistakes.size(), 1U);
  EXPECT_EQ(preflight.mistakes[0].where.line, 13);
  EXPECT_NE(preflight.mistakes[0].message.find("no-such-program"), std::string::npos);
}

TEST(Preflight, NamesTheDatabaseThatIsNotThereAtItsPlace) {
  const Preflight preflight = look_at(text_with("sh", "geo = \"/nowhere.mmdb\"\n"));

  ASSERT_EQ(preflight.mistakes.size(), 1U);
  EXPECT_EQ(preflight.mistakes[0].where.line, 5);
}

}  // namespace
}  // namespace hither::tools
