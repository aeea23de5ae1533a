// SPDX-License-Identifier: Apache-2.0
#include "lb/server_probes.h"

#include <utility>

#include "io/clock.h"
#include "lb/settings.h"

namespace hither::lb {

/// A connect that passes if it succeeds in time.
struct FarmProbes::TcpProbe {
  TcpProbe(io::Loop& loop, io::Fd socket, std::function<void(const ProbeResult&)> on_done)
      : fd(std::move(socket)),
        done(std::move(on_done)),
        watch(
            loop, fd.get(), [] {},
            [this] {
              const int error = io::connect_error(fd.get());
              finish({.passed = error == 0, .reason = error == 0 ? "" : io::error_text(error)});
            }),
        timer(loop, [this] { finish({.passed = false, .reason = "timed out"}); }) {
    watch.want_write(true);
  }

  void finish(const ProbeResult& result) {
    // The callback may destroy this probe.
    const auto callback = std::exchange(done, {});
    if (callback) callback(result);
  }

  io::Fd fd;
  std::function<void(const ProbeResult&)> done;
  io::FdWatch watch;
  io::Timer timer;
};

FarmProbes::FarmProbes(io::Loop& loop, io::Resolver& resolver, Farm& farm, OnChange on_change,
                       std::function<void()> on_result)
    : loop_(loop),
      resolver_(resolver),
      farm_(farm),
      on_change_(std::move(on_change)),
      on_result_(std::move(on_result)),
      prober_(farm.settings().health.limits, farm.size(), io::monotonic_now()),
      fetches_(farm.size()),
      connects_(farm.size()),
      timer_(loop, [this] { probe_due(); }) {
  timer_.set(prober_.next());
}

FarmProbes::~FarmProbes() = default;

void FarmProbes::change(const CopyPlan& plan) {
  fetches_.resize(farm_.size());
  connects_.resize(farm_.size());
  for (const std::size_t place : plan.leaves) {
    fetches_[place].reset();
    connects_[place].reset();
  }
  prober_.change(farm_.settings().health.limits, plan, io::monotonic_now());
  timer_.set(prober_.next());
}

void FarmProbes::probe_due() {
  for (const std::size_t server : prober_.due(io::monotonic_now())) probe(server);
  timer_.set(prober_.next());
}

void FarmProbes::probe(std::size_t server) {
  const std::optional<Endpoint> endpoint = farm_.server(server).endpoint();
  if (!endpoint) {
    resolve(server);
  } else if (farm_.settings().mode == topology::Mode::http) {
    probe_http(server, *endpoint);
  } else {
    probe_tcp(server, *endpoint);
  }
}

void FarmProbes::resolve(std::size_t server) {
  const std::string& address = farm_.server(server).address();
  const Result<HostPort> parts = parse_host_port(address);
  if (!parts) {
    finish(server, {.passed = false, .reason = parts.error().message});
    return;
  }
  if (const Result<Address> numeric = parse_address(parts->host)) {
    farm_.server(server).resolve({.address = *numeric, .port = parts->port});
    probe(server);
    return;
  }
  resolver_.resolve(parts->host, [this, server, parts = *parts](Result<io::Resolved> resolved) {
    if (!resolved || resolved->addresses.empty()) {
      const std::string why = resolved ? "it has no address" : resolved.error().message;
      finish(server, {.passed = false, .reason = parts.host + ": " + why});
      return;
    }
    farm_.server(server).resolve({.address = resolved->addresses.front(), .port = parts.port});
    probe(server);
  });
}

void FarmProbes::probe_http(std::size_t server, const Endpoint& endpoint) {
  fetches_[server] =
      std::make_unique<io::HttpFetch>(loop_,
                                      io::HttpRequest{.target = endpoint,
                                                      .path = farm_.settings().health.path,
                                                      .host = farm_.server(server).address(),
                                                      .body = {},
                                                      .timeout = prober_.limits().timeout},
                                      [this, server](const io::HttpReply& reply) {
                                        finish(server, judge_http(reply.status, reply.error));
                                      });
}

void FarmProbes::probe_tcp(std::size_t server, const Endpoint& endpoint) {
  Result<io::Fd> fd = io::connect_tcp(endpoint);
  if (!fd) {
    finish(server, {.passed = false, .reason = fd.error().message});
    return;
  }
  connects_[server] = std::make_unique<TcpProbe>(
      loop_, std::move(*fd), [this, server](const ProbeResult& result) { finish(server, result); });
  connects_[server]->timer.set(io::monotonic_now() + prober_.limits().timeout);
}

void FarmProbes::finish(std::size_t server, const ProbeResult& result) {
  const auto change = prober_.on_result(server, result, io::monotonic_now());
  if (change) {
    farm_.set_usable(server, change->to == Health::State::up);
    on_change_(server, *change);
  }
  timer_.set(prober_.next());
  on_result_();
  // Last, for this may be what called us.
  fetches_[server].reset();
  connects_[server].reset();
}

}  // namespace hither::lb
