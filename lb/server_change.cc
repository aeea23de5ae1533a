// SPDX-License-Identifier: Apache-2.0
//
// How a running balancer takes other settings: first all that may fail, then all that may not.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/text.h"
#include "io/clock.h"
#include "io/fd_passing.h"
#include "io/log_sink.h"
#include "lb/server.h"
#include "lb/server_turns.h"

namespace hither::lb {
namespace {

/// How often files are looked at: a stat() call.
constexpr Duration file_interval = std::chrono::milliseconds(250);

/// What only a restart can change.
std::vector<Error> find_fixed_changes(const Settings& now, const Settings& fresh) {
  std::vector<Error> changes;
  const auto add = [&changes](const char* key, const std::string& is, const std::string& wanted) {
    if (is == wanted) return;
    changes.push_back(
        {fmt::format("{}: {} cannot become {} while it runs; restart hither-lb, or "
                     "take the change back",
                     key, is, wanted)});
  };
  add("room", now.room, fresh.room);
  add("admin", to_text(now.admin), to_text(fresh.admin));
  return changes;
}

/// What one thread may have of the descriptors of this process.
struct Portion {
  std::size_t clients;  ///< each may need a connection to a server as well
  std::size_t pipes;    ///< for bulk, two descriptors each
};

/// Probes, status pages and listeners need theirs too: so clients can never take the room down.
Portion portion_of(std::size_t threads, const Settings& settings) {
  std::size_t copies = 0;
  for (const FarmSettings& farm : settings.farms) copies += farm.servers.size();
  const std::size_t doors = settings.farms.size() * settings.listen.size();
  const std::size_t reserved = 32 + copies + threads * (doors + 2);
  const std::size_t limit = std::max(io::open_files_max(), reserved + 2);
  const std::size_t pipes = std::min<std::size_t>(limit / 32, 256);
  const std::size_t left = limit - std::min(limit - 2, reserved + 2 * pipes);
  return {.clients = std::max<std::size_t>(left / 2 / threads, 1), .pipes = pipes / threads};
}

template <class Value>
bool contains(const std::vector<Value>& values, const Value& value) {
  return std::ranges::find(values, value) != values.end();
}

}  // namespace

/// The doors of some settings, with sockets for those that are not open yet: for each worker one.
struct Balancer::Opened {
  std::vector<Endpoint> endpoints;                                ///< all there will be
  std::vector<std::vector<std::pair<Endpoint, io::Fd>>> sockets;  ///< by worker
};

void Balancer::follow(std::function<SetupReading()> read, const SetupReading& first) {
  reloader_.emplace(loop_, std::move(read), first, [this](SetupReading reading, Duration took) {
    on_read(std::move(reading), took);
  });
}

void Balancer::look_at_files() {
  reloader_->look();
  file_timer_.set(io::monotonic_now() + file_interval);
}

void Balancer::refuse(const std::vector<Error>& mistakes) {
  for (const Error& mistake : mistakes) {
    reloads_.mistakes.push_back(mistake.message);
    io::write_log(log_error("reload-refused").with("mistake", mistake.message));
  }
  ++reloads_.refused;
}

void Balancer::on_read(SetupReading reading, Duration took) {
  if (draining_) return;
  // Doors of the last change may still be open: after it, then. And nobody gives away, or gets,
  // what changes meanwhile.
  if (workers_behind_ > 0 || predecessor_ || (post_ && post_->busy())) {
    read_again_ = true;
    return;
  }
  reloads_.last = io::monotonic_now();
  reloads_.took = took;
  reloads_.mistakes.clear();
  if (!reading.settings) return refuse(reading.mistakes);
  const std::vector<Error> fixed = find_fixed_changes(settings_, *reading.settings);
  if (!fixed.empty()) return refuse(fixed);
  if (const Result<void> taken = change(std::move(*reading.settings)); !taken) {
    return refuse({taken.error()});
  }
}

/// Every worker has taken the last change.
void Balancer::on_taken() {
  for (const std::unique_ptr<Farm>& farm : farms_) farm->forget_old_settings();
  ++reloads_.done;
  LogRecord record = log_info("reloaded").with("room", settings_.room);
  for (const std::size_t farm : present_) {
    record.with(farms_[farm]->name(), farms_[farm]->order().size());
  }
  io::write_log(record);
  if (std::exchange(read_again_, false) && reloader_) reloader_->read();
}

/// SO_REUSEPORT would let us in beside another balancer of the same user: each port is asked for
/// without it first.
Result<Balancer::Opened> Balancer::open_doors(const Settings& fresh) const {
  Opened opened;
  opened.sockets.resize(workers_.size());
  for (const FarmSettings& farm : fresh.farms) {
    for (const Address& address : fresh.listen) {
      const Endpoint endpoint{.address = address, .port = farm.farm.port};
      if (!contains(opened.endpoints, endpoint)) opened.endpoints.push_back(endpoint);
    }
  }
  const bool shared = workers_.size() > 1;
  for (const Endpoint& endpoint : opened.endpoints) {
    if (contains(doors_, endpoint)) continue;
    if (hand_out(endpoint, opened)) continue;
    if (const Result<io::Fd> alone = io::listen_tcp(endpoint); !alone) {
      return tl::unexpected(alone.error());
    }
    for (auto& sockets : opened.sockets) {
      Result<io::Fd> fd = io::listen_tcp(endpoint, {.reuse_port = shared});
      if (!fd) return tl::unexpected(fd.error());
      sockets.emplace_back(endpoint, std::move(*fd));
    }
  }
  return opened;
}

/// Gives the workers the sockets that a predecessor had at this endpoint. Every one of them, for in
/// each there may be clients who wait; where there are more workers some listen at one together.
bool Balancer::hand_out(const Endpoint& endpoint, Opened& opened) const {
  if (!predecessor_) return false;
  std::vector<io::Fd> handed = predecessor_->take_sockets(HandoverMessage::Use::clients, endpoint);
  if (handed.empty()) return false;
  const std::size_t count = handed.size();
  for (std::size_t i = count; i < workers_.size(); ++i) {
    handed.push_back(io::duplicate(handed[i % count].get()));
  }
  for (std::size_t i = 0; i < handed.size(); ++i) {
    opened.sockets[i % workers_.size()].emplace_back(endpoint, std::move(handed[i]));
  }
  return true;
}

/// farms_.size() if there was never one of this name.
std::size_t Balancer::number_of(const std::string& farm) const {
  const auto found = std::ranges::find_if(
      farms_, [&farm](const std::unique_ptr<Farm>& one) { return one->name() == farm; });
  return static_cast<std::size_t>(found - farms_.begin());
}

std::size_t Balancer::add_farm(const FarmSettings& farm) {
  farms_.push_back(std::make_unique<Farm>(settings_.room, farm.farm, farm.servers, threads_count_));
  idle_.push_back(std::make_unique<SharedIdle>(threads_count_));
  if (threads_count_ > 1) {
    farms_.back()->admission().take_turns(std::make_unique<MutexTurns>());
    idle_.back()->take_turns(std::make_unique<MutexTurns>());
  }
  outliers_.push_back(std::make_unique<Outliers>(farm.farm.outlier, farm.servers.size()));
  sinks_.emplace_back(workers_.size(), nullptr);
  if (running_) watch_farm(farms_.size() - 1);
  return farms_.size() - 1;
}

void Balancer::change_farm(std::size_t number, const FarmSettings& fresh, const CopyPlan& plan) {
  Farm& farm = *farms_[number];
  farm.change(fresh.farm, plan);
  outliers_[number]->change(fresh.farm.outlier, plan);
  if (number < probes_.size()) probes_[number]->change(plan);
  const auto say = [&farm](const char* event, std::size_t server) {
    io::write_log(log_info(event)
                      .with("farm", farm.name())
                      .with("server", farm.server(server).name())
                      .with("address", farm.server(server).address()));
  };
  for (const CopyPlan::Join& join : plan.joins) say("server-joins", join.place);
  if (!plan.joins.empty() && farm.size() > servers_max / 4 * 3) {
    io::write_log(log_warning("many-copies")
                      .with("farm", farm.name())
                      .with("so_far", farm.size())
                      .with("most", servers_max)
                      .with("cure", "upgrade hither-lb, which counts anew"));
  }
  for (const std::size_t server : plan.leaves) {
    say("server-leaves", server);
    drop_idle(number, server);
  }
}

/// Where worker `thread` leaves the access log of a farm; null where it has none.
AccessSink* Balancer::sink_for(std::size_t farm, unsigned thread) {
  AccessSink*& sink = sinks_[farm][thread];
  const topology::AccessLog format = farms_[farm]->settings().access_log;
  if (format == topology::AccessLog::off) return nullptr;
  if (sink == nullptr) sink = access_log_.add(*farms_[farm], thread);
  return sink;
}

Result<void> Balancer::change(Settings fresh) {
  Result<Opened> opened = open_doors(fresh);
  if (!opened) return tl::unexpected(opened.error());
  const std::size_t known = farms_.size();
  std::vector<std::pair<std::size_t, CopyPlan>> plans;
  for (const FarmSettings& farm : fresh.farms) {
    const std::size_t number = number_of(farm.farm.name);
    if (number == known) continue;
    Result<CopyPlan> plan = farms_[number]->plan(farm.farm, farm.servers);
    if (!plan) return tl::unexpected(plan.error());
    plans.emplace_back(number, std::move(*plan));
  }

  // Nothing fails from here on.
  const std::vector<std::size_t> before = std::exchange(present_, {});
  auto plan = plans.begin();
  for (const FarmSettings& farm : fresh.farms) {
    if (plan != plans.end() && farms_[plan->first]->name() == farm.farm.name) {
      change_farm(plan->first, farm, plan->second);
      present_.push_back(plan->first);
      ++plan;
    } else {
      present_.push_back(add_farm(farm));
    }
  }
  std::vector<std::size_t> ended;
  std::ranges::copy_if(before, std::back_inserter(ended),
                       [this](std::size_t farm) { return !contains(present_, farm); });
  const DrainRule ended_by = let_go(ended);
  settings_ = std::move(fresh);
  doors_ = opened->endpoints;
  std::vector<Door> doors;
  for (const Port& port : ports_of(settings_.farms, present_)) {
    const auto shared = std::make_shared<const Port>(port);
    for (const Address& address : settings_.listen) {
      doors.push_back({.endpoint = {.address = address, .port = port.port}, .port = shared});
    }
  }
  const Portion portion = portion_of(workers_.size(), settings_);
  workers_behind_ = running_ ? workers_.size() : 0;
  for (unsigned thread = 0; thread < workers_.size(); ++thread) {
    Worker::Change change{.clients_max = portion.clients,
                          .pipes_max = portion.pipes,
                          .doors = doors,
                          .ended = ended,
                          .ended_by = ended_by};
    change.sockets = std::move(opened->sockets[thread]);
    for (std::size_t farm = known; farm < farms_.size(); ++farm) {
      change.farms.push_back(
          {.farm = farms_[farm].get(), .idle = idle_[farm].get(), .log = sink_for(farm, thread)});
    }
    for (std::size_t farm = 0; farm < known; ++farm) {
      change.logs.emplace_back(farm, sink_for(farm, thread));
    }
    if (!running_) {
      workers_[thread]->apply(std::move(change));
      continue;
    }
    workers_[thread]->take(std::move(change), [this] {
      loop_.post([this] {
        if (--workers_behind_ == 0) on_taken();
      });
    });
  }
  rebuild_views();
  // Not before every worker has let in who waits at their ports.
  if (!leaving_.empty()) leave_timer_.set(io::monotonic_now() + leaving_interval);
  return {};
}

void Balancer::rebuild_views() {
  views_.clear();
  for (const std::size_t farm : present_) {
    if (farm >= probes_.size()) continue;
    views_.push_back({.farm = farms_[farm].get(),
                      .prober = &probes_[farm]->prober(),
                      .outliers = outliers_[farm].get(),
                      .name = [probes = probes_[farm].get()](std::size_t server) {
                        return probes->names().find(server);
                      }});
  }
}

}  // namespace hither::lb
