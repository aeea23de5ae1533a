// SPDX-License-Identifier: Apache-2.0
// Asks a DNS server as fast as it answers (closed loop: so many queries in flight), or at a steady
// rate (open loop: latency counts from when a query was due), checks every answer and prints what
// came of it as one line of JSON. Used by tools/bench.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/ip.h"
#include "io/clock.h"
#include "io/files.h"
#include "io/socket.h"
#include "tools/bench_flow.h"
#include "tools/bench_noise.h"

namespace hither::tools {
namespace {

constexpr Duration settle = BenchFlow::patience;  // for the last answers
constexpr Duration look_after = std::chrono::milliseconds(100);

struct Options {
  std::string server = "127.0.0.1:5300";
  std::string name = "www.example.test";
  std::string clients;  // a file of BenchClient
  bool ecs = false;
  bool random_label = false;
  bool any_answer = false;
  unsigned rcode = 0;
  unsigned flows = 8;
  unsigned in_flight = 128;
  double rate = 0;   // per second; 0: closed loop
  double noise = 0;  // broken packets per query
  double seconds = 2;
  std::uint64_t count = 0;  // at most; 0: no limit
  std::uint64_t seed = 1;
};

void put16(Bytes& out, unsigned value) {
  out.push_back(static_cast<std::byte>(value >> 8U & 0xFFU));
  out.push_back(static_cast<std::byte>(value & 0xFFU));
}

void put_label(Bytes& out, std::string_view label) {
  out.push_back(static_cast<std::byte>(label.size()));
  for (const char letter : label) out.push_back(static_cast<std::byte>(letter));
}

/// An A query; with ECS an OPT record of 1232 octets and a subnet of /24 (RFC 7871 s6).
BenchQuery make_query(const Options& options) {
  BenchQuery query{.rcode = options.rcode, .checked = !options.any_answer};
  Bytes& out = query.packet;
  for (const unsigned value : {0U, 0U, 1U, 0U, 0U, options.ecs ? 1U : 0U}) put16(out, value);
  if (options.random_label) {
    query.label_at = out.size() + 1;
    put_label(out, "0123456789");
  }
  std::string_view rest = options.name;
  while (!rest.empty()) {
    const std::size_t dot = std::min(rest.find('.'), rest.size());
    put_label(out, rest.substr(0, dot));
    rest.remove_prefix(std::min(dot + 1, rest.size()));
  }
  out.push_back({});
  put16(out, 1);
  put16(out, 1);
  query.question_end = out.size();
  if (options.ecs) {
    out.push_back({});
    for (const unsigned value : {41U, 1232U, 0U, 0U, 11U, 8U, 7U, 1U, 24U << 8U}) put16(out, value);
    query.subnet_at = out.size();
    out.resize(out.size() + 3);
  }
  return query;
}

Result<std::vector<BenchClient>> read_clients(const std::string& path) {
  if (path.empty()) return std::vector<BenchClient>{};
  const Result<std::string> text = io::read_file(path);
  if (!text) return tl::unexpected(text.error());
  std::vector<BenchClient> clients(text->size() / sizeof(BenchClient));
  std::memcpy(clients.data(), text->data(), clients.size() * sizeof(BenchClient));
  return clients;
}

Result<io::Fd> connect_from_new_port(const Endpoint& server) {
  const Endpoint any{.address = server.address.is_v4() ? Address::v4(0) : Address{}, .port = 0};
  Result<io::Fd> fd = io::bind_udp(any, false);
  if (!fd) return fd;
  sockaddr_storage storage{};
  const unsigned size = io::to_sockaddr(server, storage);
  if (connect(fd->get(), reinterpret_cast<const sockaddr*>(&storage), size) != 0) {
    return fail("cannot connect to " + to_text(server));
  }
  const int bytes = 4 << 20;  // Answers must not be lost here.
  setsockopt(fd->get(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  return fd;
}

class Load {
 public:
  Load(const Options& options, std::vector<BenchClient> clients)
      : options_(options), query_(make_query(options)), clients_(std::move(clients)) {}

  Result<void> open(const Endpoint& server) {
    for (unsigned i = 0; i < options_.flows; ++i) {
      Result<io::Fd> fd = connect_from_new_port(server);
      if (!fd) return tl::unexpected(fd.error());
      flows_.push_back(
          std::make_unique<BenchFlow>(std::move(*fd), query_, clients_, options_.seed + i));
    }
    Result<io::Fd> fd = connect_from_new_port(server);
    if (!fd) return tl::unexpected(fd.error());
    noise_ = std::make_unique<BenchNoise>(std::move(*fd), query_.packet, options_.seed);
    return {};
  }

  void run() {
    began_ = io::monotonic_now();
    now_ = began_;
    looked_ = began_;
    const Instant end = began_ + Duration(static_cast<std::int64_t>(options_.seconds * 1e9));
    if (options_.rate == 0) {
      for (unsigned i = 0; i < options_.in_flight; ++i) flows_[i % flows_.size()]->prepare(now_);
    }
    while (now_ < end && (options_.count == 0 || tally_.sent < options_.count)) turn(true);
    ended_ = now_;
    answered_in_time_ = tally_.answered;
    while (now_ < ended_ + settle && waiting()) turn(false);
    noise_->receive();  // what is due no answer may have got one, too
    for (auto& flow : flows_) tally_.lost += flow->in_flight();
  }

  void print() const {
    const double seconds = std::chrono::duration<double>(ended_ - began_).count();
    const auto us = [&](double share) {
      return std::chrono::duration<double, std::micro>(tally_.quantile(share)).count();
    };
    fmt::print(
        "{{\"sent\": {}, \"answered\": {}, \"wrong\": {}, \"lost\": {}, \"late\": {}, "
        "\"seconds\": {:.4f}, \"rate\": {:.1f}, \"p50_us\": {:.1f}, \"p99_us\": {:.1f}, "
        "\"p999_us\": {:.1f}, \"idle\": {:.3f}, \"noise\": {}, \"noise_due\": {}, "
        "\"noise_answered\": {}, \"noise_stray\": {}, \"query_bytes\": {}}}\n",
        tally_.sent, tally_.answered, tally_.wrong, tally_.lost, tally_.late, seconds,
        static_cast<double>(answered_in_time_) / seconds, us(0.5), us(0.99), us(0.999),
        static_cast<double>(idle_turns_) / static_cast<double>(std::max<std::uint64_t>(1, turns_)),
        noise_->sent(), noise_->due(), noise_->answered(), noise_->stray(), query_.packet.size());
  }

 private:
  bool waiting() const {
    if (noise_->waiting()) return true;
    for (const auto& flow : flows_) {
      if (flow->in_flight() > 0) return true;
    }
    return false;
  }

  /// Every flow once. In the closed loop each answer is followed by a query.
  void turn(bool asking) {
    now_ = io::monotonic_now();
    if (asking && options_.rate > 0) prepare_due();
    std::size_t heard = 0;
    for (auto& flow : flows_) {
      const std::size_t count = flow->receive(now_, tally_);
      heard += count;
      for (std::size_t i = 0; asking && options_.rate == 0 && i < count; ++i) flow->prepare(now_);
      flow->flush(options_.rate == 0, tally_);
    }
    ++turns_;
    if (heard == 0) ++idle_turns_;
    make_noise(asking);
    if (now_ - looked_ < look_after) return;
    looked_ = now_;
    const std::uint64_t before = tally_.lost;
    for (auto& flow : flows_) flow->expire(now_, tally_);
    noise_->expire(now_);
    for (std::uint64_t i = before; asking && options_.rate == 0 && i < tally_.lost; ++i) {
      flows_[i % flows_.size()]->prepare(now_);
    }
  }

  void prepare_due() {
    const double elapsed = std::chrono::duration<double>(now_ - began_).count();
    const auto due = static_cast<std::uint64_t>(elapsed * options_.rate);
    for (; due_ < due; ++due_) {
      const auto at =
          Duration(static_cast<std::int64_t>(static_cast<double>(due_) / options_.rate * 1e9));
      if (!flows_[due_ % flows_.size()]->prepare(began_ + at)) ++tally_.lost;
    }
  }

  void make_noise(bool asking) {
    if (noise_->waiting()) noise_->receive();
    const auto due = static_cast<std::uint64_t>(static_cast<double>(tally_.sent) * options_.noise);
    while (asking && noise_->sent() < due && noise_->send_one(now_)) continue;
  }

  Options options_;
  BenchQuery query_;
  std::vector<BenchClient> clients_;
  std::vector<std::unique_ptr<BenchFlow>> flows_;
  std::unique_ptr<BenchNoise> noise_;
  BenchTally tally_;
  Instant began_{};
  Instant ended_{};
  Instant now_{};
  Instant looked_{};
  std::uint64_t due_ = 0;
  std::uint64_t turns_ = 0;
  std::uint64_t idle_turns_ = 0;
  std::uint64_t answered_in_time_ = 0;
};

int complain(const Error& error) {
  fmt::print(stderr, "hither-bench-load: {}\n", error.message);
  return 2;
}

int run(const Options& options) {
  const Result<Endpoint> server = parse_endpoint(options.server);
  if (!server) return complain(server.error());
  Result<std::vector<BenchClient>> clients = read_clients(options.clients);
  if (!clients) return complain(clients.error());
  const auto load = std::make_unique<Load>(options, std::move(*clients));
  if (const Result<void> open = load->open(*server); !open) return complain(open.error());
  load->run();
  load->print();
  return 0;
}

}  // namespace
}  // namespace hither::tools

int main(int argc, char** argv) {
  CLI::App app{"asks a DNS server, checks the answers and prints figures as JSON",
               "hither-bench-load"};
  hither::tools::Options options;
  app.add_option("--server", options.server, "address and port")->capture_default_str();
  app.add_option("--name", options.name, "the name to ask for")->capture_default_str();
  app.add_option("--clients", options.clients,
                 "file of clients, 12 octets each: the subnet and two addresses that are right");
  app.add_flag("--ecs", options.ecs, "ask with each client's subnet /24");
  app.add_flag("--random-label", options.random_label, "put a random label before the name");
  app.add_flag("--any-answer", options.any_answer, "do not look into the answers");
  app.add_option("--rcode", options.rcode, "the RCODE of right answers")->capture_default_str();
  app.add_option("--flows", options.flows, "source ports")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  app.add_option("--in-flight", options.in_flight, "queries in flight in the closed loop")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  app.add_option("--rate", options.rate, "open loop: queries per second");
  app.add_option("--noise", options.noise, "broken packets per query, besides");
  app.add_option("--seconds", options.seconds, "how long")
      ->check(CLI::Range(0.01, 3600.0))
      ->capture_default_str();
  app.add_option("--count", options.count, "stop after so many queries");
  app.add_option("--seed", options.seed, "of all that is random")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return hither::tools::run(options);
}
