// SPDX-License-Identifier: Apache-2.0
#include "io/stream_server.h"

#include <algorithm>
#include <array>

#include "io/clock.h"
#include "io/fd_passing.h"

namespace hither::io {
namespace {

constexpr std::size_t read_bytes_max = 16 * 1024;
constexpr int accepts_per_turn = 16;
constexpr int drains_per_turn = 8;
constexpr Duration linger_time = std::chrono::seconds(2);

}  // namespace

struct StreamServer::Listener {
  Listener(StreamServer& server, Fd socket)
      : fd(std::move(socket)),
        watch(server.loop_, fd.get(), [&server, this] { server.accept_all(*this); }),
        pause(server.loop_, [this] { watch.want_read(true); }) {
    watch.want_read(true);
  }
  Fd fd;
  FdWatch watch;
  Timer pause;
};

struct StreamServer::Connection {
  Connection(StreamServer& server, std::uint64_t number, Fd socket, std::unique_ptr<Session> s)
      : id(number),
        fd(std::move(socket)),
        session(std::move(s)),
        watch(
            server.loop_, fd.get(), [&server, this] { server.on_readable(*this); },
            [&server, this] { server.settle(*this); }),
        timer(server.loop_, [&server, this] { server.on_timer(*this); }) {}

  std::uint64_t id;
  Fd fd;
  std::unique_ptr<Session> session;
  FdWatch watch;
  Timer timer;
  Bytes out;
  std::size_t sent = 0;    // of out
  bool ended = false;      // the peer sent FIN
  bool broken = false;     // the socket failed
  bool lingering = false;  // all is sent; waiting for the peer's FIN
  bool closing = false;    // the session is finished, its last bytes are not sent yet
  ClientQuota::Place place;
  std::list<std::uint64_t>::iterator activity;
  Instant stalled_at = never;  // cut it off then
  std::size_t sent_to_go = 0;  // octets that it must still take before
};

StreamServer::StreamServer(Loop& loop, Factory factory, Limits limits)
    : loop_(loop), factory_(std::move(factory)), limits_(limits) {}

StreamServer::~StreamServer() = default;

void StreamServer::add_listener(Fd listener) {
  listeners_.push_back(std::make_unique<Listener>(*this, std::move(listener)));
}

std::vector<Fd> StreamServer::lend_listeners() const {
  std::vector<Fd> lent;
  for (const std::unique_ptr<Listener>& listener : listeners_) {
    lent.push_back(duplicate(listener->fd.get()));
  }
  return lent;
}

void StreamServer::set_accepting(bool accepting) {
  for (const std::unique_ptr<Listener>& listener : listeners_) {
    listener->pause.cancel();
    listener->watch.want_read(accepting);
  }
}

void StreamServer::close_listeners() { listeners_.clear(); }
void StreamServer::close_connections() {
  counts_.closed.add(connections_.size());
  connections_.clear();
  by_activity_.clear();
}

void StreamServer::wake_all() {
  std::vector<std::uint64_t> ids;
  ids.reserve(connections_.size());
  for (const auto& [id, connection] : connections_) ids.push_back(id);
  std::ranges::sort(ids);
  for (const std::uint64_t id : ids) {
    const auto found = connections_.find(id);
    if (found == connections_.end() || found->second->lingering) continue;
    found->second->session->on_time(monotonic_now(), found->second->out);
    settle(*found->second);
  }
}

/// The next connection, if there may be one more, or another can go for it.
Accepted StreamServer::accept_allowed(Listener& listener) {
  const bool may_shed = limits_.shed_idle && !by_activity_.empty();
  if (connections_.size() >= limits_.connections_max && !may_shed) return {};
  return accept_one(listener.fd.get());
}

void StreamServer::make_room() {
  while (!by_activity_.empty() && connections_.size() >= limits_.connections_max) {
    remove(by_activity_.front());
    counts_.shed.add();
  }
}

void StreamServer::accept_all(Listener& listener) {
  for (int i = 0; i < accepts_per_turn; ++i) {
    Accepted accepted = accept_allowed(listener);
    if (accepted.kind == IoResult::Kind::would_block) return;
    if (!accepted.fd) {
      // No descriptors, or as many connections as we may have: wait a little, never spin.
      listener.watch.want_read(false);
      listener.pause.set(monotonic_now() + exhausted_pause);
      return;
    }
    ClientQuota::Place place;
    if (limits_.quota != nullptr) {
      place = limits_.quota->take(accepted.peer.address);
      if (!place) {  // Closed at once: the client has its share.
        counts_.over_quota.add();
        continue;
      }
    }
    make_room();  // Only for who stays.
    counts_.accepted.add();
    const std::uint64_t id = next_id_++;
    auto connection =
        std::make_unique<Connection>(*this, id, std::move(accepted.fd), factory_(accepted.peer));
    Connection& reference = *connection;
    reference.place = std::move(place);
    reference.activity = by_activity_.insert(by_activity_.end(), id);
    connections_.emplace(id, std::move(connection));
    settle(reference);
  }
}

void StreamServer::on_readable(Connection& connection) {
  std::array<std::byte, read_bytes_max> buffer;
  const IoResult result = read_some(connection.fd.get(), buffer);
  const Instant now = monotonic_now();
  switch (result.kind) {
    case IoResult::Kind::would_block:
      return;
    case IoResult::Kind::ok:
      if (connection.lingering) return;
      connection.session->on_bytes({buffer.data(), result.size}, now, connection.out);
      if (!connection.out.empty()) {  // Something was understood: octets alone are no activity.
        by_activity_.splice(by_activity_.end(), by_activity_, connection.activity);
      }
      break;
    case IoResult::Kind::end:
      connection.ended = true;
      if (!connection.lingering) connection.session->on_end(now, connection.out);
      break;
    default:
      connection.broken = true;
  }
  settle(connection);
}

void StreamServer::on_timer(Connection& connection) {
  const Instant now = monotonic_now();
  const bool stalled = now >= connection.stalled_at;
  if (stalled) counts_.stalled.add();
  if (connection.lingering || connection.closing || stalled) {
    remove(connection.id);
    return;
  }
  if (now >= connection.session->deadline()) {
    connection.session->on_time(now, connection.out);
    if (connection.session->finished()) counts_.timed_out.add();
  }
  settle(connection);
}

void StreamServer::flush(Connection& connection) {
  std::size_t sent = 0;
  while (connection.sent < connection.out.size()) {
    const ByteView left = ByteView(connection.out).subspan(connection.sent);
    const IoResult result = write_some(connection.fd.get(), left);
    if (result.kind == IoResult::Kind::would_block) {
      watch_progress(connection, sent);
      return;
    }
    if (result.kind != IoResult::Kind::ok) {
      connection.broken = true;
      return;
    }
    connection.sent += result.size;
    sent += result.size;
  }
  connection.sent = 0;
  connection.out.clear();
  connection.stalled_at = never;
  if (connection.out.capacity() > read_bytes_max) connection.out.shrink_to_fit();
}

/// The kernel is full: from now on, or from the last `stall_bytes` on, the peer has `stall_time`.
void StreamServer::watch_progress(Connection& connection, std::size_t sent) {
  if (connection.stalled_at != never && sent < connection.sent_to_go) {
    connection.sent_to_go -= sent;
    return;
  }
  connection.stalled_at = monotonic_now() + limits_.stall_time;
  connection.sent_to_go = limits_.stall_bytes;
}

/// Sends, and lets a session that waits for that go on, for a few turns; then others have theirs.
void StreamServer::go_on(Connection& connection) {
  for (int turn = 0; turn < drains_per_turn; ++turn) {
    flush(connection);
    if (connection.broken || !connection.out.empty() || !connection.session->has_more()) return;
    connection.session->on_drained(monotonic_now(), connection.out);
    by_activity_.splice(by_activity_.end(), by_activity_, connection.activity);
  }
  // What the last turn added waits as well, though the kernel has not refused it yet.
  if (!connection.out.empty()) watch_progress(connection, 0);
}

/// After anything happened: send, then arm what the connection waits for now, or end it.
void StreamServer::settle(Connection& connection) {
  if (!connection.broken) go_on(connection);
  if (connection.broken || (connection.lingering && connection.ended)) {
    remove(connection.id);
    return;
  }
  if (connection.lingering) return;
  const std::size_t waiting = connection.out.size() - connection.sent;
  if (waiting == 0 && connection.session->finished()) {
    start_lingering(connection);
    return;
  }
  connection.watch.want_write(waiting > 0);
  if (connection.session->finished()) {
    // Its last bytes wait for a peer that does not read: not for ever, and the session has no say.
    connection.watch.want_read(false);
    if (!connection.closing) connection.timer.set(monotonic_now() + linger_time);
    connection.closing = true;
    return;
  }
  connection.watch.want_read(!connection.ended && waiting <= limits_.output_bytes_max &&
                             connection.session->wants_input());
  connection.timer.set(std::min(connection.session->deadline(), connection.stalled_at));
}

void StreamServer::start_lingering(Connection& connection) {
  if (connection.ended) {
    remove(connection.id);
    return;
  }
  connection.lingering = true;
  shutdown_write(connection.fd.get());
  connection.watch.want_write(false);
  connection.watch.want_read(true);
  connection.timer.set(monotonic_now() + linger_time);
}

void StreamServer::remove(std::uint64_t id) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  by_activity_.erase(found->second->activity);
  connections_.erase(found);
  counts_.closed.add();
}

}  // namespace hither::io
