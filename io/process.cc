// SPDX-License-Identifier: Apache-2.0
#include "io/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>

#include "base/text.h"
#include "io/files.h"

extern char** environ;

namespace hither::io {
namespace {

constexpr std::size_t line_bytes_max = 8 * 1024;
constexpr int drain_reads_max = 9;  // more than a pipe holds, and an end for one that never stops

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (const std::string& text : texts) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

/// Between fork and exec: only async-signal-safe calls. Never returns.
[[noreturn]] void become(char* const* argv, char* const* environment, int output, int report,
                         rlim_t open_files, pid_t parent) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);  // the parent died before the line above
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int number : {SIGPIPE, SIGINT, SIGTERM, SIGHUP, SIGCHLD}) std::signal(number, SIG_DFL);
  rlimit limit{};
  if (open_files > 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0 && open_files < limit.rlim_cur) {
    limit.rlim_cur = open_files;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  const int null = open("/dev/null", O_RDONLY);
  if (null >= 0) dup2(null, STDIN_FILENO);
  if (null > STDERR_FILENO) close(null);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  execve(argv[0], argv, environment);
  const int error = errno;
  if (write(report, &error, sizeof error) < 0) _exit(126);
  _exit(127);
}

struct TwoEnds {
  Fd reading;
  Fd writing;
};

Result<TwoEnds> open_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return fail(error_text(errno));
  return TwoEnds{Fd(ends[0]), Fd(ends[1])};
}

bool is_program(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
         access(path.c_str(), X_OK) == 0;
}

}  // namespace

Result<Child> spawn(const SpawnRequest& request) {
  auto output = open_pipe();
  auto report = open_pipe();
  if (!output || !report) return fail("no pipe for its output: too many open files");
  const auto argv = pointers(request.argv);
  const auto environment = pointers(request.environment);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) return fail(fmt::format("cannot fork: {}", error_text(errno)));
  if (pid == 0) {
    become(argv.data(), environment.data(), output->writing.get(), report->writing.get(),
           request.open_files, parent);
  }
  setpgid(pid, pid);  // in both, so that neither has to wait for the other
  report->writing.close();
  int error = 0;
  ssize_t got = 0;
  do {
    got = read(report->reading.get(), &error, sizeof error);
  } while (got < 0 && errno == EINTR);
  if (got == static_cast<ssize_t>(sizeof error)) {
    waitpid(pid, nullptr, 0);
    return fail(fmt::format("{}: {}", request.argv.front(), error_text(error)));
  }
  fcntl(output->reading.get(), F_SETFL, O_NONBLOCK);
  Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) {
    kill(-pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    return fail(fmt::format("no pidfd: {}", error_text(errno)));
  }
  return Child{pid, std::move(pidfd), std::move(output->reading)};
}

Result<int> start_beside(const std::vector<std::string>& argv) {
  if (argv.empty()) return fail("no program to start");
  const Result<std::string> program = find_program(argv.front(), {});
  if (!program) return tl::unexpected(program.error());
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  auto words = pointers(argv);
  pid_t pid = 0;
  const int error =
      posix_spawn(&pid, program->c_str(), nullptr, &attributes, words.data(), environ);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return fail(fmt::format("{}: {}", *program, error_text(error)));
  return pid;
}

std::optional<ExitStatus> collect(int pid) {
  int status = 0;
  if (waitpid(pid, &status, WNOHANG) != pid) return std::nullopt;
  if (WIFSIGNALED(status)) return ExitStatus{.code = 0, .signal = WTERMSIG(status)};
  return ExitStatus{.code = WEXITSTATUS(status), .signal = 0};
}

std::string to_text(const ExitStatus& status) {
  if (status.signal == 0) return fmt::format("exit status {}", status.code);
  const char* name = sigabbrev_np(status.signal);
  return name == nullptr ? fmt::format("killed by signal {}", status.signal)
                         : fmt::format("killed by SIG{}", name);
}

void signal_group(int pid, int signal) {
  if (pid > 1) kill(-pid, signal);
}

void adopt_orphans() { prctl(PR_SET_CHILD_SUBREAPER, 1); }

void collect_orphans(const std::function<bool(int)>& is_known) {
  while (true) {
    siginfo_t information{};
    if (waitid(P_ALL, 0, &information, WEXITED | WNOHANG | WNOWAIT) != 0) return;
    if (information.si_pid == 0 || is_known(information.si_pid)) return;
    waitpid(information.si_pid, nullptr, 0);
  }
}

int kill_all_children() {
  int count = 0;
  while (true) {
    std::ifstream list(fmt::format("/proc/self/task/{}/children", gettid()));
    pid_t pid = 0;
    while (list >> pid) kill(pid, SIGKILL);
    // Waits for one at a time; what the dying leave behind becomes our child and is listed next
    // round.
    if (waitpid(-1, nullptr, 0) < 0 && errno == ECHILD) return count;
    ++count;
  }
}

Result<std::string> find_program(const std::string& name, const std::vector<std::string>& folders) {
  if (name.find('/') != std::string::npos) {
    if (is_program(name)) return name;
    return fail(
        fmt::format("there is no program '{}'; name one that exists and can be executed", name));
  }
  for (const std::string& folder : folders) {
    if (const std::string path = fmt::format("{}/{}", folder, name); is_program(path)) return path;
  }
  const std::string search = environment("PATH", "/usr/local/bin:/usr/bin:/bin");
  for (const std::string_view folder : split(search, ':')) {
    if (const std::string path = fmt::format("{}/{}", folder, name); is_program(path)) return path;
  }
  return fail(fmt::format("there is no program '{}' in $PATH; install it or give its path", name));
}

std::string own_folder() {
  std::array<char, 4096> path{};
  const ssize_t size = readlink("/proc/self/exe", path.data(), path.size());
  const std::string_view text(path.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  return std::string(text.substr(0, text.rfind('/')));
}

LineReader::LineReader(Loop& loop, Fd pipe, std::function<void(std::string_view)> on_line,
                       std::function<void()> on_end)
    : pipe_(std::move(pipe)),
      on_line_(std::move(on_line)),
      on_end_(std::move(on_end)),
      watch_(loop, pipe_.get(), [this] { on_readable(); }) {
  watch_.want_read(true);
}

void LineReader::on_readable() {
  // One piece a turn: a program that never stops writing must not own the loop.
  read_piece();
  if (!ended_) return;
  watch_.want_read(false);
  on_end_();
}

void LineReader::drain() {
  for (int i = 0; i < drain_reads_max && read_piece(); ++i) {
  }
}

bool LineReader::read_piece() {
  if (ended_) return false;
  std::array<char, line_bytes_max> bytes;
  const ssize_t size = read(pipe_.get(), bytes.data(), bytes.size());
  if (size < 0 && (errno == EINTR || errno == EAGAIN)) return false;
  ended_ = size <= 0;
  if (size > 0) buffer_.append(bytes.data(), static_cast<std::size_t>(size));
  deliver(ended_);
  return !ended_;
}

void LineReader::deliver(bool at_end) {
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos && rest.size() < line_bytes_max && !at_end) break;
    const std::size_t length = std::min(end, std::min(rest.size(), line_bytes_max));
    on_line_(rest.substr(0, length));
    rest.remove_prefix(length == end ? length + 1 : length);
  }
  buffer_.erase(0, buffer_.size() - rest.size());
}

}  // namespace hither::io
