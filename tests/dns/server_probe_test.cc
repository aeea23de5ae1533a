// SPDX-License-Identifier: Apache-2.0
#include "dns/server_probe.h"

#include <gtest/gtest.h>

#include <memory>

#include "io/socket.h"
#include "tests/support/no_descriptors.h"
#include "tests/support/sanitized.h"

namespace hither::dns::server_probe_test {
namespace {

using namespace std::chrono_literals;
using Kind = topology::ProbeRule::Kind;

/// What comes of a probe of somebody who takes connections and says nothing.
ProbeResult probe(io::Loop& loop, Kind kind, const Endpoint& target) {
  ProbeResult result;
  std::unique_ptr<SentProbe> sent;
  sent = std::make_unique<SentProbe>(
      loop,
      Probe{.kind = kind, .room = 0, .farms = {}, .target = target, .path = "/", .host = "room"},
      20ms, [&](const ProbeResult& got) {
        result = got;
        loop.stop();
      });
  loop.run();
  return result;
}

TEST(SentProbe, TellsWhatWeLackedFromWhatTheRoomDid) {
  if (hither::test::sanitized) GTEST_SKIP() << "UBSan needs descriptors of its own";
  const io::Fd listener = *io::listen_tcp({.address = Address::v4(0x7f000001), .port = 0});
  const Endpoint room = *io::local_endpoint(listener.get());
  for (const Kind kind : {Kind::report, Kind::http, Kind::tcp}) {
    io::Loop loop;
    ProbeResult lacking;
    {
      const test::NoDescriptors none;
      lacking = probe(loop, kind, room);
    }
    EXPECT_TRUE(lacking.ours);
    EXPECT_FALSE(lacking.passed);
    EXPECT_FALSE(lacking.reason.empty());

    io::Loop another;
    const ProbeResult answer = probe(another, kind, room);
    EXPECT_FALSE(answer.ours);
    EXPECT_EQ(answer.reason, kind == Kind::tcp ? "" : "timed out");
  }
}

}  // namespace
}  // namespace hither::dns::server_probe_test
