// SPDX-License-Identifier: Apache-2.0
#include "dns/settings.h"

#include <gtest/gtest.h>

#include "tests/dns/support.h"

namespace hither::dns {
namespace {

struct Made {
  std::optional<Settings> settings;
  std::vector<Error> mistakes;
};

Made make(const Flags& flags) {
  Made made;
  made.settings = make_settings(flags, testing::make_description(), 4, made.mistakes);
  return made;
}

std::string listens_on(const Flags& flags) {
  const Made made = make(flags);
  if (!made.settings) return "a mistake";
  std::string text;
  for (const Endpoint& endpoint : made.settings->listen) text += to_text(endpoint) + " ";
  return text;
}

TEST(Settings, TheDescriptionSaysItAll) {
  const Made made = make({});
  ASSERT_TRUE(made.settings);
  EXPECT_EQ(listens_on({}), "127.0.0.1:5300 ");
  EXPECT_EQ(to_text(made.settings->admin), "127.0.0.1:7070");
  EXPECT_EQ(made.settings->threads, 4);
}

TEST(Settings, TheEnvironmentWins) {
  EXPECT_EQ(listens_on({.listen = "127.0.0.2:53, [::1]:54"}), "127.0.0.2:53 [::1]:54 ");
  EXPECT_EQ(listens_on({.host = "127.0.0.3", .port = "55"}), "127.0.0.3:55 ");
  EXPECT_EQ(listens_on({.port = "56"}), "127.0.0.1:56 ");
  EXPECT_EQ(listens_on({.host = "127.0.0.3"}), "127.0.0.1:5300 ") << "a host alone says nothing";
  EXPECT_EQ(listens_on({.listen = "127.0.0.2:53", .port = "56"}), "127.0.0.2:53 ");
  EXPECT_EQ(to_text(make({.admin_listen = "127.0.0.9:9"}).settings->admin), "127.0.0.9:9");
  EXPECT_EQ(make({.threads = "2"}).settings->threads, 2);
}

TEST(Settings, TheStatusPagesFollowTheAddress) {
  EXPECT_EQ(to_text(make({.listen = "127.0.0.2:53"}).settings->admin), "127.0.0.2:7070");
}

TEST(Settings, EveryMistakeNamesItsVariable) {
  const Made made =
      make({.listen = "here,127.0.0.1:99999", .admin_listen = "there", .threads = "0"});
  EXPECT_FALSE(made.settings);
  ASSERT_EQ(made.mistakes.size(), 4U);
  EXPECT_EQ(made.mistakes[0].message.substr(0, 25), "HITHER_DNS_LISTEN: 'here'");
  EXPECT_EQ(made.mistakes[2].message,
            "HITHER_THREADS: '0' is not a number of threads; write 1 to 256");
  EXPECT_EQ(made.mistakes[3].message.substr(0, 20), "HITHER_ADMIN_LISTEN:");
  EXPECT_EQ(make({.host = "x", .port = "y"}).mistakes.size(), 2U);
  EXPECT_EQ(make({.port = "65536"}).mistakes.size(), 1U);
}

TEST(Settings, ANameThatIsTooLongForAnswersIsAMistake) {
  EXPECT_TRUE(make({.node = std::string(128, 'n')}).settings);
  const Made made = make({.node = std::string(129, 'n')});
  EXPECT_FALSE(made.settings);
  ASSERT_EQ(made.mistakes.size(), 1U);
  EXPECT_EQ(made.mistakes[0].message,
            "HITHER_NODE: a name of 129 octets; write 128 at most, for it goes into answers");
}

TEST(Settings, NothingToListenOnIsAMistake) {
  topology::Description description = testing::make_description();
  description.dns.listen.clear();
  std::vector<Error> mistakes;
  EXPECT_FALSE(make_settings({}, description, 1, mistakes));
  EXPECT_EQ(mistakes.size(), 1U);
}

}  // namespace
}  // namespace hither::dns
