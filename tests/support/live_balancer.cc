// SPDX-License-Identifier: Apache-2.0
#include "tests/support/live_balancer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>

#include "io/http_client.h"
#include "tests/lb/live_peer.h"
#include "tests/support/live_world.h"

namespace hither::test {
namespace {

using namespace std::chrono_literals;

std::string address_of(const Endpoint& endpoint) { return to_text(endpoint.address); }

/// Starts the program with a limit of its own.
constexpr const char* limited = "ulimit -n $1 && shift && exec \"$@\"";

}  // namespace

bool FarmNow::asks_nothing() const {
  return std::ranges::all_of(
      copies, [](const Copy& copy) { return copy.in_flight == 0 && copy.connecting == 0; });
}

bool FarmNow::quiet() const {
  return clients == 0 && waiting == 0 && leaving == 0 && asks_nothing();
}

std::string FarmNow::to_text() const {
  std::string text = fmt::format("usable {}, clients {}, waiting {}, leaving {}", usable, clients,
                                 waiting, leaving);
  for (const Copy& copy : copies) {
    text += fmt::format("; {}: in flight {}, connecting {}, failed {}", copy.state, copy.in_flight,
                        copy.connecting, copy.failed);
  }
  return text;
}

Endpoint unused_endpoint() {
  static std::set<std::uint16_t> given;
  while (true) {
    const Endpoint endpoint = lb::test::free_endpoint();
    if (given.insert(endpoint.port).second) return endpoint;
  }
}

LiveBalancer::LiveBalancer(Options options) : options_(options), admin_(unused_endpoint()) {}

Endpoint LiveBalancer::port_of(const std::string& farm) {
  const auto [found, added] = ports_.emplace(farm, Endpoint{});
  if (added) found->second = unused_endpoint();
  return found->second;
}

bool LiveBalancer::start(const std::map<std::string, std::string>& farms) {
  std::string world = fmt::format(
      "schema = 1\n[room.here]\nlocation = [50.0, 8.6]\naddress = [\"{}\"]\nadmin = \"{}\"\n"
      "[zone.\"example.test\"]\n[name.\"www.example.test\"]\nfarm = \"{}\"\n",
      address_of(admin_), hither::to_text(admin_), farms.begin()->first);
  for (const auto& [name, keys] : farms) {
    world += fmt::format("[farm.{}]\nport = {}\n{}\n", name, port_of(name).port, keys);
  }
  folder_.write("world.toml", world);
  std::vector<std::string> argv = {std::string(HITHER_PROGRAM) + "-lb", "--topology",
                                   folder_.path("world.toml"), "--room", "here"};
  if (options_.descriptors_max > 0) {
    argv.insert(argv.begin(),
                {"/bin/sh", "-c", limited, "sh", std::to_string(options_.descriptors_max)});
  }
  program_ = std::make_unique<ChildProgram>(
      argv, folder_.path("log"),
      std::vector<std::string>{"HITHER_THREADS=" + std::to_string(options_.threads)});
  bool ready = false;
  eventually(30s, [&] {
    ready = output().find(" ready ") != std::string::npos;
    return ready || !program_->running();
  });
  return ready;
}

std::optional<FarmNow> LiveBalancer::now(const std::string& farm) const {
  const io::HttpReply reply = io::fetch_now({.target = admin_, .path = "/status", .timeout = 10s});
  const auto status = nlohmann::json::parse(reply.body, nullptr, false);
  if (!status.is_object()) return std::nullopt;
  for (const auto& one : status["farms"]) {
    if (one["farm"] != farm) continue;
    FarmNow now{.usable = one["usable"],
                .clients = one["clients"],
                .waiting = one["waiting"],
                .leaving = static_cast<int>(one["leaving"].size())};
    for (const auto& server : one["servers"]) {
      now.copies.push_back({.state = server["state"],
                            .in_flight = server["in_flight"],
                            .connecting = server["connecting"],
                            .failed = server["results"]["failed"]});
    }
    return now;
  }
  return std::nullopt;
}

int LiveBalancer::ask(const std::string& path) const {
  return io::fetch_now({.target = admin_, .path = path, .timeout = 10s}).status;
}

int LiveBalancer::descriptors() const {
  // The least of several counts: between probes and pages there are none of theirs.
  constexpr int counts = 40;
  const std::string folder = fmt::format("/proc/{}/fd", program_->pid());
  int least = -1;
  for (int i = 0; i < counts; ++i) {
    int count = 0;
    std::error_code gone;
    for (const auto& entry : std::filesystem::directory_iterator(folder, gone)) {
      if (entry.path().has_filename()) ++count;
    }
    if (least < 0 || count < least) least = count;
    eventually(5ms, [] { return false; });
  }
  return least;
}

std::string server_list(const std::vector<Endpoint>& servers) {
  std::vector<std::string> quoted;
  for (const Endpoint& server : servers) {
    quoted.push_back(fmt::format("\"{}\"", hither::to_text(server)));
  }
  return fmt::format("[{}]", fmt::join(quoted, ", "));
}

}  // namespace hither::test
