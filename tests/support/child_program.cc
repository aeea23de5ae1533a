// SPDX-License-Identifier: Apache-2.0
#include "tests/support/child_program.h"

#include <unistd.h>

#include <csignal>
#include <fstream>
#include <sstream>
#include <utility>

#include "tests/support/live_world.h"

namespace hither::test {
namespace {

using namespace std::chrono_literals;

std::vector<std::string> environment_with(const std::vector<std::string>& variables) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!std::string_view(*entry).starts_with("HITHER_")) all.emplace_back(*entry);
  }
  all.insert(all.end(), variables.begin(), variables.end());
  return all;
}

}  // namespace

std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

ChildProgram::ChildProgram(std::vector<std::string> argv, std::string log,
                           std::vector<std::string> variables)
    : log_(std::move(log)) {
  const auto program = io::find_program(argv[0], {"/usr/sbin"});
  if (!program) {
    std::ofstream(log_, std::ios::app) << program.error().message << "\n";
    return;
  }
  // The shell puts the output into the file and becomes the program, under the same number.
  io::SpawnRequest request{
      .argv = {"/bin/sh", "-c", R"(log=$1; shift; exec "$@" >>"$log" 2>&1)", "sh", log_},
      .environment = environment_with(variables)};
  argv[0] = *program;
  request.argv.insert(request.argv.end(), argv.begin(), argv.end());
  const auto child = io::spawn(request);
  if (child) {
    pid_ = child->pid;
  } else {
    std::ofstream(log_, std::ios::app) << child.error().message << "\n";
  }
}

ChildProgram::~ChildProgram() { stop(); }

bool ChildProgram::running() {
  if (pid_ > 0 && io::collect(pid_)) pid_ = 0;
  return pid_ > 0;
}

void ChildProgram::signal(int number) const {
  if (pid_ > 0) ::kill(pid_, number);
}

bool ChildProgram::wait_for_end(Duration within) {
  return eventually(within, [&] { return !running(); });
}

bool ChildProgram::stop() {
  signal(SIGTERM);
  if (wait_for_end(20s)) return true;
  kill();
  return false;
}

void ChildProgram::kill() {
  if (pid_ > 0) io::signal_group(pid_, SIGKILL);
  wait_for_end(20s);
}

std::string ChildProgram::output() const { return read_text(log_); }

}  // namespace hither::test
