// SPDX-License-Identifier: Apache-2.0
#include "io/resolver.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "io/clock.h"
#include "tests/support/name_server.h"

namespace hither::io {
namespace {

std::optional<Result<Resolved>> resolve_now(const std::string& host,
                                            std::vector<Endpoint> servers = {},
                                            std::optional<Address> in_use = std::nullopt) {
  Loop loop;
  Resolver resolver(loop, servers);
  std::optional<Result<Resolved>> answer;
  Timer give_up(loop, [&] { loop.stop(); });
  give_up.set(monotonic_now() + std::chrono::seconds(20));
  resolver.resolve(
      host,
      [&](Result<Resolved> result) {
        answer = std::move(result);
        loop.stop();
      },
      in_use);
  if (!answer) loop.run();
  return answer;
}

TEST(Resolver, AnAddressIsItsOwnAnswer) {
  const auto answer = resolve_now("127.0.0.9");

  ASSERT_TRUE(answer && *answer);
  EXPECT_EQ((*answer)->addresses, std::vector<Address>{*parse_address("127.0.0.9")});
}

TEST(Resolver, KnowsLocalhostFromTheHostsFile) {
  const auto answer = resolve_now("localhost");

  ASSERT_TRUE(answer && *answer);
  EXPECT_TRUE(std::ranges::all_of((*answer)->addresses, &Address::is_loopback));
}

TEST(Resolver, ANameThatCannotBeIsAnErrorThatNamesIt) {
  const auto answer = resolve_now("no..name");

  ASSERT_TRUE(answer);
  ASSERT_FALSE(*answer);
  EXPECT_NE(answer->error().message.find("'no..name' does not resolve"), std::string::npos);
}

TEST(Resolver, AsksTheServersItIsGiven) {
  test::NameServer server;
  server.answer({Address::v4(0x0a000002), Address::v4(0x0a000001)}, 7);

  const auto answer = resolve_now("web.internal", {server.endpoint()});

  ASSERT_TRUE(answer && *answer) << answer->error().message;
  EXPECT_EQ((*answer)->addresses,
            (std::vector<Address>{Address::v4(0x0a000001), Address::v4(0x0a000002)}));
  EXPECT_EQ((*answer)->ttl, std::chrono::seconds(7));
  EXPECT_GT(server.questions(), 0);
}

TEST(Resolver, ErrorsAndEmptyAnswersAreFailures) {
  test::NameServer server;
  for (const int code : {0, 2, 3}) {  // Nothing there, SERVFAIL, NXDOMAIN.
    server.fail(static_cast<std::uint8_t>(code));

    const auto answer = resolve_now("web.internal", {server.endpoint()});

    ASSERT_TRUE(answer) << code;
    EXPECT_FALSE(*answer) << code;
  }
}

const Address ipv4 = Address::v4(0x0a000001);
const Address ipv6 = *parse_address("fd00::1");

TEST(Resolver, TellsOfBothFamilies) {
  test::NameServer server;
  server.answer({ipv6, ipv4}, 7);

  const auto answer = resolve_now("web.internal", {server.endpoint()});

  ASSERT_TRUE(answer && *answer);
  EXPECT_EQ((*answer)->addresses, (std::vector<Address>{ipv4, ipv6}));
}

/// Who uses an IPv4 address would have to leave it, for nothing but a lost answer.
TEST(Resolver, ThatTheFamilyInUseFailedIsAFailure) {
  test::NameServer server;
  server.answer({ipv4, ipv6}, 7);
  server.fail_ipv4(2);

  const auto of_ipv4 = resolve_now("web.internal", {server.endpoint()}, ipv4);
  const auto of_ipv6 = resolve_now("web.internal", {server.endpoint()}, ipv6);
  const auto of_neither = resolve_now("web.internal", {server.endpoint()});

  ASSERT_TRUE(of_ipv4 && of_ipv6 && of_neither);
  ASSERT_FALSE(*of_ipv4);
  EXPECT_NE(of_ipv4->error().message.find("'web.internal' does not resolve"), std::string::npos);
  ASSERT_TRUE(*of_ipv6) << of_ipv6->error().message;
  EXPECT_EQ((*of_ipv6)->addresses, std::vector<Address>{ipv6});
  ASSERT_TRUE(*of_neither) << of_neither->error().message;
}

TEST(Resolver, ThatTheFamilyInUseIsGoneIsAnAnswer) {
  test::NameServer server;
  for (const int code : {0, 3}) {  // Nothing there, NXDOMAIN.
    server.answer({ipv6}, 7);
    server.fail_ipv4(static_cast<std::uint8_t>(code));

    const auto answer = resolve_now("web.internal", {server.endpoint()}, ipv4);

    ASSERT_TRUE(answer && *answer) << code << answer->error().message;
    EXPECT_EQ((*answer)->addresses, std::vector<Address>{ipv6}) << code;
    EXPECT_EQ((*answer)->ttl, std::chrono::seconds(7)) << code;
  }
}

TEST(Resolver, MayBeDestroyedWhileItAsks) {
  Loop loop;
  auto resolver = std::make_unique<Resolver>(loop);
  resolver->resolve("somewhere.invalid", [&](const Result<Resolved>&) {});
  resolver.reset();

  loop.run();  // ends: nothing is left to wait for
}

}  // namespace
}  // namespace hither::io
