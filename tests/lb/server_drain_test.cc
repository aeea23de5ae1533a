// SPDX-License-Identifier: Apache-2.0
//
// A worker alone, as its clients leave.
#include <gtest/gtest.h>

#include <memory>

#include "lb/drain.h"
#include "lb/server_worker.h"
#include "tests/lb/live_peer.h"

namespace hither::lb::test {
namespace {

/// Two farms whose copies are not known to be up: in mode tcp clients are closed at once, in mode
/// http not before they ask.
class DrainingWorker : public testing::Test {
 protected:
  DrainingWorker() {
    Worker::Change change;
    for (std::size_t i = 0; i < farms_.size(); ++i) {
      const Endpoint endpoint = free_endpoint();
      Result<io::Fd> socket = io::listen_tcp(endpoint);
      EXPECT_TRUE(socket) << socket.error().message;
      if (!socket) return;
      Port port{.port = endpoint.port};
      port.farms = {i};
      change.farms.push_back({.farm = &farms_[i], .idle = &idle_[i], .log = nullptr});
      change.doors.push_back({.endpoint = endpoint, .port = std::make_shared<const Port>(port)});
      change.sockets.emplace_back(endpoint, std::move(*socket));
      fronts_.push_back(endpoint);
    }
    worker_.hold();
    worker_.apply(std::move(change));
  }

  static topology::Farm farm_of(const char* name, topology::Mode mode) {
    topology::Farm farm;
    farm.name = name;
    farm.mode = mode;
    return farm;
  }

  std::array<Farm, 2> farms_ = {
      Farm("fra", farm_of("raw", topology::Mode::tcp), {{"raw-1", "127.0.0.1:1"}}, 1),
      Farm("fra", farm_of("web", topology::Mode::http), {{"web-1", "127.0.0.1:1"}}, 1)};
  std::array<SharedIdle, 2> idle_ = {SharedIdle(1), SharedIdle(1)};
  io::Loop loop_;
  Worker worker_{loop_, 0, 1};
  std::vector<Endpoint> fronts_;
};

TEST_F(DrainingWorker, IsNotEmptyWhileOthersAreLetIn) {
  Peer comes_and_goes = connect_to(fronts_.at(0));
  Peer stays = connect_to(fronts_.at(1));
  int empty = 0;
  int empty_at_first = -1;

  worker_.drain(rule_for_stop(Duration::zero()), {}, [&] {
    ++empty;
    loop_.stop();
  });
  loop_.post([&] {
    empty_at_first = empty;
    worker_.cut(std::nullopt, [](const std::vector<Straggler>& cut) { EXPECT_EQ(cut.size(), 1U); });
  });
  loop_.run();

  EXPECT_EQ(comes_and_goes.hear_all(), "") << "it was let in, and no copy is there for it";
  EXPECT_EQ(empty_at_first, 0) << "the other one is there";
  EXPECT_EQ(empty, 1);
}

}  // namespace
}  // namespace hither::lb::test
