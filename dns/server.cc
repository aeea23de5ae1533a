// SPDX-License-Identifier: Apache-2.0
#include "dns/server.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "dns/explain.h"
#include "io/clock.h"
#include "io/log_sink.h"
#include "io/notify.h"

namespace hither::dns {
namespace {

/// Where the kernel chooses the port, one must be found that is free for UDP and TCP alike.
constexpr int port_attempts = 16;

Result<ListenSockets> open_pair(const Endpoint& endpoint, bool reuse_port) {
  auto udp = io::bind_udp(endpoint, reuse_port);
  if (!udp) return tl::unexpected(udp.error());
  const auto bound = io::local_endpoint(udp->get());
  if (!bound) return tl::unexpected(bound.error());
  auto tcp = io::listen_tcp(*bound, {.reuse_port = reuse_port});
  if (!tcp) return tl::unexpected(tcp.error());
  return ListenSockets{.endpoint = *bound, .udp = std::move(*udp), .tcp = std::move(*tcp)};
}

/// The address with its port settled, after trying that nobody else has it: with SO_REUSEPORT a
/// second server of the same user would get a share of the queries, and nobody would know.
Result<Endpoint> settle_endpoint(const Endpoint& endpoint) {
  for (int attempt = 1;; ++attempt) {
    auto alone = open_pair(endpoint, false);
    if (alone) return alone->endpoint;
    if (endpoint.port != 0 || attempt == port_attempts) return tl::unexpected(alone.error());
  }
}

std::size_t connections_per_thread(const Settings& settings) {
  const int threads = std::max(settings.threads, 1);
  const int connections = settings.description.dns.protocol.tcp.connections;
  return static_cast<std::size_t>((connections + threads - 1) / threads);
}

io::Page error_page(const Error& error) {
  const nlohmann::ordered_json json = {{"error", error.message}};
  return {.status = 400, .body = json.dump() + "\n"};
}

std::string find_or_empty(const io::PageRequest& request, const std::string& key) {
  const auto found = request.query.find(key);
  return found == request.query.end() ? "" : found->second;
}

}  // namespace

Server::Server(io::Loop& loop, const Settings& settings, Loaded loaded)
    : loop_(loop),
      settings_(settings),
      loaded_(std::move(loaded)),
      started_(io::monotonic_now()),
      watch_(settings.description, started_),
      share_control_(settings.description),
      snapshot_(std::make_shared<const Snapshot>(
          Snapshot{loaded_.directory, watch_.states(), loaded_.protocol})),
      tcp_quota_(static_cast<std::size_t>(settings.description.dns.protocol.tcp.per_client),
                 io::random_seed()),
      admin_(loop),
      probes_(settings.description.rooms.size()),
      probe_timer_(loop, [this] { probe_due_rooms(); }),
      share_timer_(loop, [this] { publish(); }) {}

Result<std::vector<ListenSockets>> Server::open_sockets() {
  std::vector<ListenSockets> sockets;
  for (const Endpoint& endpoint : endpoints_) {
    auto pair = open_pair(endpoint, settings_.threads > 1);
    if (!pair) return tl::unexpected(pair.error());
    sockets.push_back(std::move(*pair));
  }
  return sockets;
}

Result<void> Server::listen() {
  for (const Endpoint& endpoint : settings_.listen) {
    const auto settled = settle_endpoint(endpoint);
    if (!settled) return tl::unexpected(settled.error());
    endpoints_.push_back(*settled);
  }
  for (int i = 0; i < settings_.threads; ++i) {
    auto sockets = open_sockets();
    if (!sockets) return tl::unexpected(sockets.error());
    const TcpLimits tcp{.connections_max = connections_per_thread(settings_), .quota = &tcp_quota_};
    threads_.push_back(std::make_unique<ServerThread>(std::move(*sockets), snapshot_, tcp));
    for (const Counters* one : threads_.back()->counters()) counters_.push_back(one);
  }
  add_pages();
  const auto admin = admin_.listen(settings_.admin);
  if (!admin) return tl::unexpected(admin.error());
  admin_endpoint_ = *admin;
  return {};
}

void Server::start() {
  for (const auto& thread : threads_) thread->start();
  for (const Endpoint& endpoint : endpoints_) {
    io::write_log(log_info("listening").with("dns", to_text(endpoint)));
  }
  io::write_log(log_info("listening").with("admin", to_text(admin_endpoint_)));
  if (watch_.complete()) io::notify("READY=1");
  probe_due_rooms();
}

void Server::probe_due_rooms() {
  const topology::Description& description = settings_.description;
  for (const std::uint16_t room : watch_.take_due(io::monotonic_now())) {
    probes_[room] = std::make_unique<io::HttpFetch>(
        loop_,
        io::HttpRequest{.target = description.admin_of(description.rooms[room]),
                        .path = "/health",
                        .timeout = description.dns.health.timeout},
        [this, room](const io::HttpReply& reply) { on_reply(room, reply); });
  }
  probe_timer_.set(watch_.deadline());
}

void Server::on_reply(std::uint16_t room, const io::HttpReply& reply) {
  const bool was_complete = watch_.complete();
  const ProbeResult result = read_probe(reply.status, reply.body, reply.error);
  const auto records = watch_.on_result(room, result, io::monotonic_now());
  publish();
  for (const LogRecord& record : records) io::write_log(record);
  if (watch_.complete() && !was_complete) io::notify("READY=1");
  probe_timer_.set(watch_.deadline());
  probes_[room].reset();  // Last: `reply` and this callback live in it.
}

void Server::publish() {
  Shares shares = share_control_.step(watch_.states(), io::monotonic_now());
  share_timer_.set(share_control_.deadline());
  if (watch_.states() == snapshot_->rooms && shares == snapshot_->shares) return;
  snapshot_ = std::make_shared<const Snapshot>(
      Snapshot{loaded_.directory, watch_.states(), loaded_.protocol, std::move(shares)});
  for (const auto& thread : threads_) thread->publish(snapshot_);
}

StatusInput Server::status_input() const {
  return {.settings = settings_,
          .rooms = snapshot_->rooms,
          .shares = snapshot_->shares,
          .threads = counters_,
          .databases = loaded_.geography->sources(),
          .started = started_,
          .now = io::monotonic_now()};
}

io::Page Server::explain_page(const io::PageRequest& request) const {
  const auto question =
      parse_question(find_or_empty(request, "name"), find_or_empty(request, "from"),
                     find_or_empty(request, "type"));
  if (!question) return error_page(question.error());
  const Explanation explanation = explain(*snapshot_, *loaded_.geography, *question);
  return {.body = to_json(explanation, io::monotonic_now()) + "\n"};
}

void Server::add_pages() {
  admin_.add_page("/health", [this](const io::PageRequest&) {
    return io::Page{.status = snapshot_->rooms.complete() ? 200 : 503,
                    .body = health_json(snapshot_->rooms) + "\n"};
  });
  admin_.add_page("/status", [this](const io::PageRequest&) {
    return io::Page{.body = status_json(status_input()) + "\n"};
  });
  admin_.add_page("/explain",
                  [this](const io::PageRequest& request) { return explain_page(request); });
  admin_.add_metrics([this] { return status_metrics(status_input()); });
}

}  // namespace hither::dns
