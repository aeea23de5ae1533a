// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <csignal>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "io/http_client.h"
#include "tests/support/child_program.h"
#include "tests/support/live_world.h"
#include "tests/support/scratch_folder.h"

namespace hither::test {

using namespace std::chrono_literals;
using Json = nlohmann::json;

constexpr Duration soon = 30s;
constexpr std::size_t copies_most = 4;

/// A balancer of one room in front of copies that listen on free ports of 127.78.0.1.
class Upgrade : public testing::Test {
 protected:
  /// What is said of one farm; `more` are lines of its table.
  struct Described {
    std::string name;
    int port;
    std::vector<std::size_t> copies;
    std::string more;
  };

  Upgrade() : first_port_(free_ports(3 + copies_most)) {}

  /// They listen when this returns, so a balancer's first probe finds them.
  void start_copies(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      copies_.push_back(std::make_unique<ChildProgram>(
          std::vector<std::string>{folder_of_programs() + "/hither-backend"},
          folder_.path("copies.log"),
          std::vector<std::string>{"HOST=127.78.0.1", fmt::format("PORT={}", port_of(i)),
                                   "HITHER_ROOM=fra", "HITHER_FARM=web",
                                   fmt::format("HITHER_COPY={}", i + 1)}));
    }
    for (std::size_t i = 0; i < count; ++i) {
      const Endpoint place{.address = front().address,
                           .port = static_cast<std::uint16_t>(port_of(i))};
      ASSERT_TRUE(eventually(
          soon, [&] { return io::fetch_now({.target = place, .path = "/health"}).status == 200; }));
    }
  }

  static std::string folder_of_programs() {
    const std::string hither = HITHER_PROGRAM;
    return hither.substr(0, hither.rfind('/'));
  }
  int port_of(std::size_t copy) const { return first_port_ + 3 + static_cast<int>(copy); }
  Endpoint at(int port) const { return *parse_endpoint(fmt::format("127.78.0.1:{}", port)); }
  Endpoint front() const { return at(first_port_); }
  Endpoint admin() const { return at(first_port_ + 1); }
  /// Of a second farm.
  int second_port() const { return first_port_ + 2; }
  Endpoint second_front() const { return at(second_port()); }

  /// A farm of these copies; `farm` is what else is said of it.
  void describe(const std::vector<std::size_t>& copies, const std::string& farm,
                const std::string& interval = "5s") {
    describe_farms({{"web", first_port_, copies, farm}}, interval);
  }
  void describe_farms(const std::vector<Described>& farms, const std::string& interval = "5s") {
    std::string world = "schema = 1\nworld = \"upgrade\"\n";
    std::string room =
        fmt::format("[room.fra]\naddress = [\"127.78.0.1\"]\nadmin = \"{}\"\n", to_text(admin()));
    for (const Described& farm : farms) {
      world += fmt::format(R"([farm.{}]
port = {}
health = {{ path = "/health", interval = "{}", fast_interval = "50ms", timeout = "5s" }}
{}
)",
                           farm.name, farm.port, interval, farm.more);
      std::string servers;
      for (const std::size_t copy : farm.copies) {
        servers += fmt::format("{}\"127.78.0.1:{}\"", servers.empty() ? "" : ", ", port_of(copy));
      }
      room += fmt::format("farm.{} = {{ servers = [{}] }}\n", farm.name, servers);
    }
    folder_.write("world.toml", world + room);
  }

  /// `before` is what the shell is told first.
  std::unique_ptr<ChildProgram> start_balancer(int threads, std::vector<std::string> more = {},
                                               const std::string& before = "") {
    std::vector<std::string> variables = {"HITHER_TOPOLOGY=" + folder_.path("world.toml"),
                                          "HITHER_ROOM=fra", "HITHER_HANDOVER=" + place(),
                                          fmt::format("HITHER_THREADS={}", threads)};
    variables.insert(variables.end(), more.begin(), more.end());
    return std::make_unique<ChildProgram>(
        std::vector<std::string>{"/bin/sh", "-c", before + "exec \"$0\"",
                                 folder_of_programs() + "/hither-lb"},
        log(), variables);
  }

  std::string place() const { return folder_.path("place"); }
  std::string log() const { return folder_.path("balancers.log"); }
  std::size_t times_logged(const std::string& what) const {
    const std::string text = read_text(log());
    std::size_t times = 0;
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) {
      ++times;
    }
    return times;
  }
  bool logs(const std::string& what, std::size_t times = 1) const {
    return eventually(soon, [&] { return times_logged(what) >= times; });
  }

  /// Asked again where it takes too long: the machine may be busy.
  Json page(const std::string& path) const;
  Json status() const;
  Json health() const;
  bool all_are_up(std::size_t copies) const { return all_are_up(copies, copies); }
  /// In every farm; `usable` of them have a weight.
  bool all_are_up(std::size_t copies, std::size_t usable) const;
  /// Returns when what is described now holds: the `number`th reload of this process.
  /// At least: one that is busy may see the file before it gets the signal, and read it twice.
  bool reload(const ChildProgram& balancer, int number) const;
  io::HttpReply ask() const {
    return io::fetch_now({.target = front(), .path = "/x", .timeout = 15s});
  }

  std::uint16_t first_port_;
  ScratchFolder folder_;
  std::vector<std::unique_ptr<ChildProgram>> copies_;
};

}  // namespace hither::test
