// SPDX-License-Identifier: Apache-2.0
#include "io/resolver.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "io/clock.h"

namespace hither::io {
namespace {

std::optional<Result<Resolved>> resolve_now(const std::string& host) {
  Loop loop;
  Resolver resolver(loop);
  std::optional<Result<Resolved>> answer;
  Timer give_up(loop, [&] { loop.stop(); });
  give_up.set(monotonic_now() + std::chrono::seconds(20));
  resolver.resolve(host, [&](Result<Resolved> result) {
    answer = std::move(result);
    loop.stop();
  });
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

TEST(Resolver, MayBeDestroyedWhileItAsks) {
  Loop loop;
  auto resolver = std::make_unique<Resolver>(loop);
  resolver->resolve("somewhere.invalid", [&](const Result<Resolved>&) {});
  resolver.reset();

  loop.run();  // ends: nothing is left to wait for
}

}  // namespace
}  // namespace hither::io
