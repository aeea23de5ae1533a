// SPDX-License-Identifier: Apache-2.0
// A copy of a farm that tests can kill and freeze: a server with good manners, as a process.
//
//   misbehaving_copy 127.0.0.1:8080
#include <csignal>
#include <cstdio>

#include "io/loop.h"
#include "tests/support/misbehaving_server.h"

int main(int argc, char** argv) {
  const auto endpoint = hither::parse_endpoint(argc == 2 ? argv[1] : "");
  if (!endpoint) {
    std::fprintf(stderr, "usage: misbehaving_copy ADDRESS:PORT\n");
    return 2;
  }
  const hither::test::MisbehavingServer server(*endpoint, endpoint->port);
  hither::io::Loop loop;
  const hither::io::SignalWatch signals(loop, {SIGTERM}, [&loop](int) { loop.stop(); });
  loop.run();
  return 0;
}
