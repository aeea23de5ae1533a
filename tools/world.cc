// SPDX-License-Identifier: Apache-2.0
#include "tools/world.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "base/text.h"
#include "io/clock.h"
#include "lb/drain.h"
#include "lb/server_copy_probe.h"
#include "tools/guardian.h"
#include "tools/state_folder.h"
#include "tools/world_status.h"

extern char** environ;

namespace hither::tools {
namespace {

using topology::Process;
using topology::Supervisor;

constexpr std::size_t last_lines_max = 20;
// One that speaks sd_notify is ready long before it is asked; the others are asked ever less often.
constexpr Duration ask_first = std::chrono::milliseconds(50);
constexpr Duration ask_most = std::chrono::milliseconds(500);
// For one that was succeeded to end by itself at the limit it has.
constexpr Duration leave_margin = std::chrono::seconds(10);
constexpr Duration one_stop = std::chrono::milliseconds(300);

std::vector<std::string> names_of(const std::vector<Process>& plan) {
  std::vector<std::string> names;
  names.reserve(plan.size());
  for (const Process& process : plan) names.push_back(process.name);
  return names;
}

/// What every child gets: ours, without what is meant for one program.
std::vector<std::string> inheritable_environment() {
  std::vector<std::string> kept;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const bool ours = text.starts_with("HITHER_") && !text.starts_with("HITHER_LOG");
    const bool bound = text.starts_with("NOTIFY_SOCKET=") || text.starts_with("HOST=") ||
                       text.starts_with("PORT=");
    if (!ours && !bound) kept.emplace_back(text);
  }
  return kept;
}

Colour colour_of_level(LogLevel level) {
  if (level == LogLevel::error) return Colour::red;
  return level == LogLevel::warning ? Colour::yellow : Colour::plain;
}

}  // namespace

struct World::Run {
  Run(io::Loop& loop, std::size_t process, std::function<void()> ask)
      : index(process), ask_timer(loop, std::move(ask)) {}

  std::size_t index;  // in the plan
  io::Child child;
  std::optional<io::FdWatch> exit_watch;
  std::unique_ptr<io::LineReader> output;
  std::deque<std::string> last_lines;
  io::Timer ask_timer;
  std::unique_ptr<lb::TlsMemory> tls;
  std::unique_ptr<lb::CopyProbe> question;
  Duration ask_delay = ask_first;

  void forget_questions() {
    ask_timer.cancel();
    question.reset();
  }
};

World::World(topology::Description description, std::vector<Process> plan,
             std::vector<std::string> programs)
    : description_(std::move(description)),
      programs_(std::move(programs)),
      open_files_(io::open_files_max()),
      started_(io::monotonic_now()),
      supervisor_(std::move(plan), {}, io::random_seed(), started_),
      log_(stdout, names_of(supervisor_.plan())),
      admin_(loop_),
      timer_(loop_, [this] { carry_out(supervisor_.on_time(io::monotonic_now())); }),
      inherited_(inheritable_environment()) {
  for (std::size_t i = 0; i < supervisor_.plan().size(); ++i) {
    runs_.push_back(std::make_unique<Run>(loop_, i, [this, i] { ask_if_ready(i); }));
  }
  io::raise_open_files_limit();  // Each process is two.
  // In the abstract namespace: it leaves no file behind, and both ends ask whose the other is.
  handover_name_ = fmt::format("@hither-{}-{:x}-", getpid(), io::random_seed());
}

World::~World() = default;

Result<void> World::open() {
  if (auto folder = make_state_folder(); !folder) return tl::unexpected(folder.error());
  const std::string path = socket_of_world(description_.name);
  if (auto claimed = claim_world(description_.name); !claimed) return claimed;
  admin_.add_page("/health", [](const io::PageRequest&) {
    return io::Page{200, "application/json", "{\"status\":\"ok\"}\n"};
  });
  admin_.add_page("/status", [this](const io::PageRequest&) {
    return io::Page{200, "application/json",
                    world_status(description_, supervisor_, started_, io::monotonic_now())};
  });
  admin_.add_action("/upgrade",
                    [this](const io::PageRequest& request) { return upgrade(request); });
  if (auto listening = admin_.listen_unix(path); !listening) return listening;
  auto socket = io::NotifyListener::open(notify_name_);
  if (!socket) return tl::unexpected(socket.error());
  notify_.emplace(loop_, std::move(*socket),
                  [this](int pid, std::string_view message) { on_notify(pid, message); });
  signals_.emplace(loop_, signals_of_world(), [this](int number) { on_signal(number); });
  return {};
}

int World::run() {
  log_.note(fmt::format("{}: starting {} processes in {} rooms", description_.name,
                        supervisor_.plan().size(), description_.rooms.size()));
  loop_.post([this] { carry_out(supervisor_.on_time(io::monotonic_now())); });
  loop_.run();
  remove_world(description_.name);
  log_.note(fmt::format("{}: stopped; nothing is left running", description_.name));
  return 0;
}

void World::carry_out(const Supervisor::Actions& actions) {
  for (const Supervisor::Action& action : actions) {
    const int pid = action.pid;
    switch (action.kind) {
      case Supervisor::Action::Kind::start:
        start(action.process);
        break;
      case Supervisor::Action::Kind::start_beside:
        start_beside(action.process);
        break;
      case Supervisor::Action::Kind::terminate:
        io::signal_group(pid, SIGTERM);
        io::signal_group(pid, SIGCONT);  // one that was stopped must be able to end
        break;
      case Supervisor::Action::Kind::kill:
        io::signal_group(pid, SIGKILL);
        break;
      case Supervisor::Action::Kind::report:
        tell(action);
        break;
    }
  }
  after_event();
}

void World::after_event() {
  timer_.set(supervisor_.deadline());
  if (!greeted_ && supervisor_.settled() && !supervisor_.stop_requested()) {
    greeted_ = true;
    greet();
  }
  if (supervisor_.stop_requested() && supervisor_.all_stopped()) loop_.stop();
}

std::vector<std::string> World::environment_of(const Process& process) const {
  std::vector<std::string> environment = inherited_;
  const auto set = [&](const std::string& entry) {
    const std::string key = entry.substr(0, entry.find('=') + 1);
    std::erase_if(environment, [&](const std::string& old) { return old.starts_with(key); });
    environment.push_back(entry);
  };
  set("NOTIFY_SOCKET=" + notify_name_);
  if (process.kind == Process::Kind::dns) {
    set("HITHER_OVERRIDES=" + overrides_of_world(description_.name));
  }
  if (process.kind == Process::Kind::balancer) {
    set("HITHER_HANDOVER=" + handover_name_ + process.room);
  }
  for (const std::string& entry : process.environment) set(entry);
  return environment;
}

/// Starts the program of a process and hears of its output and its end.
Result<int> World::spawn(std::size_t index, Run& run) {
  const Process& process = supervisor_.plan()[index];
  run.last_lines.clear();
  std::vector<std::string> argv = process.argv;
  argv.front() = programs_[index];
  auto child = io::spawn(
      {.argv = std::move(argv), .environment = environment_of(process), .open_files = open_files_});
  if (!child) return tl::unexpected(child.error());
  run.child = std::move(*child);
  run.output = std::make_unique<io::LineReader>(
      loop_, std::move(run.child.output),
      [this, &run](std::string_view line) {
        log_.line(supervisor_.plan()[run.index].name, line);
        run.last_lines.emplace_back(line);
        if (run.last_lines.size() > last_lines_max) run.last_lines.pop_front();
      },
      [] {});
  run.exit_watch.emplace(loop_, run.child.pidfd.get(), [this, &run] { on_exit(run.index, &run); });
  run.exit_watch->want_read(true);
  return run.child.pid;
}

void World::start(std::size_t index) {
  Run& run = *runs_[index];
  const Result<int> pid = spawn(index, run);
  if (!pid) {
    carry_out(supervisor_.on_start_failed(index, pid.error().message, io::monotonic_now()));
    return;
  }
  run.ask_delay = ask_first;
  if (supervisor_.plan()[index].ready.how != Process::Ready::How::notify) {
    run.ask_timer.set(io::monotonic_now() + ask_first);
  }
  carry_out(supervisor_.on_started(index, *pid, io::monotonic_now()));
}

/// A successor always says itself that it is ready: its port answers before, by the other process.
void World::start_beside(std::size_t index) {
  beside_.push_back(std::make_unique<Run>(loop_, index, [] {}));
  const Result<int> pid = spawn(index, *beside_.back());
  if (!pid) {
    beside_.pop_back();
    carry_out(supervisor_.on_successor_gone(index, pid.error().message, io::monotonic_now()));
    return;
  }
  carry_out(supervisor_.on_successor_started(index, *pid, io::monotonic_now()));
}

/// After a successor has come to be the process: its run is that of the process as well.
void World::align(std::size_t index) {
  const int pid = supervisor_.status(index).pid;
  if (pid == 0 || runs_[index]->child.pid == pid) return;
  const auto found = std::ranges::find_if(
      beside_, [pid](const std::unique_ptr<Run>& run) { return run->child.pid == pid; });
  if (found == beside_.end()) return;
  std::swap(runs_[index], *found);
  if ((*found)->child.pid == 0) beside_.erase(found);
}

void World::on_exit(std::size_t index, const Run* which) {
  const auto place = std::ranges::find_if(
      beside_, [which](const std::unique_ptr<Run>& run) { return run.get() == which; });
  const bool beside = place != beside_.end();
  Run& run = beside ? **place : *runs_[index];
  const auto status = io::collect(run.child.pid);
  if (!status) return;
  run.exit_watch.reset();
  run.forget_questions();
  // What it had started in its group ends with it.
  const int pid = std::exchange(run.child.pid, 0);
  io::signal_group(pid, SIGKILL);
  run.child.pidfd.close();
  if (run.output) run.output->drain();
  run.output.reset();
  const std::string how = io::to_text(*status);
  const Instant now = io::monotonic_now();
  if (!beside) {
    const Supervisor::Actions actions = supervisor_.on_exited(index, how, now);
    align(index);
    carry_out(actions);
    return;
  }
  const std::string last = run.last_lines.empty() ? "" : ": " + run.last_lines.back();
  beside_.erase(place);
  const auto& successor = supervisor_.status(index).successor;
  if (successor && successor->pid == pid) {
    carry_out(supervisor_.on_successor_gone(index, how + last, now));
  } else {
    carry_out(supervisor_.on_left(index, pid, now));
  }
}

/// POST /upgrade?room=NAME: begins it; /status tells what becomes of it.
io::Page World::upgrade(const io::PageRequest& request) {
  const auto refuse = [](int status, const std::string& why) {
    return io::Page{status, "text/plain; charset=utf-8", why + "\n"};
  };
  const auto asked = request.query.find("room");
  const std::string name = asked == request.query.end() ? "" : asked->second;
  for (std::size_t i = 0; i < supervisor_.plan().size(); ++i) {
    const Process& process = supervisor_.plan()[i];
    if (process.kind != Process::Kind::balancer || process.room != name) continue;
    if (!supervisor_.may_upgrade(i)) {
      return refuse(409, fmt::format("{} is {}; it can be upgraded once it is ready, and no other "
                                     "upgrade of it is under way",
                                     process.name, to_text(supervisor_.status(i).state)));
    }
    Duration window = Duration::zero();
    for (const topology::Room& room : description_.rooms) {
      if (room.name != name) continue;
      for (const topology::Farm& farm : room.farms) {
        window = std::max(window, farm.timeouts.drain);
      }
    }
    const Duration leave_max = lb::rule_for_leaving(window).limit + leave_margin;
    // Not here: the answer comes first.
    loop_.post([this, i, leave_max] {
      carry_out(supervisor_.on_upgrade(i, leave_max, io::monotonic_now()));
    });
    return io::Page{202, "application/json", "{}\n"};
  }
  return refuse(404, fmt::format("there is no balancer of a room '{}' here", name));
}

void World::on_notify(int pid, std::string_view message) {
  const auto lines = split(message, '\n');
  if (std::ranges::find(lines, "READY=1") == lines.end()) return;
  const int leader = getpgid(pid);  // the one that speaks may be a child of the one we started
  for (std::size_t i = 0; i < runs_.size(); ++i) {
    const auto& successor = supervisor_.status(i).successor;
    if (successor && successor->pid == leader && leader > 0) {
      const Supervisor::Actions actions = supervisor_.on_successor_ready(i, io::monotonic_now());
      align(i);
      carry_out(actions);
      return;
    }
    if (supervisor_.status(i).pid != leader || leader <= 0) continue;
    runs_[i]->forget_questions();
    carry_out(supervisor_.on_ready(i, io::monotonic_now()));
    return;
  }
}

/// As its balancer will ask it.
void World::ask_if_ready(std::size_t index) {
  Run& run = *runs_[index];
  if (supervisor_.status(index).state != Supervisor::State::starting) return;
  run.forget_questions();
  const Process::Ready& ready = supervisor_.plan()[index].ready;
  run.ask_delay = std::min(run.ask_delay * 2, ask_most);
  run.ask_timer.set(io::monotonic_now() + run.ask_delay);
  lb::CopyQuestion question{.endpoint = ready.endpoint,
                            .host = to_text(ready.endpoint),
                            .rule = ready.rule,
                            .send_proxy = ready.send_proxy};
  question.rule.limits.timeout = ask_most;
  if (ready.how == Process::Ready::How::tls && !run.tls) {
    if (!tls_) tls_ = std::make_unique<io::TlsClient>();
    run.tls = std::make_unique<lb::TlsMemory>(*tls_);
  }
  run.question = std::make_unique<lb::CopyProbe>(
      loop_, std::move(question), run.tls.get(), [this, index](const lb::ProbeResult& result) {
        if (!result.passed) return;
        runs_[index]->forget_questions();
        carry_out(supervisor_.on_ready(index, io::monotonic_now()));
      });
}

void World::on_signal(int number) {
  if (number == SIGCHLD) {  // ours are heard of through their pidfds; others are orphans we adopted
    io::collect_orphans([this](int pid) {
      const auto is_it = [pid](const auto& run) { return run->child.pid == pid; };
      return std::ranges::any_of(runs_, is_it) || std::ranges::any_of(beside_, is_it);
    });
    return;
  }
  const Instant now = io::monotonic_now();
  const bool again = supervisor_.stop_requested();
  // One kill of the whole process group arrives twice: from there, and passed on by the guardian.
  if (again && now < stop_asked_ + one_stop) return;
  stop_asked_ = now;
  log_.note(again ? "stopping at once"
                  : fmt::format("{}: stopping all (once more to kill)", strsignal(number)));
  carry_out(supervisor_.on_stop(now));
}

void World::tell(const Supervisor::Action& action) {
  const LogRecord& record = action.record;
  if (record.level == LogLevel::info && !greeted_ && supervisor_.plan().size() > 40) {
    return;  // hundreds of "ready" while starting say nothing; greet() sums them up
  }
  log_.note(to_text(record), colour_of_level(record.level));
  if (record.event != "not-ready") return;
  Run& run = *runs_[action.process];
  if (run.output) run.output->drain();
  const auto& name = supervisor_.plan()[action.process].name;
  if (run.last_lines.empty()) log_.note(fmt::format("{} has written nothing", name));
  for (const std::string& line : run.last_lines) log_.note(fmt::format("  {}: {}", name, line));
}

void World::greet() {
  std::size_t ready = 0;
  const std::size_t all = supervisor_.plan().size();
  for (std::size_t i = 0; i < all; ++i) {
    ready += supervisor_.status(i).state == Supervisor::State::ready ? 1U : 0U;
  }
  const double seconds = std::chrono::duration<double>(io::monotonic_now() - started_).count();
  log_.note(fmt::format("{} is up: {} of {} processes ready after {:.2f} s", description_.name,
                        ready, all, seconds),
            ready == all ? Colour::green : Colour::yellow);
  if (description_.names.empty() || description_.dns.listen.empty()) return;
  const Endpoint& dns = description_.dns.listen.front();
  log_.note(fmt::format("try: dig @{} -p {} {} +short +subnet=133.11.0.0/16", to_text(dns.address),
                        dns.port, description_.names.front().name));
  const std::string us = io::find_program("hither", {}) ? "hither" : io::own_folder() + "/hither";
  log_.note(fmt::format("     {} status", us));
  log_.note(
      fmt::format("     {} explain {} --from 133.11.0.1", us, description_.names.front().name));
}

}  // namespace hither::tools
