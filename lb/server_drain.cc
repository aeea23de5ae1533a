// SPDX-License-Identifier: Apache-2.0
//
// How the clients of a room, or of a farm that is gone, leave; the rules are in lb/drain.h.
#include <algorithm>
#include <utility>

#include "base/text.h"
#include "io/clock.h"
#include "io/log_sink.h"
#include "io/notify.h"
#include "lb/server.h"

namespace hither::lb {
namespace {

std::string rounded(Duration duration) {
  return hither::to_text(Duration(std::chrono::duration_cast<std::chrono::milliseconds>(duration)));
}

/// Must clients of this port say something before it is known whose they are?
bool asks_first(const Settings& settings, std::uint16_t port) {
  return std::ranges::any_of(settings.farms, [port](const FarmSettings& one) {
    return one.farm.port == port && (one.farm.accept_proxy || !one.farm.server_names.empty());
  });
}

}  // namespace

Duration Balancer::longest_window() const {
  Duration longest = Duration::zero();
  for (const std::unique_ptr<Farm>& farm : farms_) {
    if (farm->clients().level() == 0) continue;
    longest = std::max(longest, farm->settings().timeouts.drain);
  }
  return longest;
}

/// Told to stop. Where it was leaving already it has less time now.
void Balancer::drain() {
  // Where another process serves the room now, or still does, the room does not stop.
  if (!predecessor_ && !draining_) io::notify("STOPPING=1");
  stopping_ = true;
  if (predecessor_) {  // It never served.
    stop();
    return;
  }
  if (post_) post_->close();
  leave(rule_for_stop(longest_window()), {});
}

void Balancer::leave(const DrainRule& rule, const std::vector<Endpoint>& handed_over) {
  draining_ = true;
  io::write_log(
      log_info("draining").with("room", settings_.room).with("limit", rounded(rule.limit)));
  drain_limit_.set(io::monotonic_now() + rule.limit);
  workers_busy_ = workers_.size();
  ++drains_;
  for (const std::unique_ptr<Worker>& worker : workers_) {
    worker->drain(rule, handed_over, [this, drain = drains_] {
      loop_.post([this, drain] {
        if (drain != drains_) return;
        --workers_busy_;
        stop_when_empty();
      });
    });
  }
}

/// Nobody is left, and everybody who was cut has been told about. A worker that is empty may say so
/// before another has said whom it cut.
void Balancer::stop_when_empty() {
  if (workers_busy_ == 0 && workers_to_cut_ == 0) stop();
}

/// Then every worker is empty, and that ends it.
void Balancer::cut_stragglers() {
  if (std::exchange(cutting_, true)) return;
  workers_to_cut_ = workers_.size();
  for (const std::unique_ptr<Worker>& worker : workers_) {
    worker->cut(std::nullopt, [this](const std::vector<Straggler>& cut) {
      loop_.post([this, cut] {
        cut_.insert(cut_.end(), cut.begin(), cut.end());
        if (--workers_to_cut_ > 0) return;
        report_stragglers(cut_);
        stop_when_empty();
      });
    });
  }
}

/// Told to stop a second time. All who are left are cut and told about; a third time is a hurry.
void Balancer::end_at_once() {
  if (std::exchange(hurried_, true)) return stop();
  cut_stragglers();
}

void Balancer::report_stragglers(const std::vector<Straggler>& cut) const {
  for (const Stragglers& farm : sum_up(cut, io::monotonic_now())) {
    io::write_log(log_warning("stragglers-cut")
                      .with("room", settings_.room)
                      .with("farm", farm.farm)
                      .with("clients", farm.count)
                      .with("oldest", to_rough_text(farm.oldest))
                      .with("from", to_text(farm.most)));
  }
}

/// Farms that are not described any more: their clients leave by what this returns, and until then
/// their copies stay.
DrainRule Balancer::let_go(const std::vector<std::size_t>& ended) {
  Duration window = Duration::zero();
  for (const std::size_t farm : ended) {
    window = std::max(window, farms_[farm]->settings().timeouts.drain);
  }
  const DrainRule rule = rule_for_leaving(window);
  const Instant now = io::monotonic_now();
  for (const std::size_t farm : ended) {
    const bool may_come = asks_first(settings_, farms_[farm]->settings().port);
    leaving_.push_back({.farm = farm,
                        .from = may_come ? now + Preface::patience + leaving_interval : now,
                        .limit = now + rule.limit});
  }
  std::erase_if(leaving_, [this](const Leaving& one) {
    return std::ranges::find(present_, one.farm) != present_.end();  // It has come back.
  });
  return rule;
}

/// Farms that are gone serve the clients they had until these have left; then their copies go too.
void Balancer::end_farms() {
  const Instant now = io::monotonic_now();
  if (workers_behind_ > 0) {  // They may let in some more yet.
    leave_timer_.set(now + leaving_interval);
    return;
  }
  std::erase_if(leaving_, [this, now](const Leaving& one) {
    const std::size_t farm = one.farm;
    if (now < one.from) return false;
    if (now < one.limit && farms_[farm]->clients().level() > 0) return false;
    for (const std::unique_ptr<Worker>& worker : workers_) {
      worker->cut(farm, [this](const std::vector<Straggler>& cut) {
        loop_.post([this, cut] { report_stragglers(cut); });
      });
    }
    const FarmSettings empty{.farm = farms_[farm]->settings(), .servers = {}};
    change_farm(farm, empty, *farms_[farm]->plan(empty.farm, {}));
    return true;
  });
  leave_timer_.set(leaving_.empty() ? never : now + leaving_interval);
}

}  // namespace hither::lb
