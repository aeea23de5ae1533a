// SPDX-License-Identifier: Apache-2.0
#include "tests/support/live_world.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/rng.h"
#include "io/clock.h"
#include "io/files.h"
#include "io/http_client.h"
#include "io/socket.h"

namespace hither::test {
namespace {

using namespace std::chrono_literals;

bool all_free(std::uint16_t first, int count) {
  for (int i = 0; i < count; ++i) {
    const Endpoint endpoint{Address::v4(0), static_cast<std::uint16_t>(first + i)};
    if (!io::listen_tcp(endpoint) || !io::bind_udp(endpoint, false)) return false;
  }
  return true;
}

std::string testing_folder() { return io::environment("TMPDIR", "/tmp"); }

std::string slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

CommandResult run_command(const std::string& command) {
  CommandResult result;
  std::FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return result;
  std::array<char, 4096> buffer;
  for (std::size_t n = 0; (n = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
    result.output.append(buffer.data(), n);
  }
  const int status = pclose(pipe);
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

bool eventually(Duration within, const std::function<bool()>& question) {
  const Instant end = io::monotonic_now() + within;
  while (true) {
    if (question()) return true;
    if (io::monotonic_now() >= end) return false;
    poll(nullptr, 0, 10);
  }
}

std::uint16_t free_ports(int count) {
  static Rng rng(io::random_seed());
  while (true) {
    // Below the ephemeral range (32768), so that no client's port is among them later.
    const auto first = static_cast<std::uint16_t>(10'000 + rng.below(22'000));
    if (all_free(first, count)) return first;
  }
}

LiveWorld::LiveWorld() {
  const std::uint16_t first = free_ports(24);
  ports_ = {.dns = first,
            .web = static_cast<std::uint16_t>(first + 1),
            .admin = static_cast<std::uint16_t>(first + 2),
            .first = static_cast<std::uint16_t>(first + 3)};
  std::string pattern = testing_folder() + "/hither-live-XXXXXX";
  folder_ = mkdtemp(pattern.data()) == nullptr ? "" : pattern;
}

LiveWorld::~LiveWorld() {
  if (guardian_ > 0 && !ended_) {
    kill(guardian_, SIGTERM);
    if (!wait_for_end(20s)) {
      kill(guardian_, SIGKILL);
      waitpid(guardian_, nullptr, 0);
    }
  }
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void LiveWorld::write_file(const std::string& name, const std::string& content) const {
  std::ofstream(folder_ + "/" + name, std::ios::binary) << content;
}

std::string LiveWorld::three_rooms(int copies) const {
  return fmt::format(R"(schema = 1
world = "live"

[dns]
listen = ["127.0.0.1:{}"]

[dns.health]
interval = "500ms"
timeout = "400ms"
fall = 2
rise = 2

[dns.guard]
hold = "2s"

[local]
admin_port = {}
first_port = {}

[zone."example.test"]

[name."www.example.test"]
farm = "web"
ttl = "20s"

[farm.web]
port = {}
copies = {}
command = ["hither-backend"]
guard = {{ hold = "2s" }}

[room.fra]
title = "Frankfurt"
location = [50.11, 8.68]

[room.iad]
title = "Ashburn"
location = [39.04, -77.49]

[room.nrt]
title = "Tokyo"
location = [35.76, 140.39]
)",
                     ports_.dns, ports_.admin, ports_.first, ports_.web, copies);
}

std::string LiveWorld::command(const std::string& arguments) const {
  return fmt::format("HITHER_STATE={0}/state {1} {2}", folder_, HITHER_PROGRAM, arguments);
}

void LiveWorld::start(const std::string& description) {
  write_file("world.toml", description);
  const std::string log = folder_ + "/output";
  const std::string file = folder_ + "/world.toml";
  const std::string state = folder_ + "/state";
  const pid_t pid = fork();
  if (pid != 0) {
    guardian_ = pid;
    return;
  }
  setpgid(0, 0);  // a terminal's Ctrl-C goes to a group: ours is not the test's
  const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  dup2(out, STDOUT_FILENO);
  dup2(out, STDERR_FILENO);
  setenv("HITHER_STATE", state.c_str(), 1);
  setenv("LIVE_WORLD", folder_.c_str(), 1);
  execl(HITHER_PROGRAM, HITHER_PROGRAM, "up", file.c_str(), nullptr);
  _exit(127);
}

bool LiveWorld::start_and_wait(const std::string& description) {
  start(description);
  bool up = false;
  eventually(60s, [&] {
    const auto reply =
        io::fetch_now({.target = folder_ + "/state/live.sock", .path = "/status", .timeout = 10s});
    up = reply.body.find(R"("state":"up")") != std::string::npos;
    return up || wait_for_end(0s).has_value();
  });
  return up;
}

CommandResult LiveWorld::hither(const std::string& arguments) const {
  return run_command(command(arguments));
}

CommandResult LiveWorld::up(const std::string& description) const {
  write_file("world.toml", description);
  return hither("up " + folder_ + "/world.toml");
}

std::string LiveWorld::dig(const std::string& subnet) const {
  return run_command(fmt::format("dig @127.0.0.1 -p {} www.example.test +short +tries=1 +time=2 "
                                 "+subnet={}",
                                 ports_.dns, subnet))
      .output;
}

CommandResult LiveWorld::curl(const std::string& arguments) const {
  return run_command("curl --silent --show-error --max-time 5 " + arguments);
}

std::map<std::string, LiveProcess> LiveWorld::processes() const {
  std::map<std::string, LiveProcess> processes;
  const auto reply =
      io::fetch_now({.target = folder_ + "/state/live.sock", .path = "/status", .timeout = 10s});
  const auto json = nlohmann::json::parse(reply.body, nullptr, false);
  if (!json.is_object()) return processes;
  for (const auto& process : json["processes"]) {
    processes[process["name"]] = {
        .state = process["state"], .pid = process["pid"], .restarts = process["restarts"]};
  }
  return processes;
}

int LiveWorld::pid_of(const std::string& process) const {
  const auto all = processes();
  const auto found = all.find(process);
  return found == all.end() ? 0 : found->second.pid;
}

bool LiveWorld::signal(const std::string& process, int number) const {
  const int pid = pid_of(process);
  return pid > 1 && kill(pid, number) == 0;
}

int LiveWorld::supervisor_pid() const {
  const auto reply =
      io::fetch_now({.target = folder_ + "/state/live.sock", .path = "/status", .timeout = 10s});
  const auto json = nlohmann::json::parse(reply.body, nullptr, false);
  return json.is_object() ? json["pid"].get<int>() : 0;
}

void LiveWorld::signal_guardian(int number) const { kill(guardian_, number); }

std::optional<int> LiveWorld::wait_for_end(Duration within) {
  if (!ended_) {
    ended_ = eventually(within, [&] {
      int status = 0;
      if (waitpid(guardian_, &status, WNOHANG) != guardian_) return false;
      exit_status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      return true;
    });
  }
  if (!ended_) return std::nullopt;
  return exit_status_;
}

std::string LiveWorld::output() const { return slurp(folder_ + "/output"); }

bool LiveWorld::nobody_left() const {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const std::string environment = slurp(entry.path().string() + "/environ");
    if (environment.find("LIVE_WORLD=" + folder_) != std::string::npos) return false;
  }
  return true;
}

}  // namespace hither::test
