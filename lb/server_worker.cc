// SPDX-License-Identifier: Apache-2.0
#include "lb/server_worker.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "io/clock.h"
#include "io/log_sink.h"
#include "lb/server_worker_parts.h"

namespace hither::lb {
namespace {

/// Few at a time: a thread that accepts all at once keeps the others idle (SO_REUSEPORT evens out
/// only over time) and lets the connections it has wait.
constexpr int accepts_per_turn = 4;
constexpr Duration complaint_interval = std::chrono::seconds(10);
/// How often blocks that nobody needed since are given back to the heap.
constexpr Duration trim_interval = std::chrono::seconds(1);

Side other(Side side) { return side == Side::client ? Side::backend : Side::client; }

}  // namespace

std::unique_ptr<Session> Worker::Share::new_session(const Flow& flow, Instant now) {
  if (farm.settings().mode == topology::Mode::http) {
    return std::make_unique<HttpProxy>(http, flow.peer.address, now);
  }
  // What a server gets to hear first: who comes, and to which address.
  std::string preamble;
  if (const auto version = farm.settings().send_proxy; version != topology::SendProxy::off) {
    const Endpoint asked =
        flow.asked ? *flow.asked : io::local_endpoint(flow.fd.get()).value_or(Endpoint{});
    preamble = version == topology::SendProxy::v1 ? proxy_header_v1(flow.peer, asked)
                                                  : proxy_header_v2(flow.peer, asked);
  }
  return std::make_unique<TcpProxy>(tcp, flow.peer.address, now, std::move(preamble));
}

Worker::Worker(io::Loop& loop, unsigned thread, std::uint64_t seed)
    : loop_(loop),
      thread_(thread),
      seed_(seed),
      timer_(loop, [this] { on_time(); }),
      turn_timer_(loop, [this] { take_turns(); }) {
  take_turns();
}

Worker::~Worker() {
  flows_.clear();
  // What other threads took must not be closed here.
  for (const std::unique_ptr<Share>& share : shares_) {
    for (std::size_t server = 0; server < share->farm.size(); ++server) share->idle.drop(server);
    forget_taken(*share);
  }
  backends_.clear();
}

// ---- Clients

/// True: more may be waiting.
bool Worker::accept_some(Listener& listener) {
  for (int i = 0; i < accepts_per_turn; ++i) {
    io::Accepted accepted;
    if (flows_.size() < clients_max_) accepted = io::accept_one(listener.fd.get());
    if (accepted.kind == io::IoResult::Kind::would_block) return false;
    if (!accepted.fd) {
      const Instant now = io::monotonic_now();
      listener.watch.want_read(false);
      listener.pause.set(now + io::exhausted_pause);
      if (now - complained_ >= complaint_interval) {
        complained_ = now;
        io::write_log(log_warning("accept-paused")
                          .with("port", listener.door.port->port)
                          .with("cure", "raise the limit of open files (ulimit -n)"));
      }
      return false;
    }
    start_flow(listener.door.port, std::move(accepted));
  }
  return true;
}

void Worker::start_flow(const std::shared_ptr<const Port>& port, io::Accepted accepted) {
  const std::uint64_t id = next_id_++;
  Flow& flow = *flows_.emplace(id, std::make_unique<Flow>(*this, id, port, std::move(accepted)))
                    .first->second;
  const Preface::Wanted wanted{.proxy_header = port->proxy_header,
                               .server_name = !port->routes.empty()};
  if (!wanted) {
    start_session(flow, port->farms.front(), nullptr);
    return;
  }
  flow.preface = std::make_unique<Preface>(blocks_, wanted, io::monotonic_now());
  flow.since = io::monotonic_now();
  flow.watch.want_read(true);
  deadlines_.set(flow.deadline, flow.preface->deadline());
  wake_by(flow.preface->deadline());
}

void Worker::read_preface(Flow& flow) {
  Preface& preface = *flow.preface;
  const io::IoResult result = io::read_some(flow.fd.get(), preface.space());
  preface.received(result.kind == io::IoResult::Kind::ok ? result.size : 0);
  const bool over =
      result.kind == io::IoResult::Kind::end || result.kind == io::IoResult::Kind::failed;
  if (over) preface.ended();
  if (preface.verdict() == Preface::Verdict::waiting) return;
  const std::optional<std::size_t> farm =
      flow.port->routes.empty() ? flow.port->farms.front() : flow.port->routes.find(preface.name());
  if (preface.verdict() == Preface::Verdict::refused || !farm) {
    shares_[flow.port->farms.front()]->picker.totals().rejected.add();
    remove(flow);
    return;
  }
  const std::unique_ptr<Preface> done = std::exchange(flow.preface, nullptr);
  start_session(flow, *farm, done.get());
}

/// The client is for this farm; what came behind its preface is the session's first input.
void Worker::start_session(Flow& flow, std::size_t farm, const Preface* preface) {
  const Instant now = io::monotonic_now();
  Share& share = *shares_[farm];
  flow.share = &share;
  if (flow.since == Instant{}) flow.since = now;
  share.farm.clients().raise();
  share.picker.totals().clients.add();
  if (preface != nullptr && preface->header().has_addresses) {
    flow.peer = preface->header().source;
    flow.asked = preface->header().destination;
  }
  flow.session = share.new_session(flow, now);
  if (preface != nullptr && !preface->rest().empty() && flow.session->wants(Side::client)) {
    const ByteView rest = preface->rest();
    const std::span<std::byte> space = flow.session->space(Side::client);
    ASSERT(space.size() >= rest.size());
    std::ranges::copy(rest, space.begin());
    flow.session->received(Side::client, rest.size(), now);
  }
  if (!flow.patience) flow.patience = share.leaving;
  if (flow.patience) flow.session->drain(now, *flow.patience);
  drive(flow, now);
}

void Worker::on_readable(Flow& flow, Side side) {
  if (flow.preface != nullptr) {
    read_preface(flow);
    return;
  }
  Session& session = *flow.session;
  const bool client = side == Side::client;
  const int fd = client ? flow.fd.get() : flow.backend->fd.get();
  if (!session.wants(side) || flow.holds(side)) {
    // Only now that it costs wake-ups; await() asks again once the session wants more. A reset
    // behind what stays unread is heard of all the same (on_client_trouble).
    (client ? flow.watch : flow.backend->watch).want_read(false);
    // A client that is gone is told at once, so that nobody works for it.
    io::IoResult::Kind found = client ? io::peek(fd) : io::IoResult::Kind::would_block;
    // Not while what it sent is still in our pipe: the session would be over before that is sent.
    if (found == io::IoResult::Kind::end && flow.holds(side)) found = io::IoResult::Kind::ok;
    const Instant now = io::monotonic_now();
    if (found == io::IoResult::Kind::end) session.ended(side, now);
    if (found == io::IoResult::Kind::failed) session.broken(side, now);
    if (found == io::IoResult::Kind::end || found == io::IoResult::Kind::failed) drive(flow, now);
    return;
  }
  if (session.relayable(side) > 0 && read_through_pipe(flow, side)) return;
  const io::IoResult result = io::read_some(fd, session.space(side));
  const Instant now = io::monotonic_now();
  session.received(side, result.kind == io::IoResult::Kind::ok ? result.size : 0, now);
  const bool server_ended = !client && result.kind == io::IoResult::Kind::end;
  // It said all that it will, but may still refuse what it is sent.
  if (server_ended) flow.backend->watch.want_trouble(true);
  if (result.kind == io::IoResult::Kind::end) session.ended(side, now);
  if (result.kind == io::IoResult::Kind::failed) session.broken(side, now);
  drive(flow, now);
}

/// The client may be gone, and nothing of it is to be read now. A hang-up without an error is none:
/// both sides have said their end.
void Worker::on_client_trouble(Flow& flow) {
  if (flow.session == nullptr || io::connect_error(flow.fd.get()) == 0) return;
  const Instant now = io::monotonic_now();
  flow.session->broken(Side::client, now);
  drive(flow, now);
}

// ---- Bulk

/// Like the read above, but into a pipe. False if nothing came that way: then recv is asked.
bool Worker::read_through_pipe(Flow& flow, Side side) {
  std::unique_ptr<io::Pipe>& pipe = flow.pipe(side);
  if (pipe == nullptr) pipe = pipes_.take();
  if (pipe == nullptr) return false;
  Session& session = *flow.session;
  const int fd = side == Side::client ? flow.fd.get() : flow.backend->fd.get();
  const std::uint64_t most = std::min<std::uint64_t>(session.relayable(side), SIZE_MAX);
  const io::IoResult result = pipe->fill(fd, static_cast<std::size_t>(most));
  if (pipe->held() == 0) pipes_.give(std::move(pipe));
  // What it says of a socket that has urgent data in front (Pipe::fill) is not so.
  if (result.kind == io::IoResult::Kind::would_block) return false;
  if (result.kind == io::IoResult::Kind::end) return false;
  const Instant now = io::monotonic_now();
  if (result.kind == io::IoResult::Kind::ok) session.relaying(side, result.size, now);
  if (result.kind == io::IoResult::Kind::failed) session.broken(side, now);
  drive(flow, now);
  return true;
}

/// Gives what is in a pipe to the other side; says if anything moved.
bool Worker::drain_pipe(Flow& flow, Side from, Instant now) {
  if (!flow.holds(from)) return false;
  const bool to_client = from == Side::backend;
  if (!to_client && flow.backend == nullptr) return false;
  bool& blocked = to_client ? flow.blocked : flow.backend->blocked;
  if (blocked) return false;
  const int fd = to_client ? flow.fd.get() : flow.backend->fd.get();
  const io::IoResult result = flow.pipe(from)->drain(fd);
  if (result.kind == io::IoResult::Kind::ok) {
    // Kept only while the other side takes no more: bulk connections may be many.
    if (!flow.holds(from)) pipes_.give(std::move(flow.pipe(from)));
    flow.share->picker.totals().relayed_bytes.add(result.size);
    flow.session->relayed(from, result.size, now);
    return true;
  }
  if (result.kind == io::IoResult::Kind::would_block) {
    blocked = true;
    (to_client ? flow.watch : flow.backend->watch).want_write(true);
    return false;
  }
  pipes_.give(std::move(flow.pipe(from)));  // Nobody will take what is in it.
  flow.session->unwritable(other(from), now);
  return true;
}

/// Does what the session wants until nothing more can be done now. The flow may be gone afterwards.
/// `now` is the time of the event that led here: what is sent takes microseconds, and the clock
/// would be read for each of them.
void Worker::drive(Flow& flow, Instant now) {
  bool moved = true;
  while (moved) {
    moved = grant_wish(flow, now);
    moved |= flush(flow, Side::client, now);
    moved |= flush(flow, Side::backend, now);
    if (flow.there != nullptr) moved |= drain_pipe(flow, Side::client, now);
    if (flow.back != nullptr) moved |= drain_pipe(flow, Side::backend, now);
    if (flow.session->finished()) {
      remove(flow);
      return;
    }
  }
  await(flow, now);
}

/// Sends what is pending; says if anything moved.
bool Worker::flush(Flow& flow, Side side, Instant now) {
  const bool client = side == Side::client;
  if (!client && (flow.backend == nullptr || flow.backend->connecting)) return false;
  bool& blocked = client ? flow.blocked : flow.backend->blocked;
  const ByteView pending = flow.session->pending(side);
  if (pending.empty() || blocked) return false;
  const int fd = client ? flow.fd.get() : flow.backend->fd.get();
  const io::IoResult result = io::write_some(fd, pending);
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
void Worker::await(Flow& flow, Instant now) {
  Session& session = *flow.session;
  if (session.ends(Side::client) && !flow.ended && !flow.holds(Side::backend)) {
    flow.ended = true;
    io::shutdown_write(flow.fd.get());
  }
  if (session.wants(Side::client) && !flow.holds(Side::client)) flow.watch.want_read(true);
  if (flow.backend != nullptr && !flow.backend->connecting) {
    if (session.ends(Side::backend) && !flow.backend->ended && !flow.holds(Side::client)) {
      flow.backend->ended = true;
      io::shutdown_write(flow.backend->fd.get());
    }
    if (session.wants(Side::backend) && !flow.holds(Side::backend)) {
      flow.backend->watch.want_read(true);
    }
  }
  deadlines_.set(flow.deadline, session.deadline());
  wake_by(session.deadline());
  if (blocks_.has_surplus()) wake_by(now + trim_interval);
}

void Worker::remove(Flow& flow) {
  if (flow.backend != nullptr) close_backend(flow.backend->id);
  if (flow.share != nullptr) flow.share->farm.clients().lower();
  if (flow.session && flow.session->cut()) io::reset_on_close(flow.fd.get());
  pipes_.give(std::move(flow.there));
  pipes_.give(std::move(flow.back));
  flows_.erase(flow.id);
  if (draining_ && flows_.empty() && when_empty_) std::exchange(when_empty_, {})();
}

// ---- Servers

bool Worker::grant_wish(Flow& flow, Instant now) {
  switch (flow.session->backend_wish()) {
    case BackendWish::leave:
      return false;
    case BackendWish::obtain:
      if (flow.backend != nullptr) close_backend(flow.backend->id);
      obtain(flow, now);
      return true;
    case BackendWish::queue:
      if (flow.backend != nullptr) close_backend(flow.backend->id);
      flow.session->queued(flow.id, now);
      return true;
    case BackendWish::give_back:
      give_back(flow, now);
      break;
    case BackendWish::discard:
      if (flow.backend != nullptr) close_backend(flow.backend->id);
      break;
  }
  pipes_.give(std::move(flow.there));  // What is in it has no taker any more.
  flow.session->parted(now);
  return true;
}

void Worker::obtain(Flow& flow, Instant now) {
  const std::uint32_t server = flow.session->server();
  const bool found = !flow.session->wants_fresh() &&
                     (take_idle(flow, server, now) || take_over(flow, server, now));
  if (found) {
    flow.session->connected(/*reused=*/true, now);
  } else {
    connect(flow, server, now);
  }
}

/// Places in the queue of a farm got their turn. Who is gone has given up its turn as well.
void Worker::take_calls(Share& share) {
  for (const std::uint64_t id : share.farm.admission().calls(thread_)) {
    const auto found = flows_.find(id);
    if (found == flows_.end()) continue;
    const Instant now = io::monotonic_now();
    found->second->session->called(now);
    drive(*found->second, now);
  }
}

void Worker::connect(Flow& flow, std::uint32_t server, Instant now) {
  const std::optional<Endpoint> endpoint = flow.share->farm.server(server).endpoint();
  if (!endpoint) {
    flow.session->connecting(now);
    flow.session->connect_failed("its name is not resolved", now);
    return;
  }
  make_room();
  int error = 0;
  Result<io::Fd> fd = io::connect_tcp(*endpoint, &error);
  if (!fd && (io::is_shortage(error) || io::lacks_port(error))) {
    flow.session->connect_impossible(fd.error().message, io::lacks_port(error), now);
    return;
  }
  flow.session->connecting(now);
  if (!fd) {
    flow.session->connect_failed(fd.error().message, now);
    return;
  }
  const std::uint64_t id = next_id_++;
  auto backend = std::make_unique<Backend>(*this, id, *flow.share, server, std::move(*fd));
  backend->endpoint = *endpoint;
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
  // Idle: it was closed, or says something nobody asked for. Either way it is not used again,
  // unless another thread was quicker: then that one has heard it too.
  Share& share = backend.share;
  if (share.idle.closed(backend.server, backend.id, io::monotonic_now())) {
    close_backend(backend.id);
  } else {
    forget_taken(share);
  }
}

void Worker::on_backend_writable(Backend& backend) {
  if (backend.connecting) {
    on_connect(backend);
    return;
  }
  backend.blocked = false;
  backend.watch.want_write(false);
  if (backend.flow != nullptr) drive(*backend.flow, io::monotonic_now());
}

/// Of a server that has said its end: what it was sent since then it does not take.
void Worker::on_backend_trouble(Backend& backend) {
  if (backend.flow == nullptr || io::connect_error(backend.fd.get()) == 0) return;
  const Instant now = io::monotonic_now();
  backend.flow->session->unwritable(Side::backend, now);
  drive(*backend.flow, now);
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
  drive(flow, now);
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
    Flow& flow = *found->second;
    if (flow.session == nullptr) {
      shares_[flow.port->farms.front()]->picker.totals().late.add();
      remove(flow);
      continue;
    }
    flow.session->on_deadline(now);
    drive(flow, now);
  }
  Instant next = deadlines_.next(now);
  const Duration offset = io::wall_offset();
  for (const std::unique_ptr<Share>& share : shares_) {
    share->http.date.set_clock(offset);
    for (const std::uint64_t id : share->idle.expired(now)) close_backend(id);
    forget_taken(*share);
    next = std::min(next, share->idle.next());
  }
  if (now >= trim_at_) {
    blocks_.trim();
    trim_at_ = now + trim_interval;
  }
  if (blocks_.has_surplus()) next = std::min(next, trim_at_);
  wake_by(next);
}

}  // namespace hither::lb
