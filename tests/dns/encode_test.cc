// SPDX-License-Identifier: Apache-2.0
#include "dns/encode.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "tests/dns/support.h"

namespace hither::dns {
namespace {

using testing::Ask;
using testing::ask;
using testing::Reply;
using testing::subnet_data;
using testing::World;

/// A zone whose name "many" has `count` addresses, and whose delegation "child" has much glue.
World world_with(int count) {
  std::string zone = testing::example_zone();
  for (int i = 1; i <= count; ++i) {
    zone += fmt::format("many IN A 10.9.{}.{}\n", i / 250, i % 250);
  }
  for (int i = 1; i <= 12; ++i) {
    const std::string server = fmt::format("a-rather-long-name-of-a-server-{}.big", i);
    zone += fmt::format("big IN NS {0}\n{0} IN A 192.0.2.200\n{0} IN AAAA 2001:db8::200\n", server);
  }
  return World(testing::make_description(), zone);
}

TEST(Encode, WholeSetsOrNone) {
  const World world = world_with(40);
  const Reply cut = world.respond(ask("many.example.test"));
  EXPECT_TRUE(cut.truncated);
  EXPECT_TRUE(cut.answer.empty());
  EXPECT_LE(cut.size, udp_payload_min);

  const Reply whole = world.respond(ask("many.example.test").with_edns(1232));
  EXPECT_FALSE(whole.truncated);
  EXPECT_EQ(whole.answer.size(), 40U);
}

TEST(Encode, TruncatedAnswersKeepOptAndSubnet) {  // RFC 6891 s7, RFC 7871 s7.2.1, trap 4
  const Reply reply =
      world_with(200).respond(ask("many.example.test").with_edns(1232).subnet("10.3.0.0/16"));
  EXPECT_TRUE(reply.truncated);
  EXPECT_TRUE(reply.edns);
  EXPECT_EQ(reply.scope(), 0);
}

TEST(Encode, TheLimitIsTheAskersAndOurs) {
  Query query;
  EXPECT_EQ(answer_size_max(query, Transport::udp, 1232), 512U);
  EXPECT_EQ(answer_size_max(query, Transport::tcp, 1232), 65535U);
  query.edns = Edns{.payload_size = 100};
  EXPECT_EQ(answer_size_max(query, Transport::udp, 1232), 512U);
  query.edns->payload_size = 900;
  EXPECT_EQ(answer_size_max(query, Transport::udp, 1232), 900U);
  EXPECT_EQ(answer_size_max(query, Transport::udp, 700), 700U);
  query.edns->payload_size = 4096;
  EXPECT_EQ(answer_size_max(query, Transport::udp, 1232), 1232U);
}

TEST(Encode, EverySizeKeepsItsLimitAndCanBeRead) {
  const World world = world_with(0);
  for (std::uint16_t size = 512; size <= 1232; size = static_cast<std::uint16_t>(size + 7)) {
    const Reply reply = world.respond(ask("x.big.example.test").with_edns(size));
    EXPECT_LE(reply.size, size);
    EXPECT_EQ(reply.truncated, reply.additional.size() < 24) << size;
  }
}

TEST(Encode, TcpTakesWhatUdpCannot) {
  const Reply reply =
      world_with(2000).respond(ask("many.example.test"), "192.0.2.1", Transport::tcp);
  EXPECT_FALSE(reply.truncated);
  EXPECT_EQ(reply.answer.size(), 2000U);
  EXPECT_LT(reply.size, 2000U * 16 + 64) << "owners are compressed to two octets";
}

TEST(Encode, NamesInRdataAreCompressed) {
  const Reply reply = world_with(0).respond(ask("example.test", Type::mx));
  // Header, question, owner as a pointer, 10 fixed octets, preference, "mail" and a pointer.
  EXPECT_EQ(reply.size, 12U + 14 + 4 + 2 + 10 + 2 + 5 + 2);
  EXPECT_EQ(reply.answer[0], "example.test. 300 IN MX 10 mail.example.test.");
}

TEST(Encode, NamesThatRepeatTheirOwnLabelsAreWrittenRight) {
  const std::string zone = testing::example_zone() + "a.a.a.a IN CNAME a.a.a.a.a.a\n";
  const Reply reply =
      World(testing::make_description(), zone).respond(ask("a.a.a.a.example.test", Type::cname));
  EXPECT_EQ(reply.only_data(), "a.a.a.a.a.a.example.test.");
}

/// So large that most of it is behind the reach of pointers, and no message has room for it if its
/// names are written out.
constexpr int large_count = 2000;
std::string large_zone() {
  std::string zone = testing::example_zone() + "far IN CNAME many\n";
  for (int i = 0; i < large_count; ++i) {
    zone += fmt::format("many IN MX {} mx-{}.of.many\n", i, i);
  }
  return zone;
}

std::vector<std::string> large_set() {
  std::vector<std::string> records;
  records.reserve(large_count);
  for (int i = 0; i < large_count; ++i) {
    records.push_back(
        fmt::format("many.example.test. 300 IN MX {} mx-{}.of.many.example.test.", i, i));
  }
  return records;
}

// A CNAME in front makes a set stand where it was not prepared for.
TEST(Encode, SetsThatEndBehindTheReachOfPointersAreCompressedAllTheSame) {
  const World world(testing::make_description(), large_zone());
  for (const char* name : {"many.example.test", "far.example.test"}) {
    const Reply reply = world.respond(ask(name, Type::mx), "192.0.2.1", Transport::tcp);
    EXPECT_FALSE(reply.truncated) << name;
    EXPECT_GT(reply.size, 0x3fffU) << name;
    std::vector<std::string> wanted = large_set();
    if (std::string_view(name).starts_with("far")) {
      wanted.insert(wanted.begin(), "far.example.test. 300 IN CNAME many.example.test.");
    }
    EXPECT_EQ(reply.answer, wanted) << name;
  }
}

// The longest chain there is: each name takes nearly all that a name can have.
TEST(Encode, TheLongestChainLeavesALargeSetCompressed) {
  std::string zone = large_zone();
  const std::string filler = std::string(60, 'f') + "." + std::string(60, 'f') + "." +
                             std::string(60, 'f') + "." + std::string(40, 'f');
  for (int i = 1; i < cname_chain_max; ++i) {
    const std::string next = i + 1 < cname_chain_max ? fmt::format("{}.n{}", filler, i + 1) : "far";
    zone += fmt::format("{}.n{} IN CNAME {}\n", filler, i, next);
  }
  const Reply reply =
      World(testing::make_description(), zone)
          .respond(ask(filler + ".n1.example.test", Type::mx), "192.0.2.1", Transport::tcp);
  EXPECT_FALSE(reply.truncated);
  ASSERT_EQ(reply.answer.size(), cname_chain_max + std::size_t{large_count});
  EXPECT_EQ(std::vector(reply.answer.end() - large_count, reply.answer.end()), large_set());
}

// No zone leads to such an answer, so it is made by hand.
TEST(Encode, ASetThatWasMovedBehindTheReachOfPointersIsWrittenOut) {
  const auto query = testing::decoded(ask("x.test", Type::mx).packet());
  ASSERT_TRUE(query);
  const ByteView owner = query->name.wire();
  RrSet large{.type = Type{65280}, .ttl = 60};
  large.add(Bytes(0x3fff));
  large.prepare(owner);
  RrSet exchanges{.type = Type::mx, .ttl = 60};
  for (const char* name : {"a.mail.invalid", "b.mail.invalid", "c.x.test"}) {
    Bytes data = {std::byte{0}, std::byte{9}};
    append(data, Name::parse(name)->wire());
    exchanges.add(data);
  }
  exchanges.prepare(owner);
  const Owner asked{.in = Owner::In::question, .size = static_cast<std::uint8_t>(owner.size())};
  Answer answer;
  answer.answer.push_back({.owner = asked, .set = &large, .ttl = 60});
  answer.answer.push_back({.owner = asked, .set = &exchanges, .ttl = 60});
  std::vector<std::byte> out(message_size_max);

  const std::size_t size = encode(*query, answer, message_size_max, out);

  const Reply reply = testing::parse_reply(ByteView(out).first(size));
  ASSERT_EQ(reply.answer.size(), 4U);
  EXPECT_EQ(reply.answer[1], "x.test. 60 IN MX 9 a.mail.invalid.");
  EXPECT_EQ(reply.answer[2], "x.test. 60 IN MX 9 b.mail.invalid.");
  EXPECT_EQ(reply.answer[3], "x.test. 60 IN MX 9 c.x.test.");
}

TEST(Encode, GlueOfFarServersHasItsWholeName) {
  std::string zone = testing::example_zone();
  for (int i = 0; i < 400; ++i) {
    zone += fmt::format("far IN NS {}-{}.{}.elsewhere.invalid.\n", std::string(50, 'n'), i, i);
  }
  zone += "far IN NS zz.far\nzz.far IN A 192.0.2.7\n";
  const Reply reply = World(testing::make_description(), zone)
                          .respond(ask("x.far.example.test"), "192.0.2.1", Transport::tcp);
  EXPECT_EQ(reply.authority.size(), 401U);
  EXPECT_GT(reply.size, 0x3fffU);
  EXPECT_EQ(reply.additional, std::vector<std::string>{"zz.far.example.test. 300 IN A 192.0.2.7"});
}

TEST(Encode, NamesOfOneSetAreCompressedAgainstEachOther) {
  const std::string zone = testing::example_zone() +
                           "two IN NS a.servers.elsewhere.invalid.\n"
                           "two IN NS b.servers.elsewhere.invalid.\n";
  const Reply reply = World(testing::make_description(), zone).respond(ask("x.two.example.test"));
  // Header, question, two owners and heads, "a.servers.elsewhere.invalid", "b" and a pointer.
  EXPECT_EQ(reply.size, 12U + 20 + 4 + 12 + 29 + 12 + 4);
  EXPECT_EQ(reply.authority[1], "two.example.test. 300 IN NS b.servers.elsewhere.invalid.");
}

TEST(Encode, TheLongestNameIsAnsweredAndDenied) {
  std::string name;
  for (int i = 0; i < 3; ++i) name += std::string(63, 'a') + ".";
  name += std::string(63 - 15, 'b') + ".example.test";  // 255 octets in wire form
  const World world = world_with(0);
  EXPECT_EQ(world.respond(ask(name)).authority.size(), 1U);
  EXPECT_EQ(world.respond(ask(name)).rcode, 3);
  const World served(testing::make_description(),
                     testing::example_zone() + name + ". IN A 192.0.2.8\n");
  EXPECT_EQ(served.respond(ask(name)).only_data(), "192.0.2.8");
}

/// The longest name that ends in `parent`: 255 octets in wire form.
std::string longest_below(const std::string& parent) {
  std::string name = parent;
  for (std::size_t left = name_octets_max - parent.size() - 2; left > 0;) {
    std::size_t label = std::min(left - 1, label_octets_max);
    if (left - label - 1 == 1) --label;
    name.insert(0, std::string(label, 'a') + ".");
    left -= label + 1;
  }
  return name;
}

/// Every kind of answer, under names of the greatest length.
class Longest {
 public:
  Longest() {
    std::string zone = testing::example_zone() + "*.small IN TXT x\n*.none IN CNAME small\n";
    for (int i = 0; i < 20; ++i) {
      zone += fmt::format("*.large IN TXT \"{}{}\"\n", std::string(200, 'x'), i);
      zone +=
          fmt::format("parted IN NS a-server-{0}.parted\na-server-{0}.parted IN A 192.0.2.1\n", i);
    }
    topology::Description description = testing::make_description();
    description.names.push_back({.name = steered(), .farm = "web"});
    world_ = std::make_unique<World>(description, zone);
    world_->stale = {"web"};  // Steered answers say so.
  }

  static std::string steered() { return longest_below("steered.example.test"); }
  /// All that an asker can want, of a server called by so many octets.
  Reply respond(Ask query, std::uint16_t size, std::size_t node_octets,
                Transport transport = Transport::udp) {
    auto protocol = std::make_shared<Protocol>();
    protocol->nsid = std::string(node_octets, 'n');
    world_->protocol = protocol;
    query.with_edns(size).subnet("2001:db8:10::1/128");
    query.option(3, {}).option(10, Bytes(8)).option(11, {});
    return world_->respond(query, "192.0.2.1", transport);
  }

 private:
  std::unique_ptr<World> world_;
};

std::vector<Ask> longest_questions() {
  std::vector<Ask> all;
  for (const char* parent : {"small", "large", "none", "parted", "nothing"}) {
    all.push_back(ask(longest_below(std::string(parent) + ".example.test"), Type::txt));
  }
  all.push_back(ask(longest_below("small.example.test"), Type::any));
  all.push_back(ask(longest_below("small.example.test"), Type::mx));
  all.push_back(ask(longest_below("moved.example.test")));
  all.push_back(ask(longest_below("other.invalid")));
  all.push_back(ask(Longest::steered()));
  Ask later = ask(longest_below("small.example.test"), Type::txt);
  later.version = 1;  // BADVERS
  all.push_back(later);
  Ask update = ask(longest_below("small.example.test"), Type::soa);
  update.flags = 5U << 11U;  // NOTIMP
  all.push_back(update);
  Ask malformed = ask(longest_below("small.example.test"));
  all.push_back(malformed.option(8, {}));  // FORMERR
  return all;
}

// An overflow here is a packet that kills the server.
TEST(Encode, TheLongestNameWithAllOptionsFitsWhateverTheLimit) {
  Longest server;
  for (const Ask& question : longest_questions()) {
    for (const std::size_t node : {0U, 1U, 100U, 128U, 150U, 170U, 200U, 220U, 255U}) {
      for (std::uint16_t size = 512; size <= 1232; size = static_cast<std::uint16_t>(size + 13)) {
        const Reply reply = server.respond(question, size, node);
        ASSERT_FALSE(reply.silent) << question.name << " " << node << " " << size;
        ASSERT_TRUE(reply.edns) << question.name << " " << node << " " << size;
        ASSERT_LE(reply.size, size) << question.name << " " << node;
      }
      const Reply whole = server.respond(question, 512, node, Transport::tcp);
      EXPECT_FALSE(whole.truncated);
    }
  }
}

TEST(Encode, ANodesNameThatIsNotTooLongIsToldBesideTheLongestQuestion) {
  const Ask question = ask(longest_below("other.invalid"));
  Longest server;
  const Reply whole = server.respond(question, 512, topology::DnsProtocol::node_octets_max);
  EXPECT_TRUE(whole.options.contains(3));
  const Reply reply = server.respond(question, 512, 255);
  EXPECT_FALSE(reply.options.contains(3)) << "it is what is left out first";
  EXPECT_EQ(reply.extended_error(), 20);
  EXPECT_TRUE(reply.options.contains(8) && reply.options.contains(10));
}

TEST(Encode, TheSubnetIsEchoedBitForBit) {  // trap 5
  const Reply reply = world_with(0).respond(ask("www.example.test").subnet("10.2.3.128/25"));
  const Bytes wanted = subnet_data(1, 25, 24, {10, 2, 3, 128});
  ASSERT_TRUE(reply.options.contains(8));
  EXPECT_EQ(reply.options.at(8), wanted);
}

TEST(Encode, WhoSendsNoOptGetsNone) {
  EXPECT_FALSE(world_with(0).respond(ask("www.example.test")).edns);
  EXPECT_FALSE(world_with(0).respond(ask("other.invalid")).edns);
}

TEST(Encode, IdAndFlagsAreEchoed) {
  testing::Ask query = ask("mail.example.test");
  query.id = 0xbeef;
  EXPECT_TRUE(world_with(0).respond(query).recursion_desired);
  query.flags = 0;
  const Reply reply = world_with(0).respond(query);
  EXPECT_EQ(reply.id, 0xbeef);
  EXPECT_FALSE(reply.recursion_desired);
}

}  // namespace
}  // namespace hither::dns
