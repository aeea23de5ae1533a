// SPDX-License-Identifier: Apache-2.0
#include "io/pipe.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "base/assert.h"

namespace hither::io {
namespace {

constexpr unsigned splice_flags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;

IoResult failure() {
  const int error = errno;
  const bool later = error == EAGAIN || error == EINTR;
  return {.kind = later ? IoResult::Kind::would_block : IoResult::Kind::failed, .error = error};
}

}  // namespace

void ignore_sigpipe() {
  static const bool ignored = [] {
    struct sigaction now {};
    if (sigaction(SIGPIPE, nullptr, &now) != 0 || now.sa_handler != SIG_DFL) return false;
    now.sa_handler = SIG_IGN;
    return sigaction(SIGPIPE, &now, nullptr) == 0;
  }();
  static_cast<void>(ignored);
}

std::unique_ptr<Pipe> Pipe::open() {
  ignore_sigpipe();  // splice(2) knows no MSG_NOSIGNAL.
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC) != 0) return nullptr;
  auto pipe = std::make_unique<Pipe>();
  pipe->out_ = Fd(ends[0]);
  pipe->in_ = Fd(ends[1]);
  int size = fcntl(ends[1], F_SETPIPE_SZ, static_cast<int>(wanted_bytes));
  if (size < 0) size = fcntl(ends[1], F_GETPIPE_SZ);
  pipe->capacity_ = size > 0 ? static_cast<std::size_t>(size) : 4096;
  return pipe;
}

IoResult Pipe::fill(int from, std::size_t most) {
  ASSERT(held_ == 0);
  const ssize_t count =
      splice(from, nullptr, in_.get(), nullptr, std::min(most, capacity_), splice_flags);
  if (count < 0) return failure();
  if (count == 0) return {.kind = IoResult::Kind::end};
  held_ = static_cast<std::size_t>(count);
  return {.kind = IoResult::Kind::ok, .size = held_};
}

IoResult Pipe::drain(int to) {
  const ssize_t count = splice(out_.get(), nullptr, to, nullptr, held_, splice_flags);
  if (count < 0) return failure();
  held_ -= static_cast<std::size_t>(count);
  return {.kind = IoResult::Kind::ok, .size = static_cast<std::size_t>(count)};
}

std::unique_ptr<Pipe> PipePool::take() {
  if (taken_ >= taken_max_) return nullptr;
  std::unique_ptr<Pipe> pipe;
  if (spare_.empty()) {
    pipe = Pipe::open();
  } else {
    pipe = std::move(spare_.back());
    spare_.pop_back();
  }
  if (pipe != nullptr) ++taken_;
  return pipe;
}

void PipePool::give(std::unique_ptr<Pipe> pipe) {
  if (pipe == nullptr) return;
  --taken_;
  if (pipe->held() == 0 && spare_.size() < spare_max) spare_.push_back(std::move(pipe));
}

}  // namespace hither::io
