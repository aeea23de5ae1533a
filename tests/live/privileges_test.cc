// SPDX-License-Identifier: Apache-2.0
// hither-dns that root starts and that becomes somebody else once its ports are open. Only root can
// see it.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "io/http_client.h"
#include "tests/dns/support.h"
#include "tests/support/child_program.h"
#include "tests/support/live_dns.h"
#include "tests/support/live_world.h"
#include "tests/support/scratch_folder.h"
#include "tests/support/stand_in_rooms.h"

namespace hither::test::privileges_test {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr Duration soon = 30s;
constexpr int threads = 3;

/// The line of /proc/PID/task/TID/status, its words behind the name with one blank between.
std::string field_of(const std::string& status, const std::string& name) {
  std::istringstream lines(status);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(name + ":")) continue;
    std::istringstream words(line.substr(name.size() + 1));
    std::string all;
    for (std::string word; words >> word;) all += all.empty() ? word : " " + word;
    return all;
  }
  return "no line " + name;
}

class Dropped : public testing::Test {
 protected:
  Dropped() : rooms({"fra", "iad", "nrt"}, "web") {}

  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "only root can become somebody else: run this as root";
    nobody = getpwnam("nobody");
    if (nobody == nullptr) GTEST_SKIP() << "this machine has no user 'nobody'";
    const std::uint16_t port = free_ports(2);
    const Address loopback = *parse_address("127.0.0.1");
    endpoint = {loopback, port};
    admin = {loopback, static_cast<std::uint16_t>(port + 1)};
    // A scratch folder is its owner's alone, and the description is read again as nobody.
    std::filesystem::permissions(folder.path(), std::filesystem::perms(0755));
    describe("www.example.test");
    program = std::make_unique<ChildProgram>(
        std::vector<std::string>{std::string(HITHER_PROGRAM) + "-dns", "--user", "nobody"},
        folder.path("dns.log"),
        std::vector<std::string>{"HITHER_TOPOLOGY=" + folder.path("world.toml"),
                                 "HITHER_ADMIN_LISTEN=" + to_text(admin),
                                 fmt::format("HITHER_THREADS={}", threads)});
    ASSERT_TRUE(eventually(60s, [&] { return ready() || !program->running(); }));
    ASSERT_TRUE(program->running()) << program->output();
  }
  /// The world with this one name.
  void describe(const std::string& name) {
    folder.write("world.toml", fmt::format(R"(schema = 1
world = "dropped"
[dns]
listen = ["{}"]
[zone."example.test"]
[name."{}"]
farm = "web"
{})",
                                           to_text(endpoint), name, tables_of_three_rooms(rooms)));
  }
  bool ready() const { return io::fetch_now({.target = admin, .path = "/health"}).status == 200; }
  /// /proc/PID/task/*/status of all its threads.
  std::vector<std::string> threads_now() const {
    std::vector<std::string> all;
    const std::string tasks = fmt::format("/proc/{}/task", program->pid());
    for (const auto& task : std::filesystem::directory_iterator(tasks)) {
      const std::string status = read_text(task.path().string() + "/status");
      if (!status.empty()) all.push_back(status);  // It may have ended since.
    }
    return all;
  }
  bool answers(const std::string& name) const {
    auto query = dns::testing::ask(name).subnet("10.3.0.0/16");
    query.id = 0;
    const auto reply = dns::testing::parse_reply(ask_all(endpoint, {query.packet()})[0]);
    return reply.only_data() == "198.51.100.3";
  }
  int reloads_done() const {
    const auto page = io::fetch_now({.target = admin, .path = "/status", .timeout = 10s});
    const json all = json::parse(page.body, nullptr, false);
    return all.is_object() ? all["reload"].value("done", 0) : 0;
  }

  const passwd* nobody = nullptr;
  ScratchFolder folder;
  StandInRooms rooms;
  Endpoint endpoint;
  Endpoint admin;
  std::unique_ptr<ChildProgram> program;
};

TEST_F(Dropped, NoThreadIsRootOrHasACapability) {
  const std::string user = fmt::format("{0} {0} {0} {0}", nobody->pw_uid);
  const std::string group = fmt::format("{0} {0} {0} {0}", nobody->pw_gid);

  const auto all = threads_now();

  EXPECT_GT(all.size(), std::size_t{threads}) << "those that answer, and the one that probes";
  for (const std::string& status : all) {
    EXPECT_EQ(field_of(status, "Uid"), user) << status;
    EXPECT_EQ(field_of(status, "Gid"), group) << status;
    for (const char* set : {"CapEff", "CapPrm", "CapAmb"}) {
      EXPECT_EQ(field_of(status, set), "0000000000000000") << set << "\n" << status;
    }
  }
}

// Threads get it from the one that starts them; a sanitizer has one that is older than main().
TEST_F(Dropped, ItCanNeverGainAnyAgain) {
  const std::string status = read_text(fmt::format("/proc/{}/status", program->pid()));

  EXPECT_EQ(field_of(status, "NoNewPrivs"), "1") << status;
  EXPECT_EQ(field_of(status, "CapInh"), "0000000000000000") << status;
}

TEST_F(Dropped, ItAnswersAndReloads) {
  ASSERT_TRUE(answers("www.example.test")) << program->output();
  const int before = reloads_done();

  program->signal(SIGHUP);  // Nothing has changed: it is the signal that makes it read.
  EXPECT_TRUE(eventually(soon, [&] { return reloads_done() > before; })) << program->output();

  describe("new.example.test");
  program->signal(SIGHUP);
  EXPECT_TRUE(eventually(soon, [&] { return answers("new.example.test"); })) << program->output();
}

}  // namespace
}  // namespace hither::test::privileges_test
