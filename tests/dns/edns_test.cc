// SPDX-License-Identifier: Apache-2.0
#include "dns/edns.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <vector>

#include "dns/query.h"
#include "tests/dns/support.h"

namespace hither::dns {
namespace {

using testing::Ask;
using testing::ask;

constexpr std::uint16_t nsid = 3;
constexpr std::uint16_t cookie = 10;
constexpr std::uint16_t keepalive = 11;

Query read(const Ask& query) {
  const auto result = testing::decoded(query.packet());
  EXPECT_TRUE(result);
  return result ? *result : Query{};
}

Bytes counting(std::size_t size) {
  Bytes octets(size);
  for (std::size_t i = 0; i < size; ++i) octets[i] = static_cast<std::byte>(i);
  return octets;
}

/// The options that are written, as a reply shows them.
testing::Reply written(const Edns& edns, const EdnsAnswer& answer, Rcode rcode = Rcode::noerror) {
  std::vector<std::byte> out(udp_payload_max);
  Writer writer(out);
  for (const std::uint16_t word : std::initializer_list<std::uint16_t>{0x1234, 0x8000, 0, 0, 0, 1})
    writer.u16(word);
  write_opt(edns, answer, rcode, writer);
  EXPECT_TRUE(writer.ok());
  EXPECT_EQ(writer.size(), header_size + opt_size(edns, answer));
  return testing::parse_reply(writer.written());
}

TEST(Edns, UnknownOptionsArePassedOver) {  // RFC 6891 s6.1.2
  const Query query =
      read(ask("a.test").option(65001, counting(7)).option(12, counting(40)).option(5, {}));
  EXPECT_EQ(query.problem, Rcode::noerror);
}

TEST(Edns, NsidIsAskedForWithoutData) {  // RFC 5001 s2.1
  EXPECT_TRUE(read(ask("a.test").option(nsid, {})).edns->wants_nsid);
  const Query wrong = read(ask("a.test").option(nsid, counting(1)));
  EXPECT_EQ(wrong.problem, Rcode::formerr);
  EXPECT_FALSE(wrong.edns->wants_nsid);
}

TEST(Edns, KeepaliveIsAskedForWithoutATimeout) {  // RFC 7828 s3.2.1
  EXPECT_TRUE(read(ask("a.test").option(keepalive, {})).edns->wants_keepalive);
  const Query servers = read(ask("a.test").option(keepalive, counting(2)));
  EXPECT_EQ(servers.problem, Rcode::noerror);
  EXPECT_FALSE(servers.edns->wants_keepalive);
}

TEST(Edns, ACookieHasTheLengthsThatItMayHave) {  // RFC 7873 s5.2.2
  for (std::size_t size = 0; size <= 48; ++size) {
    const bool good = size == 8 || (size >= 16 && size <= 40);
    const Query query = read(ask("a.test").option(cookie, counting(size)));
    EXPECT_EQ(query.problem, good ? Rcode::noerror : Rcode::formerr) << size;
    ASSERT_EQ(query.edns->cookie.has_value(), good) << size;
    if (!good) continue;
    EXPECT_TRUE(std::ranges::equal(query.edns->cookie->all(), counting(size))) << size;
    EXPECT_EQ(query.edns->cookie->has_server_part(), size > 8) << size;
  }
}

TEST(Edns, TwoCookiesAreAFormatError) {
  const Query query = read(ask("a.test").option(cookie, counting(8)).option(cookie, counting(8)));
  EXPECT_EQ(query.problem, Rcode::formerr);
}

TEST(Edns, AFormatErrorLeavesNoOption) {
  Ask several = ask("a.test").subnet("10.1.0.0/16").option(nsid, {}).option(keepalive, {});
  several.option(cookie, counting(8)).option(cookie, counting(3));
  const Query query = read(several);
  ASSERT_TRUE(query.edns);
  EXPECT_FALSE(query.edns->subnet);
  EXPECT_FALSE(query.edns->cookie);
  EXPECT_FALSE(query.edns->wants_nsid);
  EXPECT_FALSE(query.edns->wants_keepalive);
}

TEST(Edns, WritesWhatTheAnswerSaysAndNothingElse) {
  const Edns plain{.dnssec_ok = true};
  EXPECT_TRUE(written(plain, {}).options.empty());

  const Bytes name = counting(5);
  EdnsAnswer answer{.ede = Ede::not_ready, .nsid = name, .keepalive = 100};
  answer.cookie.emplace().fill(std::byte{7});
  const testing::Reply reply = written(plain, answer);
  EXPECT_EQ(reply.extended_error(), 14);
  EXPECT_EQ(reply.options.at(nsid), name);
  EXPECT_EQ(reply.options.at(cookie), Bytes(24, std::byte{7}));
  EXPECT_EQ(reply.options.at(keepalive), (Bytes{std::byte{0}, std::byte{100}}));
  EXPECT_EQ(reply.options.size(), 4U);
}

TEST(Edns, WhatHasNoRoomIsLeftOutInAFixedOrder) {
  Edns edns;
  ClientSubnet& subnet = edns.subnet.emplace();
  subnet = *parse_client_subnet(
      testing::subnet_data(2, 128, 0, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}));
  const Bytes name = counting(5);
  EdnsAnswer all{.ede = Ede::not_ready, .nsid = name, .keepalive = 100};
  all.cookie.emplace().fill(std::byte{7});
  EXPECT_EQ(opt_size(edns, all), opt_size_least_max + 9 + 6 + 6);

  for (std::size_t room = opt_size_least_max; room <= opt_size_least_max + 22; ++room) {
    EdnsAnswer fitted = all;
    fit_options(edns, room, fitted);
    const std::size_t more = room - opt_size_least_max;
    EXPECT_LE(opt_size(edns, fitted), room);
    EXPECT_EQ(!fitted.nsid.empty(), more >= 21) << more;
    EXPECT_EQ(fitted.ede.has_value(), more >= 12) << more;
    EXPECT_EQ(fitted.keepalive.has_value(), more >= 6) << more;
    EXPECT_TRUE(fitted.cookie);
  }
}

TEST(Edns, TheUpperBitsOfTheCodeStandInTheRecord) {
  EXPECT_EQ(written({}, {}, Rcode::badvers).rcode, 16);
  EXPECT_EQ(written({}, {}, Rcode::refused).rcode, 0) << "its lower bits stand in the header";
}

}  // namespace
}  // namespace hither::dns
