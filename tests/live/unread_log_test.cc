// SPDX-License-Identifier: Apache-2.0
// Who does not read what the programs write loses lines, and nobody loses service: a pipe that
// nobody reads, a disk that is full. And worlds that are to outlive their terminal.
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/dns/support.h"
#include "tests/support/live_dns.h"
#include "tests/support/live_world.h"

namespace hither::test::unread_log_test {
namespace {

using namespace std::chrono_literals;

constexpr Duration soon = 30s;

/// A named pipe that stays open, and is read only by those who ask what is in it.
class UnreadPipe {
 public:
  explicit UnreadPipe(const std::string& path) {
    EXPECT_EQ(mkfifo(path.c_str(), 0600), 0);
    reading_ = io::Fd(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  }
  std::string take() const {
    std::string all;
    std::array<char, 4096> buffer;
    for (ssize_t size = 0; (size = read(reading_.get(), buffer.data(), buffer.size())) > 0;) {
      all.append(buffer.data(), static_cast<std::size_t>(size));
    }
    return all;
  }

 private:
  io::Fd reading_;
};

TEST(UnreadLog, TheDnsStillProbesAnswersReadsAndStops) {
  StandInRooms rooms({"fra", "iad", "nrt"}, "web");
  LiveDns server;
  server.folder().write("world.toml",
                        fmt::format(R"(schema = 1
world = "unread"
[dns]
listen = ["{}"]
query_log = {{ one_in = 1 }}
health = {{ interval = "500ms", fast_interval = "100ms", timeout = "500ms" }}
guard = {{ percent = 100 }}
[zone."example.test"]
[name."www.example.test"]
farm = "web"
{})",
                                    to_text(server.endpoint()), tables_of_three_rooms(rooms)));
  const UnreadPipe log(server.folder().path("dns.log"));
  ASSERT_TRUE(server.start());
  std::vector<Bytes> queries;
  for (std::size_t i = 0; i < 10'000; ++i) {
    auto ask = dns::testing::ask("www.example.test");
    ask.id = static_cast<std::uint16_t>(i);
    queries.push_back(ask.subnet("10.3.0.0/16").packet());
  }
  const auto answers = [&] {
    std::set<std::string> addresses;
    for (const Bytes& reply : ask_all(server.endpoint(), {queries[0]})) {
      addresses.insert(dns::testing::parse_reply(reply).only_data());
    }
    return addresses;
  };
  ASSERT_EQ(answers(), std::set<std::string>{"198.51.100.3"});

  ask_all(server.endpoint(), queries);
  rooms.set_usable("nrt", false);

  EXPECT_TRUE(eventually(soon, [&] { return !answers().contains("198.51.100.3"); }));
  EXPECT_FALSE(log.take().empty());
  EXPECT_TRUE(server.stop());
  EXPECT_NE(log.take().find("warning log-lines-lost count="), std::string::npos);
}

/// A world whose output goes where a test says, and that starts with what a shell does first.
class World : public testing::Test {
 protected:
  /// `script` comes before, `copy` is the command of each copy.
  bool start(const std::string& log, const std::string& script, const std::string& copy) {
    std::string description = world.three_rooms(1);
    const std::string command = R"(["hither-backend"])";
    description.replace(description.find(command), command.size(), copy);
    world.write_file("world.toml", description);
    hither = std::make_unique<ChildProgram>(
        std::vector<std::string>{"/bin/sh", "-c", script + R"( exec "$0" up "$1")", HITHER_PROGRAM,
                                 world.folder() + "/world.toml"},
        log, std::vector<std::string>{"HITHER_STATE=" + world.folder() + "/state"});
    return eventually(60s, [&] { return all_ready() || !hither->running(); }) && hither->running();
  }
  bool all_ready() const {
    const auto processes = world.processes();
    return !processes.empty() && std::ranges::all_of(processes, [](const auto& one) {
      return one.second.state == "ready";
    });
  }
  bool ends_soon() {
    hither->signal(SIGTERM);
    return eventually(15s, [&] { return !hither->running(); });
  }
  /// With words of its own first.
  static std::string copy_that(const std::string& does) {
    return fmt::format(R"(["/bin/sh", "-c", "{}; exec {}-backend"])", does, HITHER_PROGRAM);
  }

  LiveWorld world;
  std::unique_ptr<ChildProgram> hither;
};

TEST_F(World, RunsAndStopsThoughNobodyReadsWhatItSays) {
  const UnreadPipe log(world.folder() + "/pipe");

  EXPECT_TRUE(start(world.folder() + "/pipe", "",
                    copy_that("head -c 1048576 /dev/zero | tr '\\\\0' x | fold")));
  EXPECT_TRUE(ends_soon());
}

TEST_F(World, OutlivesAFullDiskBehindItsOutput) {
  ASSERT_TRUE(start("/dev/full", "", copy_that("head -c 6000 /dev/zero | tr '\\\\0' x; echo")));

  EXPECT_TRUE(all_ready());
  EXPECT_TRUE(ends_soon());
}

TEST_F(World, StaysWhereHangUpsAndInterruptsAreIgnored) {
  const std::string log = world.folder() + "/log";
  ASSERT_TRUE(start(log, "trap '' HUP INT;", R"(["hither-backend"])")) << hither->output();

  for (const int number : {SIGHUP, SIGINT}) {
    hither->signal(number);
    kill(world.supervisor_pid(), number);
  }

  // One that is told to stop starts nothing again.
  ASSERT_TRUE(world.signal("nrt/web-1", SIGKILL));
  EXPECT_TRUE(eventually(soon, [&] {
    return world.processes()["nrt/web-1"].restarts == 1 && all_ready();
  })) << hither->output();
  // What SIGHUP says to its children is not for the terminal.
  ASSERT_TRUE(world.signal("dns", SIGHUP));
  EXPECT_TRUE(eventually(soon, [&] {
    return hither->output().find("info reloaded") != std::string::npos;
  })) << hither->output();
  EXPECT_TRUE(ends_soon());
}

TEST_F(World, HasMoreProcessesThanItsSoftLimitOfDescriptorsAllows) {
  const std::string log = world.folder() + "/log";
  // A world of seven processes has two descriptors for each, beside its own.
  EXPECT_TRUE(start(log, "ulimit -Sn 20;", copy_that("ulimit -Sn"))) << hither->output();

  EXPECT_NE(hither->output().find("nrt/web-1    | 20\n"), std::string::npos) << hither->output();
}

}  // namespace
}  // namespace hither::test::unread_log_test
