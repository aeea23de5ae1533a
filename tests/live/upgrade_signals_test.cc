// SPDX-License-Identifier: Apache-2.0
//
// Signals at awkward moments of a stop or an upgrade.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <nlohmann/json.hpp>
#include <string_view>

#include "io/notify.h"
#include "io/socket.h"
#include "tests/lb/live_peer.h"
#include "tests/live/upgrade.h"

namespace hither::test {
namespace {

/// What a supervisor is told, by all that have its NOTIFY_SOCKET.
class Supervisor {
 public:
  Supervisor() : socket_(io::NotifyListener::open(name_)) {}

  std::string variable() const { return "NOTIFY_SOCKET=" + name_; }
  /// Everything since the last time.
  std::string heard() const {
    std::string text;
    std::array<std::byte, 1000> buffer{};
    while (true) {
      const io::IoResult got = io::read_some(socket_->get(), buffer);
      if (got.kind != io::IoResult::Kind::ok) return text;
      text.append(reinterpret_cast<const char*>(buffer.data()), got.size).append("\n");
    }
  }

 private:
  std::string name_;
  Result<io::Fd> socket_;
};

TEST_F(Upgrade, OnlyWhoHasTheRoomSaysThatItStops) {
  start_copies(1);
  describe({0}, "mode = \"tcp\"\ntimeouts = { drain = \"0s\" }");
  const Supervisor supervisor;
  const auto old = start_balancer(1, {supervisor.variable()});
  ASSERT_TRUE(logs(" ready room=fra"));
  ASSERT_TRUE(all_are_up(1));
  const Result<io::Fd> client = io::connect_tcp(front());
  ASSERT_TRUE(client);
  ASSERT_TRUE(eventually(soon, [&] { return status()["farms"][0]["clients"] == 1; })) << status();
  const auto fresh = start_balancer(1, {supervisor.variable()});
  ASSERT_TRUE(logs("handed-over")) << fresh->output();
  ASSERT_TRUE(logs(" ready room=fra", 2));

  old->signal(SIGTERM);
  EXPECT_TRUE(eventually(soon, [&] { return !old->running(); })) << "it has less time now";
  const std::string by_the_old = supervisor.heard();
  EXPECT_EQ(by_the_old.find("STOPPING=1"), std::string::npos)
      << "systemd would end the service with all its processes: " << by_the_old;
  EXPECT_EQ(ask().status, 200);

  EXPECT_TRUE(fresh->stop());
  EXPECT_NE(supervisor.heard().find("STOPPING=1"), std::string::npos);
}

TEST_F(Upgrade, ASuccessorThatIsStoppedBeforeItIsReadyDoesNotStopTheRoom) {
  start_copies(1);
  describe({0}, "");
  const Supervisor supervisor;
  const auto old = start_balancer(1, {supervisor.variable()});
  ASSERT_TRUE(logs(" ready room=fra"));
  // The successor waits for this one before it is ready.
  const Result<io::Fd> silent = io::listen_tcp(at(port_of(1)));
  ASSERT_TRUE(silent);
  old->signal(SIGSTOP);  // It is not to see the new description.
  describe({0, 1}, "");
  old->signal(SIGCONT);
  const auto fresh = start_balancer(1, {supervisor.variable()});
  ASSERT_TRUE(logs("takes-over")) << fresh->output();

  EXPECT_TRUE(fresh->stop());

  EXPECT_TRUE(logs("handover-failed"));
  EXPECT_EQ(supervisor.heard().find("STOPPING=1"), std::string::npos);
  EXPECT_EQ(ask().status, 200);
}

TEST_F(Upgrade, StoppedWhileItProbesForTheFirstTimeItIsNeverReady) {
  const Result<io::Fd> silent = io::listen_tcp(at(port_of(0)));
  ASSERT_TRUE(silent);
  describe({0}, "timeouts = { drain = \"6s\", header = \"20s\" }");
  const auto now = start_balancer(1);
  ASSERT_TRUE(eventually(soon, [&] { return health()["room"] == "fra"; }));
  lb::test::Peer client = lb::test::connect_to(front());
  client.say("GET / HTTP/1.1\r\n");  // It goes on when the probe, of 5 s, is over.
  ASSERT_TRUE(eventually(soon, [&] { return status()["farms"][0]["clients"] == 1; })) << status();

  now->signal(SIGTERM);

  EXPECT_TRUE(logs(" stopped room=fra")) << now->output();
  EXPECT_TRUE(eventually(soon, [&] { return !now->running(); }));
  EXPECT_EQ(times_logged(" ready room=fra"), 0U) << now->output();
}

TEST_F(Upgrade, NobodyReadsTheLogAnyMoreAndItServesOn) {
  start_copies(1);
  describe({0}, "");
  const std::string pipe = folder_.path("pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  io::Fd reader(open(pipe.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  ASSERT_TRUE(reader);
  const auto now = start_balancer(1, {}, "exec >'" + pipe + "'; ");
  ASSERT_TRUE(all_are_up(1));

  reader.close();
  EXPECT_TRUE(reload(*now, 1)) << "which is logged";

  EXPECT_TRUE(now->running());
  EXPECT_EQ(ask().status, 200);
}

}  // namespace
}  // namespace hither::test
