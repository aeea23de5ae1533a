// SPDX-License-Identifier: Apache-2.0
#include "lb/server.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "base/text.h"
#include "io/clock.h"
#include "io/log_sink.h"
#include "io/notify.h"
#include "io/process.h"
#include "lb/report_decisions.h"

namespace hither::lb {
namespace {

/// Of each farm on one page, and how long somebody may have all of them recorded.
constexpr std::uint64_t decisions_shown_max = 1000;
constexpr std::uint64_t decisions_record_s_max = 60;

}  // namespace

Balancer::Balancer(Settings settings, unsigned threads, Succession succession)
    : settings_(std::move(settings)),
      threads_count_(threads),
      resolver_(loop_, settings_.resolvers),
      admin_(loop_),
      access_log_(STDOUT_FILENO),
      succession_(std::move(succession)),
      drain_limit_(loop_, [this] { cut_stragglers(); }),
      judge_timer_(loop_, [this] { judge_outliers(); }),
      file_timer_(loop_, [this] { look_at_files(); }),
      leave_timer_(loop_, [this] { end_farms(); }) {
  for (unsigned thread = 0; thread < threads; ++thread) {
    if (thread > 0) loops_.push_back(std::make_unique<io::Loop>());
    io::Loop& loop = thread == 0 ? loop_ : *loops_.back();
    workers_.push_back(std::make_unique<Worker>(loop, thread, io::random_seed()));
  }
  std::vector<io::Loop*> loops;
  for (const std::unique_ptr<Worker>& worker : workers_) loops.push_back(&worker->loop());
  for (const std::unique_ptr<Worker>& worker : workers_) worker->meet(loops);
}

Balancer::~Balancer() {
  for (std::thread& thread : threads_) thread.join();
}

Result<void> Balancer::listen() {
  if (Result<void> met = meet_predecessor(); !met) return met;
  if (Result<void> taken = change(settings_); !taken) return taken;
  add_pages();
  return open_pages();
}

void Balancer::add_pages() {
  admin_.add_page("/health", [this](const io::PageRequest&) {
    const RoomReport report = make_report(view(), io::monotonic_now());
    return io::Page{.status = is_serving(report) ? 200 : 503, .body = to_json(report)};
  });
  admin_.add_page("/status", [this](const io::PageRequest&) {
    return io::Page{.body = to_status_json(view(), io::monotonic_now())};
  });
  admin_.add_page("/decisions",
                  [this](const io::PageRequest& request) { return show_decisions(request); });
  admin_.add_metrics([this] { return make_metrics(view()); });
}

/// "?farm=web&last=20&request=ID", and "record=10" to record all of them for so many seconds.
io::Page Balancer::show_decisions(const io::PageRequest& request) {
  const auto text = [&request](const char* name) {
    const auto found = request.query.find(name);
    return found == request.query.end() ? std::string() : found->second;
  };
  const auto number = [&text](const char* name, std::uint64_t usual, std::uint64_t most) {
    return std::min(parse_number(text(name)).value_or(usual), most);
  };
  const Instant now = io::monotonic_now();
  const std::string wanted = text("farm");
  const std::chrono::seconds record(number("record", 0, decisions_record_s_max));
  bool known = wanted.empty();
  for (const std::size_t i : present_) {
    if (!wanted.empty() && farms_[i]->name() != wanted) continue;
    known = true;
    if (record > Duration::zero()) farms_[i]->record_decisions(now + record);
  }
  if (!known) {
    return {.status = 404,
            .content_type = "text/plain; charset=utf-8",
            .body = fmt::format("there is no farm {} in room {}\n", wanted, settings_.room)};
  }
  const DecisionQuery query{
      .farm = wanted, .request = text("request"), .last = number("last", 10, decisions_shown_max)};
  return {.body = to_decisions_json(view(), query, now)};
}

RoomView Balancer::view() const {
  return {.room = settings_.room, .draining = draining_, .farms = views_, .reloads = &reloads_};
}

bool Balancer::run() {
  const io::SignalWatch signals(loop_, {SIGTERM, SIGINT, SIGHUP, SIGUSR2, SIGCHLD},
                                [this](int number) { on_signal(number); });
  running_ = true;
  for (std::size_t farm = 0; farm < farms_.size(); ++farm) watch_farm(farm);
  rebuild_views();
  recall();
  for (const std::unique_ptr<io::Loop>& loop : loops_) {
    threads_.emplace_back([&loop] { loop->run(); });
  }
  access_log_.start();
  say_ready_once();
  judge_outliers();
  if (reloader_) look_at_files();
  loop_.run();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  access_log_.stop();
  io::write_log(log_info("stopped").with("room", settings_.room));
  return !gave_up_;
}

void Balancer::watch_farm(std::size_t farm) {
  FarmProbes::Events events{
      .on_change = [this, farm](std::size_t server,
                                Prober::Belief to) { on_change(farm, server, to); },
      .on_moved = [this, farm](std::size_t server) { drop_idle(farm, server); },
      .on_result = [this] { say_ready_once(); }};
  probes_.push_back(std::make_unique<FarmProbes>(loop_, resolver_, *farms_[farm], std::move(events),
                                                 io::random_seed()));
}

void Balancer::on_change(std::size_t farm, std::size_t server, Prober::Belief to) {
  if (to == Prober::Belief::down) {
    log_down(farm, server);
    drop_idle(farm, server);
    return;
  }
  const bool held = to == Prober::Belief::held;
  LogRecord record = held ? log_warning("server-held") : log_info("server-up");
  record.with("farm", farms_[farm]->name()).with("server", farms_[farm]->server(server).name());
  if (held) record.with("reason", probes_[farm]->prober().last_failure(server));
  io::write_log(record);
}

void Balancer::drop_idle(std::size_t farm, std::size_t server) {
  for (const std::unique_ptr<Worker>& worker : workers_) worker->drop_idle(farm, server);
}

void Balancer::judge_outliers() {
  const Instant now = io::monotonic_now();
  for (std::size_t i = 0; i < farms_.size(); ++i) {
    Farm& farm = *farms_[i];
    farm.step_recent(now);
    farm.retry_budget().step(
        farm.sum([](const FarmTotals& totals) -> const Counter& { return totals.requests; }), now);
    step_outliers(i, now);
    step_allotments(i, now);
    farm.step_queue();
  }
  judge_timer_.set(now + judge_interval);
}

void Balancer::step_outliers(std::size_t number, Instant now) {
  Farm& farm = *farms_[number];
  for (const Outliers::Change& change : outliers_[number]->step(farm.take_seen(), now)) {
    farm.set_standing(change.server, change.to);
    if (change.to == Standing::probation) continue;
    const bool out = change.to == Standing::ejected;
    LogRecord record = out ? log_warning("server-ejected") : log_info("server-readmitted");
    record.with("farm", farm.name())
        .with("server", farm.server(change.server).name())
        .with("reason", change.reason);
    if (out) {
      record.with("for", hither::to_text(outliers_[number]->copy(change.server).until - now));
    }
    io::write_log(record);
  }
}

void Balancer::step_allotments(std::size_t number, Instant now) {
  Farm& farm = *farms_[number];
  const bool known = number < probes_.size() && probes_[number]->prober().first_round_done();
  const Panic::Change change = farm.step_allotments(now, known);
  if (change == Panic::Change::none) return;
  const bool begins = change == Panic::Change::begins;
  const FarmReport report = farm.report(now);
  const bool spreads = farm.settings().panic.mode == topology::Panic::Mode::spread;
  LogRecord record = begins ? log_warning("panic-begins") : log_info("panic-ends");
  record.with("farm", farm.name())
      .with("usable", fmt::format("{}/{}", report.usable, report.copies));
  if (begins) record.with("mode", spreads ? "spread" : "shed");
  io::write_log(record);
}

void Balancer::log_down(std::size_t farm, std::size_t server) const {
  io::write_log(log_warning("server-down")
                    .with("farm", farms_[farm]->name())
                    .with("server", farms_[farm]->server(server).name())
                    .with("reason", probes_[farm]->prober().last_failure(server)));
}

void Balancer::say_ready_once() {
  if (ready_ || draining_) return;
  for (const std::unique_ptr<FarmProbes>& probes : probes_) {
    if (!probes->prober().first_round_done()) return;
  }
  if (probes_.size() < farms_.size()) return;
  ready_ = true;
  if (predecessor_) {
    predecessor_->say_ready(doors_);
  } else {
    serve();
  }
}

/// Every copy is known, and the room is ours.
void Balancer::serve() {
  const RoomReport report = make_report(view(), io::monotonic_now());
  LogRecord record = log_info("ready").with("room", settings_.room);
  for (const FarmReport& farm : report.farms) {
    record.with(farm.farm, fmt::format("{}/{}", farm.usable, farm.copies));
  }
  io::write_log(record);
  for (const std::size_t farm : present_) {
    for (const std::size_t server : farms_[farm]->order()) {
      if (!farms_[farm]->server(server).usable()) log_down(farm, server);
    }
  }
  if (post_) post_->open();
  // Who supervises may have started another process than this one.
  io::notify(fmt::format("READY=1\nMAINPID={}", getpid()));
}

void Balancer::on_signal(int number) {
  if (number == SIGHUP) {
    if (reloader_ && !draining_) reloader_->read();
  } else if (number == SIGCHLD) {
    io::collect_orphans([](int) { return false; });  // Successors that SIGUSR2 started.
  } else if (number == SIGUSR2) {
    start_successor();
  } else if (stopping_) {
    end_at_once();
  } else {
    drain();
  }
}

void Balancer::stop() {
  for (const std::unique_ptr<Worker>& worker : workers_) worker->stop();
}

}  // namespace hither::lb
