// SPDX-License-Identifier: Apache-2.0
#include "topology/shape.h"

#include <gtest/gtest.h>

namespace hither::topology::shape_test {
namespace {

/// A text, and what check_shape() says about it; places are left out unless they are the point.
struct Case {
  std::string name;
  std::string text;
  std::string message;

  friend std::ostream& operator<<(std::ostream& out, const Case& row) { return out << row.name; }
};

class Shape : public ::testing::TestWithParam<Case> {};

TEST_P(Shape, SaysWhatIsWrongAndWhatWouldBeRight) {
  const Document document = read_document(GetParam().text);
  ASSERT_TRUE(document.mistakes.empty());

  std::vector<Mistake> mistakes;
  check_shape(document.root, mistakes);

  std::string messages;
  for (const Mistake& mistake : mistakes) {
    messages += (messages.empty() ? "" : " | ") + mistake.message;
    EXPECT_GT(mistake.where.line, 0);
  }
  EXPECT_EQ(messages, GetParam().message);
}

const Case cases[] = {
    {"Empty", "", ""},
    {"UnknownNearOne", "dns.listn = '127.0.0.1:53'", "unknown key 'listn'; did you mean 'listen'?"},
    {"UnknownLikeNone", "local.xyzzy = 1",
     "unknown key 'xyzzy'; the keys here are first_port and admin_port"},
    {"UnknownOnTop", "what_is_this = 1",
     "unknown key 'what_is_this'; the keys of a description are schema, world, dns, local, zone, "
     "name, policy, farm, room, network and latency"},
    {"Missing", "name.\"a.test\" = {}", "'a.test' has no farm; write farm = \"web\""},
    {"MissingInList", "[[network]]\ntitle = 'x'",
     "[[network]] has no prefix; write prefix = \"192.0.2.0/24\" | [[network]] has no location; "
     "write "
     "location = [latitude, longitude]"},
    {"WrongType", "farm.a.port = 'x'", "port is a string; write an integer from 1 to 65535"},
    {"FractionForInteger", "farm.a.port = 80.5",
     "port is a number with a point; write an integer from 1 to 65535"},
    {"OutOfRange", "farm.a = { port = 80, copies = 1001 }",
     "copies is 1001; write an integer from 0 to 1000"},
    {"NoUnit", "dns.health.interval = 500",
     "interval is 500 without a unit; write \"500ms\" or \"500s\""},
    {"NoUnitInString", "dns.health.interval = '500'",
     "interval: duration '500' has no unit; write 500ms or 500s"},
    {"DurationOutOfRange", "dns.health.interval = '9ms'",
     "interval is \"9ms\"; write a duration from \"10ms\" to \"1h\""},
    {"WordNearOne", "farm.a = { port = 1, mode = 'htpp' }",
     "mode cannot be \"htpp\"; did you mean \"http\"?"},
    {"WordLikeNone", "farm.a = { port = 1, balance = 'fastest' }",
     "balance cannot be \"fastest\"; write \"least-request\", \"round-robin\", \"peak-ewma\", "
     "\"hot-cold\", \"maglev\", \"source\" or \"first\""},
    {"NotAList", "farm.a = { port = 1, command = 'ls -l' }",
     "command is a string; write a list in [brackets], each of it a string"},
    {"EmptyEither", "dns.listen = []",
     "listen is an empty list; write an address and port such as \"127.0.0.1:53\" or \"[::1]:53\", "
     "or "
     "a list of them, or leave the key out"},
    {"PortZero", "dns.listen = '127.0.0.1:0'",
     "listen has port 0, where nobody would find it; write one from 1 to 65535"},
    {"NotAnAddress", "room.a.address = 'localhost'",
     "address: 'localhost' is not an IP address; write one such as 192.0.2.1 or 2001:db8::1"},
    {"BitsBehindThePrefix", "network = [{ prefix = '10.0.0.1/8', location = [1, 2] }]",
     "prefix: '10.0.0.1/8' has bits set behind its length; write 10.0.0.0/8"},
    {"NotAServer", "farm.a = { port = 1, servers = ['a:0'] }",
     "servers cannot be \"a:0\"; write a host and port such as \"10.0.0.7:8080\" or "
     "\"web.internal:8080\""},
    {"SwappedLocation", "room.a.location = [-122.4, 37.8]",
     "latitude -122.4 is out of range; write one from -90 to 90 (latitude comes first)"},
    {"HalfALocation", "room.a.location = [1]",
     "location is not two numbers; write [latitude, longitude] in degrees, such as [50.11, 8.68]"},
    {"NotANumber", "room.a.location = [nan, 1]",
     "latitude nan is out of range; write one from -90 to 90 (latitude comes first)"},
    {"NotATable", "dns = 1", "dns is an integer; write a table, [dns]"},
    {"NotATableByName", "farm.web = 8080", "'web' is an integer; write a table, [farm.web]"},
    {"NotTables", "network = { prefix = 'x' }",
     "network is a table; write [[network]] before each"},
    {"WorldsNameAsInTheDesign", "name = 'three-rooms'",
     "name is a string; write a table, [name.\"www.example.test\"] (the world's own name is the "
     "key "
     "world)"},
    {"CapitalLabel", "room.FRA = {}",
     "'FRA' cannot name a room; write lower-case letters, digits and inner hyphens, 63 at most"},
    {"BadHost", "zone.'exa mple.test' = {}",
     "'exa mple.test' is not a host name; write labels of letters, digits and hyphens with dots "
     "between, in quotes, such as zone.\"www.example.test\" (other scripts in their xn-- form)"},
    {"UnquotedHost", "zone.example.test = {}",
     "unknown key 'test'; a name with dots needs quotes: [zone.\"example.test\"]"},
    {"UnquotedLongHost", "[name.www.example.test]\nfarm = 'web'",
     "unknown key 'example'; a name with dots needs quotes: [name.\"www.example.test\"]"},
    {"BadVariable", "farm.a = { port = 1, environment = { 'A-B' = '1' } }",
     "'A-B' is not a variable's name; write letters, digits and underscores"},
    {"PortInARoom", "[room.a.farm.web]\nport = 80",
     "a room cannot have its own port; write it in [farm.NAME], for all rooms"},
    {"NulInAString", "world = \"a\\u0000b\"", "world holds a NUL character; take it out"},
    {"EmptyString", "room.a.title = ''", "title is empty; write a text, or leave the key out"},
    {"WorldWithASlash", "world = 'a/b'",
     "'a/b' cannot name a world; write lower-case letters, digits and inner hyphens, 63 at most"},
};

INSTANTIATE_TEST_SUITE_P(Text, Shape, ::testing::ValuesIn(cases),
                         [](const auto& row) { return row.param.name; });

TEST(HostName, IsComparedInLowerCaseWithoutTheLastDot) {
  EXPECT_EQ(host_name_of("WWW.Example.test."), "www.example.test");
  EXPECT_EQ(host_name_of("_sip._tcp.a"), "_sip._tcp.a");
}

TEST(HostName, HasLabelsOfOneTo63AndAtMost253Octets) {
  const std::string label(63, 'a');
  const std::string most = label + "." + label + "." + label + "." + std::string(61, 'a');

  EXPECT_TRUE(host_name_of(most).has_value());
  EXPECT_FALSE(host_name_of(most + "a").has_value());
  EXPECT_FALSE(host_name_of(label + "a").has_value());
  for (const char* bad : {"", ".", "a..b", ".a", "-a", "a-", "a b", "a..", "*.a"}) {
    EXPECT_FALSE(host_name_of(bad).has_value()) << bad;
  }
}

TEST(Label, IsLowerCaseWithInnerHyphens) {
  for (const char* good : {"a", "0", "a-b", "web2"}) EXPECT_TRUE(is_label(good)) << good;
  for (const char* bad : {"", "A", "a_b", "-a", "a-", "a.b", "a/b"}) {
    EXPECT_FALSE(is_label(bad)) << bad;
  }
}

}  // namespace
}  // namespace hither::topology::shape_test
