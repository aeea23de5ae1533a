// SPDX-License-Identifier: Apache-2.0
#include "dns/server_udp.h"

#include <utility>

#include "dns/protocol.h"
#include "io/clock.h"

namespace hither::dns {

UdpThread::UdpThread(io::Fd socket, const Endpoint& endpoint,
                     std::shared_ptr<const Snapshot> snapshot)
    : socket_(std::move(socket), endpoint, udp_payload_of(snapshot->protocol.get())),
      responder_(std::move(snapshot)) {}

UdpThread::~UdpThread() { stop(); }

void UdpThread::stop() {
  stopped_ = true;
  socket_.shut();
  if (thread_.joinable()) thread_.join();
}

void UdpThread::start() {
  thread_ = std::jthread([this] { run(); });
}

void UdpThread::publish(std::shared_ptr<const Snapshot> snapshot) {
  const std::lock_guard lock(mutex_);
  next_ = std::move(snapshot);
  posted_ = true;
}

void UdpThread::take_snapshot() {
  std::shared_ptr<const Snapshot> next;
  {
    const std::lock_guard lock(mutex_);
    next = std::move(next_);
    posted_ = false;
  }
  responder_.set_snapshot(std::move(next));
}

void UdpThread::run() {
  while (!stopped_.load(std::memory_order_relaxed)) turn();
}

void UdpThread::turn() {
  const std::size_t count = socket_.wait();
  if (posted_.load(std::memory_order_acquire)) take_snapshot();
  if (count > 0) answer(count);
}

void UdpThread::answer(std::size_t count) {
  const Instant now = io::monotonic_now();
  const std::uint32_t unix_seconds = io::unix_seconds();
  for (std::size_t i = 0; i < count; ++i) {
    const Endpoint peer = socket_.peer(i);
    if (!can_hear(peer)) continue;
    const Arrival arrival{.client = peer.address, .at = now, .unix_seconds = unix_seconds};
    socket_.reply(i, responder_.respond(socket_.packet(i), arrival, socket_.buffer(i)));
  }
  responder_.count_failed_sends(socket_.send());
}

}  // namespace hither::dns
