// SPDX-License-Identifier: Apache-2.0
#include "backend/server.h"

#include <csignal>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "backend/session.h"
#include "backend/site.h"
#include "base/log.h"
#include "io/admin.h"
#include "io/clock.h"
#include "io/log_sink.h"
#include "io/loop.h"
#include "io/notify.h"
#include "io/stream_server.h"

namespace hither::backend {
namespace {

constexpr Duration drain_time = std::chrono::seconds(5);
constexpr Duration drain_look = std::chrono::milliseconds(10);

[[noreturn]] void die(const Crash& crash) {
  io::write_log(log_warning("crash").with("status", crash.status.value_or(-1)));
  if (crash.status) std::_Exit(*crash.status);
  std::abort();
}

}  // namespace

struct Server::State {
  /// One thread's loop, listener and connections.
  struct Worker {
    io::Loop loop;
    std::unique_ptr<io::StreamServer> server;
    std::unique_ptr<io::Timer> drain;
    Instant drain_until;
    bool listening = false;
    std::thread thread;
  };

  explicit State(const Options& wanted)
      : options(wanted), site(options.identity, options.behaviour, io::to_prometheus_text) {
    site.set_has_admin(options.admin.has_value());
  }

  Result<void> open(Worker& worker);
  Result<Endpoint> listen_all();
  Result<void> listen_admin();
  io::Page admin_page(const io::PageRequest& request, std::string_view path);
  void after_call();
  void apply_faults(Worker& worker);
  void on_signal();
  void start_drain(Worker& worker);
  void look_at_drain(Worker& worker);

  Options options;
  std::mutex mutex;  ///< guards the two below
  Site site;
  std::uint64_t revision = 0;  ///< of the faults, as far as the workers were told
  bool stopping = false;
  std::vector<std::unique_ptr<Worker>> workers;
  std::unique_ptr<io::AdminServer> admin;
  std::unique_ptr<io::SignalWatch> signals;
};

namespace {

/// Session as io drives it, behind the lock. `after` is told the site may have new faults.
class LockedSession final : public io::Session {
 public:
  LockedSession(Site& site, std::mutex& mutex, std::function<void()> after)
      : site_(site), mutex_(mutex), after_(std::move(after)), session_(site, io::monotonic_now()) {}

  void on_bytes(ByteView bytes, Instant now, Bytes& out) override {
    const std::lock_guard lock(mutex_);
    site_.date().set_clock(io::wall_offset());
    session_.on_bytes(bytes, now, out);
    after_();
  }
  void on_end(Instant now, Bytes& out) override {
    const std::lock_guard lock(mutex_);
    session_.on_end(now, out);
    after_();
  }
  void on_time(Instant now, Bytes& out) override {
    const std::lock_guard lock(mutex_);
    session_.on_time(now, out);
    after_();
  }
  Instant deadline() const override {
    const std::lock_guard lock(mutex_);
    return session_.deadline();
  }
  bool finished() const override { return session_.finished(); }
  bool wants_input() const override {
    const std::lock_guard lock(mutex_);
    return session_.wants_input();
  }

 private:
  Site& site_;
  std::mutex& mutex_;
  std::function<void()> after_;
  backend::Session session_;
};

io::Page to_page(const Answer& answer) {
  return {.status = answer.status,
          .content_type = std::string(answer.content_type),
          .body = answer.body};
}

}  // namespace

Result<void> Server::State::open(Worker& worker) {
  auto listener = io::listen_tcp(options.listen, {.reuse_port = options.threads > 1});
  if (!listener) return tl::unexpected<Error>(listener.error());
  if (options.listen.port == 0) {
    const auto endpoint = io::local_endpoint(listener->get());
    if (!endpoint) return tl::unexpected<Error>(endpoint.error());
    options.listen = *endpoint;
  }
  worker.server->add_listener(std::move(*listener));
  worker.listening = true;
  return {};
}

Result<Endpoint> Server::State::listen_all() {
  const auto make_session = [this](const Endpoint&) {
    return std::make_unique<LockedSession>(site, mutex, [this] { after_call(); });
  };
  for (int i = 0; i < options.threads; ++i) {
    workers.push_back(std::make_unique<Worker>());
    Worker& worker = *workers.back();
    worker.server = std::make_unique<io::StreamServer>(worker.loop, make_session);
    if (const auto opened = open(worker); !opened) return tl::unexpected<Error>(opened.error());
  }
  if (const auto opened = listen_admin(); !opened) return tl::unexpected<Error>(opened.error());
  return options.listen;
}

Result<void> Server::State::listen_admin() {
  if (!options.admin) return {};
  admin = std::make_unique<io::AdminServer>(workers.front()->loop);
  for (const char* path : {"/health", "/status", "/fault"}) {
    admin->add_page(path, [this, path](const auto& request) { return admin_page(request, path); });
  }
  admin->add_action("/fault",
                    [this](const auto& request) { return admin_page(request, "/fault"); });
  admin->add_metrics([this] {
    const std::lock_guard lock(mutex);
    return site.metrics(io::monotonic_now());
  });
  const auto endpoint = admin->listen(*options.admin);
  if (!endpoint) return tl::unexpected<Error>(endpoint.error());
  options.admin = *endpoint;
  io::write_log(log_info("admin-listening").with("address", to_text(*endpoint)));
  return {};
}

io::Page Server::State::admin_page(const io::PageRequest& request, std::string_view path) {
  const std::lock_guard lock(mutex);
  const Instant now = io::monotonic_now();
  if (path == "/health") return to_page(site.health());
  if (path == "/status") return to_page(site.status(now));
  std::string target(path);
  for (const auto& [key, value] : request.query) {
    target += target.size() == path.size() ? '?' : '&';
    target += key;
    target += '=';
    target += value.empty() ? "true" : value;
  }
  const Answer answer =
      site.on_request({.method = request.method, .path = target, .body = request.body}, now);
  after_call();
  return to_page(answer);
}

/// Tells the workers about new faults; with the lock held. What they do comes after the present
/// callback, when the answer to the order has been handed to the kernel.
void Server::State::after_call() {
  if (site.fault_revision() == revision) return;
  revision = site.fault_revision();
  io::write_log(log_warning("fault").with("now", to_json(site.faults())));
  for (const auto& worker : workers) {
    worker->loop.post([this, target = worker.get()] { apply_faults(*target); });
  }
}

void Server::State::apply_faults(Worker& worker) {
  Faults faults;
  {
    const std::lock_guard lock(mutex);
    if (site.crash()) die(*site.crash());
    faults = site.faults();
  }
  const bool closed = faults.refuse && options.admin;
  if (closed && worker.listening) {
    worker.server->close_listeners();
    worker.server->close_connections();
    worker.listening = false;
  }
  if (!closed && !worker.listening && !worker.drain) {
    const auto opened = open(worker);
    if (!opened) io::write_log(log_error("listen-failed").with("why", opened.error().message));
  }
  worker.server->wake_all();
}

void Server::State::on_signal() {
  bool at_once = stopping;
  stopping = true;
  {
    const std::lock_guard lock(mutex);
    site.stop();
    at_once |= site.faults().freeze;  // What is frozen does not finish.
  }
  io::write_log(log_info("stopping"));
  for (const auto& worker : workers) {
    if (at_once) worker->loop.stop();
    worker->loop.post([this, target = worker.get()] { start_drain(*target); });
  }
}

void Server::State::start_drain(Worker& worker) {
  worker.server->close_listeners();
  worker.listening = false;
  worker.drain_until = io::monotonic_now() + drain_time;
  worker.drain =
      std::make_unique<io::Timer>(worker.loop, [this, &worker] { look_at_drain(worker); });
  worker.server->wake_all();
  look_at_drain(worker);
}

void Server::State::look_at_drain(Worker& worker) {
  const Instant now = io::monotonic_now();
  if (worker.server->connections() == 0 || now >= worker.drain_until) {
    worker.loop.stop();
  } else {
    worker.drain->set(now + drain_look);
  }
}

Server::Server(const Options& options) : state_(std::make_unique<State>(options)) {}

Server::~Server() = default;

Result<Endpoint> Server::listen() { return state_->listen_all(); }

void Server::stop() {
  state_->workers.front()->loop.post([state = state_.get()] { state->on_signal(); });
}

std::optional<Endpoint> Server::admin() const { return state_->options.admin; }

void Server::run() {
  auto& workers = state_->workers;
  state_->signals = std::make_unique<io::SignalWatch>(workers.front()->loop,
                                                      std::initializer_list<int>{SIGTERM, SIGINT},
                                                      [this](int) { state_->on_signal(); });
  for (std::size_t i = 1; i < workers.size(); ++i) {
    workers[i]->thread = std::thread([worker = workers[i].get()] { worker->loop.run(); });
  }
  io::write_log(log_info("listening").with("address", to_text(state_->options.listen)));
  io::notify("READY=1");
  workers.front()->loop.run();
  for (const auto& worker : workers) {
    if (worker->thread.joinable()) worker->thread.join();
  }
  state_->signals.reset();
  io::write_log(log_info("stopped"));
}

}  // namespace hither::backend
