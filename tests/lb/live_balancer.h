// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <thread>
#include <vector>

#include "io/http_client.h"
#include "lb/server.h"
#include "tests/lb/live_peer.h"

namespace hither::lb::test {

/// A balancer in a thread of its own, and the scripted servers behind it.
class LiveBalancer : public testing::Test {
 protected:
  static topology::Farm farm_of(const std::string& name, topology::Mode mode);
  /// All farms on one port, each with so many servers.
  void start(std::vector<topology::Farm> farms, unsigned threads = 1, std::size_t servers = 1);
  /// One farm "web".
  void start(topology::Mode mode, unsigned threads = 1, std::size_t servers = 1) {
    start({farm_of("web", mode)}, threads, servers);
  }
  void stop();
  void TearDown() override;

  io::HttpReply ask(const std::string& path) const;
  nlohmann::json status() const;
  /// It was told to stop, and its clients leave.
  bool drains() const;
  /// Of the first farm, with all its servers.
  int in_flight() const;
  /// What went through pipes for farm web so far; negative if nobody says.
  double relayed_bytes() const;
  ScriptedServer& server(std::size_t i = 0) { return *servers_[i]; }

  Endpoint front_;
  Endpoint admin_;
  std::vector<std::unique_ptr<ScriptedServer>> servers_;
  std::unique_ptr<Balancer> balancer_;
  std::thread thread_;
  std::atomic<bool> ended_{false};

 private:
  static void answer_probe(ScriptedServer& server, topology::Mode mode);
  void expect_at_rest() const;
};

}  // namespace hither::lb::test
