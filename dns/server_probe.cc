// SPDX-License-Identifier: Apache-2.0
#include "dns/server_probe.h"

#include <optional>
#include <utility>

#include "io/clock.h"
#include "io/http_client.h"
#include "io/socket.h"

namespace hither::dns {

using Done = std::function<void(const ProbeResult&)>;
using ProbeKind = topology::ProbeRule::Kind;

struct SentProbe::Http {
  Http(io::Loop& loop, const Probe& what, Duration timeout, Done on_result)
      : kind(what.kind),
        done(std::move(on_result)),
        fetch(loop,
              {.target = what.target,
               .preamble = what.preamble,
               .path = what.path,
               .host = what.host,
               .timeout = timeout},
              [this](const io::HttpReply& reply) { finish(reply); }) {}

  void finish(const io::HttpReply& reply) {
    ProbeResult result = read_probe(kind, reply.status, reply.body, reply.error);
    result.ours = reply.ours;
    result.took = reply.took;
    const auto callback = std::exchange(done, {});
    if (callback) callback(result);
  }

  ProbeKind kind;
  Done done;
  io::HttpFetch fetch;
};

struct SentProbe::Tcp {
  Tcp(io::Loop& loop, const Probe& what, Duration timeout, Done on_result)
      : done(std::move(on_result)),
        started(io::monotonic_now()),
        timer(loop, [this] { finish(at_once.empty() ? "timed out" : at_once); }) {
    int error = 0;
    auto socket = io::connect_tcp(what.target, &error);
    if (!socket) {
      ours = io::is_shortage(error);
      at_once = socket.error().message;
      timer.set(started);
      return;
    }
    fd = std::move(*socket);
    watch.emplace(
        loop, fd.get(), [] {},
        [this] {
          const int failure = io::connect_error(fd.get());
          ours = io::is_shortage(failure);
          finish(failure == 0 ? "" : io::error_text(failure));
        });
    watch->want_write(true);
    timer.set(started + timeout);
  }

  void finish(const std::string& error) {
    ProbeResult result = read_probe(ProbeKind::tcp, 0, {}, error);
    result.ours = ours;
    result.took = io::monotonic_now() - started;
    const auto callback = std::exchange(done, {});
    if (callback) callback(result);  // It may destroy this probe.
  }

  Done done;
  Instant started;
  std::string at_once;  ///< why there was no connection to wait for
  bool ours = false;
  io::Fd fd;
  std::optional<io::FdWatch> watch;
  io::Timer timer;
};

SentProbe::SentProbe(io::Loop& loop, const Probe& what, Duration timeout, Done on_result) {
  if (what.kind == ProbeKind::tcp) {
    tcp_ = std::make_unique<Tcp>(loop, what, timeout, std::move(on_result));
  } else {
    http_ = std::make_unique<Http>(loop, what, timeout, std::move(on_result));
  }
}

SentProbe::~SentProbe() = default;

}  // namespace hither::dns
