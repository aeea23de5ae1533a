// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "io/clock.h"
#include "io/loop.h"
#include "io/pipe.h"
#include "io/socket.h"
#include "lb/server_worker.h"

namespace hither::lb {

// What a Worker is made of: for its own files only.

/// What this thread keeps for one farm.
struct Worker::Share {
  Share(const NewFarm& fresh, BlockPool& blocks, unsigned thread, std::uint64_t seed)
      : farm(*fresh.farm),
        picker(farm, thread, seed),
        tcp{.picker = picker, .blocks = blocks, .times = {}, .log = fresh.log},
        http{.picker = picker, .blocks = blocks, .log = fresh.log},
        idle(*fresh.idle, thread) {
    http.date.set_clock(io::wall_offset());
    read_settings();
  }

  /// What the sessions of TCP mode go by, those that are there as well.
  void read_settings() {
    const topology::Timeouts& timeouts = farm.settings().timeouts;
    tcp.times = {.connect = timeouts.connect, .idle = timeouts.tunnel, .total = timeouts.total};
  }

  std::unique_ptr<Session> new_session(const Flow& flow, Instant now);

  Farm& farm;
  Picker picker;
  TcpContext tcp;
  HttpContext http;
  IdlePool idle;
  /// The farm is gone: the patience with those of its clients who say only now that they are.
  std::optional<Duration> leaving;
};

struct Worker::Listener {
  Listener(Worker& worker, Door d, io::Fd socket)
      : door(std::move(d)),
        fd(std::move(socket)),
        watch(worker.loop_, fd.get(), [&worker, this] { worker.accept_some(*this); }),
        pause(worker.loop_, [&worker, this] { watch.want_read(!worker.held_); }) {
    watch.want_read(!worker.held_);
  }

  Door door;
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
            [&worker, this] { worker.on_backend_writable(*this); },
            [&worker, this] { worker.on_backend_trouble(*this); }) {}

  std::uint64_t id;
  Share& share;
  std::uint32_t server;
  Endpoint endpoint{};  ///< where it leads: the server may have moved since
  io::Fd fd;
  io::FdWatch watch;
  Flow* flow = nullptr;  ///< who uses it; null while it is idle
  bool connecting = true;
  bool blocked = false;  ///< the kernel takes no more bytes: wait until writable
  bool ended = false;    ///< we sent FIN
};

/// One client connection and its session, or while it has none, its preface.
struct Worker::Flow {
  Flow(Worker& worker, std::uint64_t number, std::shared_ptr<const Port> p, io::Accepted accepted)
      : id(number),
        port(std::move(p)),
        peer(accepted.peer),
        fd(std::move(accepted.fd)),
        watch(
            worker.loop_, fd.get(), [&worker, this] { worker.on_readable(*this, Side::client); },
            [&worker, this] {
              blocked = false;
              watch.want_write(false);
              worker.drive(*this, io::monotonic_now());
            },
            [&worker, this] { worker.on_client_trouble(*this); }) {
    deadline.owner = id;
    watch.want_trouble(true);
  }

  std::unique_ptr<io::Pipe>& pipe(Side from) { return from == Side::client ? there : back; }
  bool holds(Side from) {
    const io::Pipe* const one = pipe(from).get();
    return one != nullptr && one->held() > 0;
  }

  std::uint64_t id;
  std::shared_ptr<const Port> port;  ///< as it was when the client came
  Endpoint peer;
  std::optional<Endpoint> asked;  ///< where the client came, if a PROXY header said so
  Instant since{};                ///< when it came
  std::unique_ptr<Preface> preface;
  Share* share = nullptr;            ///< of the farm, as soon as that is known
  std::unique_ptr<Session> session;  ///< likewise
  std::unique_ptr<io::Pipe> there;   ///< what is on its way to the server, or may be
  std::unique_ptr<io::Pipe> back;    ///< and to the client
  Deadlines::Entry deadline;
  std::optional<Duration> patience;  ///< its turn to leave has come, before it had a session
  io::Fd fd;
  io::FdWatch watch;
  Backend* backend = nullptr;
  bool blocked = false;
  bool ended = false;
};

}  // namespace hither::lb
