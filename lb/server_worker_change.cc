// SPDX-License-Identifier: Apache-2.0
//
// What other threads ask of a worker: other settings, to let go of a server.
#include <algorithm>
#include <utility>

#include "io/clock.h"
#include "lb/server_worker.h"
#include "lb/server_worker_parts.h"

namespace hither::lb {

void Worker::take(Change change, std::function<void()> taken) {
  // Shared, for what is posted must be copyable.
  loop_.post(
      [this, change = std::make_shared<Change>(std::move(change)), taken = std::move(taken)] {
        apply(std::move(*change));
        taken();
      });
}

void Worker::apply(Change change) {
  clients_max_ = change.clients_max;
  pipes_.limit(change.pipes_max);
  for (const NewFarm& fresh : change.farms) {
    shares_.push_back(std::make_unique<Share>(fresh, blocks_, thread_, seed_++));
    fresh.farm->admission().on_call(thread_, [this, share = shares_.back().get()] {
      loop_.post([this, share] { take_calls(*share); });
    });
  }
  for (const std::unique_ptr<Share>& share : shares_) share->read_settings();
  for (const auto& [farm, sink] : change.logs) {
    shares_[farm]->tcp.log = sink;
    shares_[farm]->http.log = sink;
  }
  if (draining_) return;
  change_doors(change.doors, change.sockets);
  for (const Door& door : change.doors) {
    for (const std::size_t farm : door.port->farms) shares_[farm]->leaving.reset();
  }
  for (const std::size_t farm : change.ended) {
    shares_[farm]->leaving = change.ended_by.patience;
    give_turns(change.ended_by,
               [share = shares_[farm].get()](const Flow& flow) { return flow.share == share; });
  }
}

void Worker::change_doors(const std::vector<Door>& doors,
                          std::vector<std::pair<Endpoint, io::Fd>>& sockets) {
  std::erase_if(listeners_, [&](const std::unique_ptr<Listener>& listener) {
    const auto door = std::ranges::find(doors, listener->door.endpoint, &Door::endpoint);
    if (door != doors.end()) {
      listener->door.port = door->port;
      return false;
    }
    while (accept_some(*listener)) {
    }
    return true;
  });
  for (auto& [endpoint, socket] : sockets) {
    const auto door = std::ranges::find(doors, endpoint, &Door::endpoint);
    if (door == doors.end()) continue;
    listeners_.push_back(std::make_unique<Listener>(*this, *door, std::move(socket)));
  }
}

void Worker::drop_idle(std::size_t farm, std::size_t server) {
  loop_.post([this, farm, server] {
    for (const std::uint64_t id : shares_[farm]->idle.drop(server)) close_backend(id);
    forget_taken(*shares_[farm]);
  });
}

}  // namespace hither::lb
