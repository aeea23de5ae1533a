// SPDX-License-Identifier: Apache-2.0
#include "tests/lb/live_balancer.h"

#include <unistd.h>

#include <csignal>
#include <nlohmann/json.hpp>
#include <string_view>

#include "tests/lb/named_copy.h"

namespace hither::lb::test {

using namespace std::chrono_literals;

topology::Farm LiveBalancer::farm_of(const std::string& name, topology::Mode mode) {
  topology::Farm farm;
  farm.name = name;
  farm.mode = mode;
  if (mode == topology::Mode::tcp) farm.health.kind = topology::HealthRule::Kind::tcp;
  farm.timeouts.drain = 0s;
  farm.health.limits = {.interval = 1h, .fast_interval = 1h, .timeout = 5s, .fall = 1, .rise = 1};
  return farm;
}

void LiveBalancer::start(std::vector<topology::Farm> farms, unsigned threads, std::size_t servers) {
  front_ = free_endpoint();
  admin_ = free_endpoint();
  Settings settings{.room = "fra", .listen = {front_.address}, .admin = admin_};
  for (topology::Farm& farm : farms) {
    farm.port = front_.port;
    settings.farms.push_back({.farm = farm, .servers = {}});
    for (std::size_t i = 0; i < servers; ++i) {
      servers_.push_back(std::make_unique<ScriptedServer>());
      settings.farms.back().servers.emplace_back(farm.name + "-" + std::to_string(i + 1),
                                                 to_text(servers_.back()->endpoint()));
    }
  }
  balancer_ = std::make_unique<Balancer>(settings, threads);
  const Result<void> listening = balancer_->listen();
  ASSERT_TRUE(listening) << listening.error().message;
  thread_ = std::thread([this] {
    balancer_->run();
    ended_ = true;
  });
  for (const auto& server : servers_) answer_probe(*server, farms.front().mode);
  ASSERT_TRUE(eventually([this] { return ask("/health").status == 200; }));
}

/// The first probe of each server; the next is an hour away.
void LiveBalancer::answer_probe(ScriptedServer& server, topology::Mode mode) {
  Peer probe = server.accept();
  if (mode == topology::Mode::tcp) return;
  EXPECT_TRUE(probe.hear_until("\r\n\r\n").starts_with("GET /health HTTP/1.1\r\n"));
  probe.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}

io::HttpReply LiveBalancer::ask(const std::string& path) const {
  return io::fetch_now({.target = admin_, .path = path, .body = {}, .timeout = 15s});
}

nlohmann::json LiveBalancer::status() const { return nlohmann::json::parse(ask("/status").body); }

bool LiveBalancer::drains() const {
  const nlohmann::json health = nlohmann::json::parse(ask("/health").body, nullptr, false);
  return health.is_object() && health["draining"] == true;
}

int LiveBalancer::in_flight() const {
  const nlohmann::json page = status();
  int sum = 0;
  for (const nlohmann::json& server : page["farms"][0]["servers"]) {
    sum += server["in_flight"].get<int>();
  }
  return sum;
}

double LiveBalancer::relayed_bytes() const {
  constexpr std::string_view name = R"(hither_lb_relayed_bytes_total{room="fra",farm="web"} )";
  const std::string page = ask("/metrics").body;
  const std::size_t at = page.find(name);
  return at == std::string::npos ? -1 : std::stod(page.substr(at + name.size()));
}

/// Nothing may be left in flight, whatever happened.
void LiveBalancer::expect_at_rest() const {
  EXPECT_TRUE(eventually([this] {
    const nlohmann::json farm = status()["farms"][0];
    int in_flight = farm["clients"].get<int>();
    for (const nlohmann::json& server : farm["servers"]) {
      in_flight += server["in_flight"].get<int>() + server["connecting"].get<int>();
    }
    return in_flight == 0;
  })) << status().dump();
}

void LiveBalancer::stop() {
  if (!thread_.joinable()) return;
  kill(getpid(), SIGTERM);
  thread_.join();
}

void LiveBalancer::TearDown() {
  if (thread_.joinable() && !ended_) expect_at_rest();
  stop();
}

}  // namespace hither::lb::test
