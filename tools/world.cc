// SPDX-License-Identifier: Apache-2.0
#include "tools/world.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "base/text.h"
#include "io/clock.h"
#include "lb/server_copy_probe.h"
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

Colour colour_of(LogLevel level) {
  if (level == LogLevel::error) return Colour::red;
  return level == LogLevel::warning ? Colour::yellow : Colour::plain;
}

}  // namespace

struct World::Run {
  Run(io::Loop& loop, std::function<void()> ask) : ask_timer(loop, std::move(ask)) {}

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
      started_(io::monotonic_now()),
      supervisor_(std::move(plan), {}, io::random_seed(), started_),
      log_(stdout, names_of(supervisor_.plan())),
      admin_(loop_),
      timer_(loop_, [this] { carry_out(supervisor_.on_time(io::monotonic_now())); }),
      inherited_(inheritable_environment()) {
  for (std::size_t i = 0; i < supervisor_.plan().size(); ++i) {
    runs_.push_back(std::make_unique<Run>(loop_, [this, i] { ask_if_ready(i); }));
  }
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
  if (auto listening = admin_.listen_unix(path); !listening) return listening;
  auto socket = io::NotifyListener::open(notify_name_);
  if (!socket) return tl::unexpected(socket.error());
  notify_.emplace(loop_, std::move(*socket),
                  [this](int pid, std::string_view message) { on_notify(pid, message); });
  signals_.emplace(loop_, std::initializer_list<int>{SIGINT, SIGTERM, SIGHUP, SIGCHLD},
                   [this](int number) { on_signal(number); });
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
    const int pid = supervisor_.status(action.process).pid;
    switch (action.kind) {
      case Supervisor::Action::Kind::start:
        start(action.process);
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
  for (const std::string& entry : process.environment) set(entry);
  return environment;
}

void World::start(std::size_t index) {
  const Process& process = supervisor_.plan()[index];
  Run& run = *runs_[index];
  run.last_lines.clear();
  std::vector<std::string> argv = process.argv;
  argv.front() = programs_[index];
  auto child = io::spawn({.argv = std::move(argv), .environment = environment_of(process)});
  if (!child) {
    carry_out(supervisor_.on_start_failed(index, child.error().message, io::monotonic_now()));
    return;
  }
  run.child = std::move(*child);
  run.output = std::make_unique<io::LineReader>(
      loop_, std::move(run.child.output),
      [this, index](std::string_view line) {
        log_.line(supervisor_.plan()[index].name, line);
        auto& lines = runs_[index]->last_lines;
        lines.emplace_back(line);
        if (lines.size() > last_lines_max) lines.pop_front();
      },
      [] {});
  run.exit_watch.emplace(loop_, run.child.pidfd.get(), [this, index] { on_exit(index); });
  run.exit_watch->want_read(true);
  run.ask_delay = ask_first;
  if (process.ready.how != Process::Ready::How::notify) {
    run.ask_timer.set(io::monotonic_now() + ask_first);
  }
  carry_out(supervisor_.on_started(index, run.child.pid, io::monotonic_now()));
}

void World::on_exit(std::size_t index) {
  Run& run = *runs_[index];
  const auto status = io::collect(run.child.pid);
  if (!status) return;
  run.exit_watch.reset();
  run.forget_questions();
  // What it had started in its group ends with it.
  io::signal_group(std::exchange(run.child.pid, 0), SIGKILL);
  run.child.pidfd.close();
  if (run.output) run.output->drain();
  run.output.reset();
  carry_out(supervisor_.on_exited(index, io::to_text(*status), io::monotonic_now()));
}

void World::on_notify(int pid, std::string_view message) {
  const auto lines = split(message, '\n');
  if (std::ranges::find(lines, "READY=1") == lines.end()) return;
  const int leader = getpgid(pid);  // the one that speaks may be a child of the one we started
  for (std::size_t i = 0; i < runs_.size(); ++i) {
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
  lb::CopyQuestion question{
      .endpoint = ready.endpoint, .host = to_text(ready.endpoint), .rule = ready.rule};
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
      return std::ranges::any_of(runs_, [pid](const auto& run) { return run->child.pid == pid; });
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
  log_.note(to_text(record), colour_of(record.level));
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
  log_.note("     hither status; hither explain " + description_.names.front().name +
            " --from 133.11.0.1");
}

}  // namespace hither::tools
