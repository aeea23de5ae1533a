// SPDX-License-Identifier: Apache-2.0
#include "lb/server_worker.h"

#include <algorithm>
#include <utility>

#include "io/clock.h"
#include "io/log_sink.h"

namespace hither::lb {
namespace {

/// Few at a time: a thread that accepts all at once keeps the others idle (SO_REUSEPORT evens out
/// only over time) and lets the connections it has wait.
constexpr int accepts_per_turn = 4;
/// Out of descriptors: how long nobody is accepted.
constexpr Duration exhausted_pause = std::chrono::milliseconds(50);
constexpr Duration complaint_interval = std::chrono::seconds(10);

}  // namespace

/// What this thread keeps for one farm.
struct Worker::Share {
  Share(Farm& f, BlockPool& blocks, unsigned thread, std::uint64_t seed)
      : farm(f),
        picker(f, thread, seed),
        tcp_times{.connect = f.settings().timeouts.connect, .idle = f.settings().timeouts.tunnel},
        http{.picker = picker, .blocks = blocks},
        idle(f.size(), IdlePool::Limits{}) {}

  std::unique_ptr<Session> new_session(BlockPool& blocks, const Endpoint& peer, Instant now) {
    if (farm.settings().mode == topology::Mode::tcp) {
      return std::make_unique<TcpProxy>(picker, blocks, tcp_times, to_text(peer.address), now);
    }
    return std::make_unique<HttpProxy>(http, peer.address, now);
  }

  Farm& farm;
  Picker picker;
  TcpTimes tcp_times;
  HttpContext http;
  IdlePool idle;
};

struct Worker::Listener {
  Listener(Worker& worker, Share& s, io::Fd socket)
      : share(s),
        fd(std::move(socket)),
        watch(worker.loop_, fd.get(), [&worker, this] { worker.accept_some(*this); }),
        pause(worker.loop_, [this] { watch.want_read(true); }) {
    watch.want_read(true);
  }

  Share& share;
  io::Fd fd;
  io::FdWatch watch;
  io::Timer pause;
};

/// A connection to a server: being opened, in use by a flow, or idle.
struct Worker::Backend {
  Backend(Worker& worker, std::uint64_t number, Share& s, std::uint32_t place, io::Fd socket)
      : id(number),
        share(s),
        server(place),
        fd(std::move(socket)),
        watch(
            worker.loop_, fd.get(), [&worker, this] { worker.on_backend_readable(*this); },
            [&worker, this] { worker.on_backend_writable(*this); }) {}

  std::uint64_t id;
  Share& share;
  std::uint32_t server;
  io::Fd fd;
  io::FdWatch watch;
  Flow* flow = nullptr;  ///< who uses it; null while it is idle
  bool connecting = true;
  bool blocked = false;  ///< the kernel takes no more bytes: wait until writable
  bool ended = false;    ///< we sent FIN
};

/// One client connection and its session.
struct Worker::Flow {
  Flow(Worker& worker, std::uint64_t number, Share& s, io::Fd socket, std::unique_ptr<Session> what)
      : id(number),
        share(s),
        session(std::move(what)),
        fd(std::move(socket)),
        watch(
            worker.loop_, fd.get(), [&worker, this] { worker.on_readable(*this, Side::client); },
            [&worker, this] {
              blocked = false;
              watch.want_write(false);
              worker.drive(*this);
            }) {
    deadline.owner = id;
  }

  std::uint64_t id;
  Share& share;
  std::unique_ptr<Session> session;
  Deadlines::Entry deadline;
  io::Fd fd;
  io::FdWatch watch;
  Backend* backend = nullptr;
  bool blocked = false;
  bool ended = false;
};

Worker::Worker(io::Loop& loop, const std::vector<std::unique_ptr<Farm>>& farms, unsigned thread,
               std::uint64_t seed)
    : loop_(loop), timer_(loop, [this] { on_time(); }) {
  for (const std::unique_ptr<Farm>& farm : farms) {
    shares_.push_back(std::make_unique<Share>(*farm, blocks_, thread, seed++));
  }
}

Worker::~Worker() {
  flows_.clear();
  backends_.clear();
}

Result<void> Worker::listen(std::size_t farm, const Endpoint& endpoint, bool shared) {
  Result<io::Fd> fd = io::listen_tcp(endpoint, {.reuse_port = shared});
  if (!fd) return tl::unexpected(fd.error());
  listeners_.push_back(std::make_unique<Listener>(*this, *shares_[farm], std::move(*fd)));
  return {};
}

// ---- Clients

void Worker::accept_some(Listener& listener) {
  for (int i = 0; i < accepts_per_turn; ++i) {
    io::Accepted accepted;
    if (flows_.size() < clients_max_) accepted = io::accept_one(listener.fd.get());
    if (accepted.kind == io::IoResult::Kind::would_block) return;
    if (!accepted.fd) {
      const Instant now = io::monotonic_now();
      listener.watch.want_read(false);
      listener.pause.set(now + exhausted_pause);
      if (now - complained_ >= complaint_interval) {
        complained_ = now;
        io::write_log(log_warning("accept-paused")
                          .with("farm", listener.share.farm.name())
                          .with("cure", "raise the limit of open files (ulimit -n)"));
      }
      return;
    }
    start_flow(listener.share, std::move(accepted));
  }
}

void Worker::start_flow(Share& share, io::Accepted accepted) {
  const std::uint64_t id = next_id_++;
  auto session = share.new_session(blocks_, accepted.peer, io::monotonic_now());
  auto flow = std::make_unique<Flow>(*this, id, share, std::move(accepted.fd), std::move(session));
  Flow& reference = *flow;
  flows_.emplace(id, std::move(flow));
  share.farm.clients().raise();
  share.picker.totals().clients.add();
  drive(reference);
}

void Worker::on_readable(Flow& flow, Side side) {
  Session& session = *flow.session;
  const bool client = side == Side::client;
  const int fd = client ? flow.fd.get() : flow.backend->fd.get();
  if (!session.wants(side)) {
    // Only now that it costs wake-ups; await() asks again once the session wants more.
    (client ? flow.watch : flow.backend->watch).want_read(false);
    // A client that is gone is told at once, so that nobody works for it.
    const io::IoResult::Kind found = client ? io::peek(fd) : io::IoResult::Kind::would_block;
    if (found == io::IoResult::Kind::end) session.ended(side, io::monotonic_now());
    if (found == io::IoResult::Kind::failed) session.broken(side, io::monotonic_now());
    if (found == io::IoResult::Kind::end || found == io::IoResult::Kind::failed) drive(flow);
    return;
  }
  const io::IoResult result = io::read_some(fd, session.space(side));
  const Instant now = io::monotonic_now();
  session.received(side, result.kind == io::IoResult::Kind::ok ? result.size : 0, now);
  if (result.kind == io::IoResult::Kind::end) session.ended(side, now);
  if (result.kind == io::IoResult::Kind::failed) session.broken(side, now);
  drive(flow);
}

/// Does what the session wants until nothing more can be done now. The flow may be gone afterwards.
void Worker::drive(Flow& flow) {
  bool moved = true;
  while (moved) {
    moved = grant_wish(flow);
    moved |= flush(flow, Side::client);
    moved |= flush(flow, Side::backend);
    if (flow.session->finished()) {
      remove(flow);
      return;
    }
  }
  await(flow);
}

/// Sends what is pending; says if anything moved.
bool Worker::flush(Flow& flow, Side side) {
  const bool client = side == Side::client;
  if (!client && (flow.backend == nullptr || flow.backend->connecting)) return false;
  bool& blocked = client ? flow.blocked : flow.backend->blocked;
  const ByteView pending = flow.session->pending(side);
  if (pending.empty() || blocked) return false;
  const int fd = client ? flow.fd.get() : flow.backend->fd.get();
  const io::IoResult result = io::write_some(fd, pending);
  const Instant now = io::monotonic_now();
  switch (result.kind) {
    case io::IoResult::Kind::ok:
      flow.session->sent(side, result.size, now);
      return true;
    case io::IoResult::Kind::would_block:
    case io::IoResult::Kind::exhausted:
      blocked = true;
      (client ? flow.watch : flow.backend->watch).want_write(true);
      return false;
    default:
      flow.session->unwritable(side, now);
      return true;
  }
}

/// Waits for what the session needs next.
void Worker::await(Flow& flow) {
  Session& session = *flow.session;
  if (session.ends(Side::client) && !flow.ended) {
    flow.ended = true;
    io::shutdown_write(flow.fd.get());
  }
  if (session.wants(Side::client)) flow.watch.want_read(true);
  if (flow.backend != nullptr && !flow.backend->connecting) {
    if (session.ends(Side::backend) && !flow.backend->ended) {
      flow.backend->ended = true;
      io::shutdown_write(flow.backend->fd.get());
    }
    if (session.wants(Side::backend)) flow.backend->watch.want_read(true);
  }
  deadlines_.set(flow.deadline, session.deadline());
  wake_by(session.deadline());
}

void Worker::remove(Flow& flow) {
  if (flow.backend != nullptr) close_backend(flow.backend->id);
  flow.share.farm.clients().lower();
  flows_.erase(flow.id);
  if (draining_ && flows_.empty() && when_empty_) std::exchange(when_empty_, {})();
}

// ---- Servers

bool Worker::grant_wish(Flow& flow) {
  switch (flow.session->backend_wish()) {
    case BackendWish::leave:
      return false;
    case BackendWish::obtain:
      if (flow.backend != nullptr) close_backend(flow.backend->id);
      obtain(flow);
      return true;
    case BackendWish::give_back:
      give_back(flow);
      break;
    case BackendWish::discard:
      if (flow.backend != nullptr) close_backend(flow.backend->id);
      break;
  }
  flow.session->parted(io::monotonic_now());
  return true;
}

void Worker::obtain(Flow& flow) {
  const std::uint32_t server = flow.session->server();
  const Instant now = io::monotonic_now();
  if (!flow.session->wants_fresh()) {
    if (const auto id = flow.share.idle.take(server, now)) {
      flow.backend = backends_.find(*id)->second.get();
      flow.backend->flow = &flow;
      flow.session->connected(/*reused=*/true, now);
      return;
    }
  }
  connect(flow, server);
}

void Worker::connect(Flow& flow, std::uint32_t server) {
  const Instant now = io::monotonic_now();
  flow.session->connecting(now);
  const std::optional<Endpoint> endpoint = flow.share.farm.server(server).endpoint();
  if (!endpoint) {
    flow.session->connect_failed("its name is not resolved", now);
    return;
  }
  Result<io::Fd> fd = io::connect_tcp(*endpoint);
  if (!fd) {
    flow.session->connect_failed(fd.error().message, now);
    return;
  }
  const std::uint64_t id = next_id_++;
  auto backend = std::make_unique<Backend>(*this, id, flow.share, server, std::move(*fd));
  backend->flow = &flow;
  backend->watch.want_write(true);
  flow.backend = backend.get();
  backends_.emplace(id, std::move(backend));
}

void Worker::on_backend_readable(Backend& backend) {
  if (backend.flow != nullptr) {
    on_readable(*backend.flow, Side::backend);
    return;
  }
  // Idle: it was closed, or says something nobody asked for. Either way it is not used again.
  backend.share.idle.remove(backend.server, backend.id);
  close_backend(backend.id);
}

void Worker::on_backend_writable(Backend& backend) {
  if (backend.connecting) {
    on_connect(backend);
    return;
  }
  backend.blocked = false;
  backend.watch.want_write(false);
  if (backend.flow != nullptr) drive(*backend.flow);
}

void Worker::on_connect(Backend& backend) {
  Flow& flow = *backend.flow;
  const int error = io::connect_error(backend.fd.get());
  const Instant now = io::monotonic_now();
  backend.watch.want_write(false);
  if (error == 0) {
    backend.connecting = false;
    flow.session->connected(/*reused=*/false, now);
  } else {
    close_backend(backend.id);
    flow.session->connect_failed(io::error_text(error), now);
  }
  drive(flow);
}

void Worker::give_back(Flow& flow) {
  if (flow.backend == nullptr) return;
  Backend& backend = *std::exchange(flow.backend, nullptr);
  backend.flow = nullptr;
  const Instant now = io::monotonic_now();
  if (draining_ || !flow.share.farm.server(backend.server).usable()) {
    close_backend(backend.id);
    return;
  }
  backend.watch.want_read(true);  // To hear it close.
  if (const auto surplus = flow.share.idle.put(backend.server, backend.id, now)) {
    close_backend(*surplus);
  }
  wake_by(now + IdlePool::Limits{}.idle_max);
}

void Worker::close_backend(std::uint64_t id) {
  const auto found = backends_.find(id);
  if (found == backends_.end()) return;
  if (found->second->flow != nullptr) found->second->flow->backend = nullptr;
  backends_.erase(found);
}

// ---- Time, and other threads

void Worker::wake_by(Instant when) {
  if (when >= wake_at_) return;
  wake_at_ = when;
  timer_.set(when);
}

void Worker::on_time() {
  const Instant now = io::monotonic_now();
  wake_at_ = never;
  due_.clear();
  deadlines_.expired(now, due_);
  std::vector<std::uint64_t> late;
  late.reserve(due_.size());
  for (Deadlines::Entry* entry : due_) late.push_back(entry->owner);
  for (const std::uint64_t id : late) {
    const auto found = flows_.find(id);
    if (found == flows_.end()) continue;
    found->second->session->on_deadline(now);
    drive(*found->second);
  }
  Instant next = deadlines_.next(now);
  for (const std::unique_ptr<Share>& share : shares_) {
    for (const std::uint64_t id : share->idle.expired(now)) close_backend(id);
    next = std::min(next, share->idle.next());
  }
  wake_by(next);
}

void Worker::drain(std::function<void()> when_empty) {
  loop_.post([this, when_empty = std::move(when_empty)] {
    draining_ = true;
    when_empty_ = when_empty;
    listeners_.clear();
    std::vector<std::uint64_t> ids;
    for (const auto& entry : flows_) ids.push_back(entry.first);
    std::ranges::sort(ids);
    for (const std::uint64_t id : ids) {
      const auto found = flows_.find(id);
      if (found == flows_.end()) continue;
      found->second->session->drain(io::monotonic_now());
      drive(*found->second);
    }
    if (flows_.empty() && when_empty_) std::exchange(when_empty_, {})();
  });
}

void Worker::drop_idle(std::size_t farm, std::size_t server) {
  loop_.post([this, farm, server] {
    for (const std::uint64_t id : shares_[farm]->idle.drop(server)) close_backend(id);
  });
}

}  // namespace hither::lb
