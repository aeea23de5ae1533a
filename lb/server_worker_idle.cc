// SPDX-License-Identifier: Apache-2.0
//
// What becomes of a worker's connections to servers between requests: they wait to be used again,
// by this thread or, while it needs none, by another.
#include <utility>

#include "lb/server_worker.h"
#include "lb/server_worker_parts.h"

namespace hither::lb {

void Worker::give_back(Flow& flow, Instant now) {
  if (flow.backend == nullptr) return;
  Backend& backend = *std::exchange(flow.backend, nullptr);
  backend.flow = nullptr;
  Share& share = *flow.share;
  backend.watch.want_read(true);  // To hear it close.
  // Another thread that takes it tells the kernel itself, so nothing may be left to tell.
  const bool settled = loops_.size() < 2 || backend.watch.settle();
  const Server& server = share.farm.server(backend.server);
  const bool moved = server.endpoint() != backend.endpoint;
  if (!settled || moved || !server.usable()) {
    close_backend(backend.id);
    return;
  }
  wake_by(now + share.idle.idle_max(backend.server));
  const auto surplus = share.idle.put(backend.server, backend.id, backend.fd.get(), now);
  if (surplus) close_backend(*surplus);
}

/// One of this thread's own, but none that has just closed or said something unasked: what that is
/// would pass for the answer to this request.
bool Worker::take_idle(Flow& flow, std::uint32_t server, Instant now) {
  while (const auto id = flow.share->idle.take(server, now)) {
    Backend& backend = *backends_.find(*id)->second;
    if (backend.watch.has_event()) {
      close_backend(*id);
      continue;
    }
    forget_taken(*flow.share);
    flow.backend = &backend;
    flow.backend->flow = &flow;
    return true;
  }
  forget_taken(*flow.share);
  return false;
}

/// One of another thread's. That one would have heard it close, but perhaps not yet: so it is
/// looked at, which costs little beside the connect that it saves.
bool Worker::take_over(Flow& flow, std::uint32_t server, Instant now) {
  Share& share = *flow.share;
  while (const auto other = share.idle.take_over(server, now)) {
    io::Fd fd(other->fd());
    io::FdWatch::take_from(*loops_[other->thread], fd.get());
    share.idle.taken_over(*other);
    if (io::peek(fd.get()) != io::IoResult::Kind::would_block) {
      share.idle.found_closed(*other, now);
      continue;
    }
    const Result<Endpoint> leads_to = io::remote_endpoint(fd.get());
    if (!leads_to || share.farm.server(server).endpoint() != *leads_to) continue;  // It moved.
    const std::uint64_t id = next_id_++;
    auto backend = std::make_unique<Backend>(*this, id, share, server, std::move(fd));
    backend->flow = &flow;
    backend->endpoint = *leads_to;
    backend->connecting = false;
    flow.backend = backend.get();
    backends_.emplace(id, std::move(backend));
    return true;
  }
  return false;
}

/// Before another connection is opened: idle ones to other servers must not take the descriptors
/// that clients and their requests need. One for each client is what there are enough of.
void Worker::make_room() {
  if (backends_.size() < clients_max_) return;
  for (const std::unique_ptr<Share>& share : shares_) {
    const auto oldest = share->idle.give_up_oldest();
    forget_taken(*share);
    if (!oldest) continue;
    close_backend(*oldest);
    return;
  }
}

/// Those of ours that other threads took: what is left of them here.
void Worker::forget_taken(Share& share) {
  if (!share.idle.lost_some()) return;
  for (const std::uint64_t id : share.idle.taken_away()) {
    const auto found = backends_.find(id);
    found->second->watch.disown();
    found->second->fd.release();
    backends_.erase(found);
  }
}

}  // namespace hither::lb
