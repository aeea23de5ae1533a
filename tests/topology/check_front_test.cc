// SPDX-License-Identifier: Apache-2.0
#include "topology/check_front.h"

#include <gtest/gtest.h>

#include "tests/topology/worlds.h"

namespace hither::topology::check_front_test {
namespace {

using testing::mistakes_of;
using testing::read_sound;
using testing::two_rooms;

/// Two more farms on port 443, the first from line 12 on.
std::string world_with(const std::string& one, const std::string& other) {
  return std::string(two_rooms) + "[farm.one]\nport = 443\n" + one +
         "\n[farm.other]\nport = 443\n" + other + "\n";
}

TEST(CheckFront, FarmsOfAPortAreToldApartByName) {
  const std::string text = world_with("mode = 'tcp'\nserver_names = ['one.test', '*.one.test']",
                                      "mode = 'tcp'\nsend_proxy = 'v2'");
  EXPECT_EQ(mistakes_of(text), "");
  const Description description = read_sound(text);
  const Farm* one = description.rooms[1].find_farm("one");
  EXPECT_EQ(one->server_names, (std::vector<std::string>{"one.test", "*.one.test"}));
  EXPECT_EQ(description.rooms[0].find_farm("other")->send_proxy, SendProxy::v2);
}

TEST(CheckFront, WithoutNamesAPortIsOneFarms) {
  const std::string collision =
      "w:17:8: farm 'one' and farm 'other' would both listen on port 443; give one of them "
      "another\n";
  EXPECT_EQ(mistakes_of(world_with("mode = 'tcp'\n", "mode = 'tcp'")), collision);
  EXPECT_EQ(mistakes_of(world_with("mode = 'tcp'\nserver_names = ['one.test']", "")), collision);
}

struct Case {
  std::string name;
  std::string one;
  std::string other;
  std::string mistake;

  friend std::ostream& operator<<(std::ostream& out, const Case& row) { return out << row.name; }
};

class CheckFrontTest : public ::testing::TestWithParam<Case> {};

TEST_P(CheckFrontTest, IsSaidOnceWithPlaceAndCure) {
  EXPECT_EQ(mistakes_of(world_with(GetParam().one, GetParam().other)), GetParam().mistake);
}

const Case cases[] = {
    {"SameName", "mode = 'tcp'\nserver_names = ['a.test']",
     "mode = 'tcp'\nserver_names = ['b.test', 'a.test']",
     "w:19:16: farms 'one' and 'other' share port 443, and both are for 'a.test'; take it out of "
     "one\n"},
    {"NoName", "mode = 'tcp'\nserver_names = ['A.test']", "mode = 'tcp'\nserver_names = ['b.test']",
     "w:15:17: server_names cannot be \"A.test\"; write a name such as \"www.example.test\" or "
     "\"*.example.test\", in lower case\n"},
    {"OnlyAStar", "mode = 'tcp'\nserver_names = ['*.']", "mode = 'tcp'\nserver_names = ['b.test']",
     "w:15:17: server_names cannot be \"*.\"; write a name such as \"www.example.test\" or "
     "\"*.example.test\", in lower case\n"},
    {"HalfAProxy", "mode = 'tcp'\nserver_names = ['a.test']\naccept_proxy = 'always'",
     "mode = 'tcp'\naccept_proxy = 'never'",
     "w:20:16: farms 'one' and 'other' share port 443, and only one of them demands a PROXY "
     "header; write the same accept_proxy in both\n"},
};

INSTANTIATE_TEST_SUITE_P(Mistakes, CheckFrontTest, ::testing::ValuesIn(cases),
                         [](const auto& one) { return one.param.name; });

TEST(CheckFront, BelongsToModeTcp) {
  const std::string world = std::string(two_rooms) + "[farm.one]\nport = 443\n";
  EXPECT_EQ(mistakes_of(world + "server_names = ['a.test']\nsend_proxy = 'v1'\n"),
            "w:14:16: server_names are for TLS that passes through, and farm 'one' has mode "
            "\"http\"; write mode = \"tcp\"\n"
            "w:15:14: send_proxy is for mode \"tcp\"; the copies of farm 'one' find the client in "
            "X-Forwarded-For\n");
  EXPECT_EQ(mistakes_of(world + "accept_proxy = 'always'\n"), "");
}

}  // namespace
}  // namespace hither::topology::check_front_test
