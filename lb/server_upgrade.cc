// SPDX-License-Identifier: Apache-2.0
//
// How the balancer of a room takes the place of another process, and gives its own away.
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "base/text.h"
#include "io/clock.h"
#include "io/fd_passing.h"
#include "io/log_sink.h"
#include "io/notify.h"
#include "io/process.h"
#include "lb/server.h"

namespace hither::lb {

using Use = HandoverMessage::Use;

/// Before anything is opened: what a predecessor has is taken from it instead.
Result<void> Balancer::meet_predecessor() {
  const std::string& place = succession_.place;
  if (place.empty()) return {};
  predecessor_ = Predecessor::find(loop_, place, settings_.room);
  io::Fd listener;
  if (predecessor_) {
    generation_ = predecessor_->memory().generation + 1;
    for (const std::unique_ptr<Worker>& worker : workers_) worker->hold();
    std::vector<io::Fd> handed = predecessor_->take_sockets(Use::handover);
    if (!handed.empty()) listener = std::move(handed.front());
  }
  if (!listener) {
    Result<io::Fd> fresh = io::listen_local(place);
    if (!fresh) return tl::unexpected(fresh.error());
    listener = std::move(*fresh);
  }
  post_ =
      std::make_unique<HandoverPost>(loop_, std::move(listener), place, settings_.room, wishes());
  return {};
}

Result<void> Balancer::open_pages() {
  std::vector<io::Fd> handed;
  if (predecessor_) handed = predecessor_->take_sockets(Use::admin, settings_.admin);
  for (io::Fd& fd : handed) admin_.adopt(std::move(fd));
  if (!handed.empty()) {
    admin_.set_accepting(false);
    return {};
  }
  const Result<Endpoint> admin = admin_.listen(settings_.admin);
  if (!admin) return tl::unexpected(admin.error());
  return {};
}

/// What the predecessor knew of our copies. Before the loops run.
void Balancer::recall() {
  if (!predecessor_) return;
  std::size_t recalled = 0;
  for (const FarmMemory& memory : predecessor_->memory().farms) {
    const std::size_t farm = number_of(memory.name);
    if (farm < farms_.size()) recalled += probes_[farm]->recall(memory, *outliers_[farm]);
  }
  io::write_log(log_info("takes-over")
                    .with("room", settings_.room)
                    .with("generation", generation_)
                    .with("known_copies", recalled));
  predecessor_->follow({.take_over = [this] { take_over(); },
                        .be_alone =
                            [this] {
                              io::write_log(
                                  log_warning("predecessor-ended").with("room", settings_.room));
                              take_over();
                            },
                        .give_up = [this](const std::string& why) { give_up(why); }});
}

/// The predecessor takes no more connections, or is gone. First its supervisor hears of it: when
/// the old one ends this one must be known.
void Balancer::take_over() {
  const std::unique_ptr<Predecessor> predecessor = std::move(predecessor_);
  serve();
  if (!predecessor->say_go()) return give_up("the predecessor did not wait and serves on");
  set_accepting(true);
  if (std::exchange(read_again_, false) && reloader_) reloader_->read();
}

void Balancer::give_up(const std::string& why) {
  io::write_log(log_error("handover-refused").with("room", settings_.room).with("reason", why));
  gave_up_ = true;
  stop();
}

HandoverPost::Wishes Balancer::wishes() {
  return {
      .offer = [this] { begin_offer(); },
      .pause =
          [this] {
            set_accepting(false);
            post_->say_paused();
          },
      .resume = [this] { set_accepting(true); },
      .leave =
          [this](const std::vector<Endpoint>& taken) {
            io::write_log(log_info("handed-over").with("room", settings_.room));
            admin_.retire();
            leave(rule_for_leaving(longest_window(), succession_.limit), taken);
          },
      .failed =
          [this](const std::string& why) {
            io::write_log(
                log_warning("handover-failed").with("room", settings_.room).with("reason", why));
            if (std::exchange(read_again_, false) && reloader_) reloader_->read();
          }};
}

/// Asks all threads for their sockets.
void Balancer::begin_offer() {
  lent_.clear();
  workers_to_lend_ = workers_.size();
  ++offers_;
  for (const std::unique_ptr<Worker>& worker : workers_) {
    worker->lend_sockets([this, offer_number = offers_](Worker::Sockets sockets) {
      loop_.post(
          [this, offer_number, lent = std::make_shared<Worker::Sockets>(std::move(sockets))] {
            if (offer_number != offers_) return;  // For a successor that is gone.
            for (auto& socket : *lent) lent_.push_back(std::move(socket));
            if (--workers_to_lend_ == 0) offer();
          });
    });
  }
}

void Balancer::offer() {
  if (!post_ || !post_->busy()) {
    lent_.clear();
    return;
  }
  RoomMemory memory = remember(view(), io::monotonic_now());
  memory.generation = generation_;
  std::vector<HandedSocket> sockets;
  for (auto& [endpoint, fd] : lent_) {
    sockets.push_back({.what = {.use = Use::clients, .endpoint = endpoint}, .fd = std::move(fd)});
  }
  lent_.clear();
  for (io::Fd& fd : admin_.lend_listeners()) {
    sockets.push_back(
        {.what = {.use = Use::admin, .endpoint = settings_.admin}, .fd = std::move(fd)});
  }
  sockets.push_back({.what = {.use = Use::handover, .endpoint = {}}, .fd = post_->lend()});
  // One that could not be had for want of descriptors would be lost for good.
  const bool whole = std::ranges::all_of(
      sockets, [](const HandedSocket& socket) { return static_cast<bool>(socket.fd); });
  if (!whole) {
    io::write_log(log_error("handover-failed")
                      .with("room", settings_.room)
                      .with("reason", "out of descriptors")
                      .with("cure", "raise the limit of open files (ulimit -n)"));
    sockets.clear();
  }
  post_->give(to_json(memory), std::move(sockets));
}

void Balancer::set_accepting(bool accepting) {
  for (const std::unique_ptr<Worker>& worker : workers_) worker->set_accepting(accepting);
  admin_.set_accepting(accepting);
}

/// For supervisors that know one process and cannot start another beside it.
void Balancer::start_successor() {
  const auto refuse = [this](const std::string& why) {
    io::write_log(log_error("no-successor").with("room", settings_.room).with("reason", why));
  };
  if (draining_ || predecessor_) return refuse("it has no room to give");
  if (!post_) return refuse("no place to meet it; set HITHER_HANDOVER");
  if (post_->busy()) return refuse("one is on its way");
  const Result<int> pid = io::start_beside(succession_.argv);
  if (!pid) return refuse(pid.error().message);
  io::write_log(log_info("successor-started").with("room", settings_.room).with("pid", *pid));
}

}  // namespace hither::lb
