// SPDX-License-Identifier: Apache-2.0
#include "io/patient_writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <utility>

#include "io/pipe.h"

namespace hither::io {

/// A file is never opened once more: it has one end, which all who inherited it move on.
Fd open_once_more(int fd) {
  struct stat now {};
  if (fstat(fd, &now) != 0 || (!S_ISFIFO(now.st_mode) && isatty(fd) == 0)) return {};
  const std::string path = fmt::format("/proc/self/fd/{}", fd);
  return Fd(open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
}

PatientWriter::PatientWriter(int fd, std::function<std::string(std::uint64_t)> say_lost)
    : fd_(fd), say_lost_(std::move(say_lost)) {
  ignore_sigpipe();
  look();
}

void PatientWriter::look() {
  struct stat now {};
  if (fstat(fd_, &now) != 0 || (now.st_dev == device_ && now.st_ino == inode_)) return;
  device_ = now.st_dev;
  inode_ = now.st_ino;
  rest_.clear();
  own_.close();
  way_ = S_ISREG(now.st_mode) ? Way::at_once : S_ISSOCK(now.st_mode) ? Way::send : Way::ask;
  own_ = open_once_more(fd_);
  if (own_) way_ = Way::at_once;
  if (S_ISFIFO(now.st_mode) && fcntl(fd_, F_GETPIPE_SZ) < pipe_bytes) {
    fcntl(fd_, F_SETPIPE_SZ, pipe_bytes);
  }
}

void PatientWriter::write(std::string_view line) {
  look();
  if (!finish()) {
    ++lost_;
    return;
  }
  if (lost_ > 0) rest_ = say_lost_(lost_);
  rest_ += line;
  const std::size_t whole = rest_.size();
  if (!finish() && rest_.size() == whole) {
    rest_.clear();
    ++lost_;
    return;
  }
  lost_ = 0;
}

/// True once nothing is left of it.
bool PatientWriter::finish() {
  std::size_t done = 0;
  while (done < rest_.size()) {
    const ssize_t size = write_some(std::string_view(rest_).substr(done));
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) break;
    done += static_cast<std::size_t>(size);
  }
  rest_.erase(0, done);
  return rest_.empty();
}

/// As much as is taken now, never waiting; as write(2) says it.
ssize_t PatientWriter::write_some(std::string_view text) const {
  if (way_ == Way::send) return send(fd_, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (way_ == Way::at_once) return ::write(own_ ? own_.get() : fd_, text.data(), text.size());
  pollfd wanted{.fd = fd_, .events = POLLOUT, .revents = 0};
  if (poll(&wanted, 1, 0) != 1) return 0;
  return ::write(fd_, text.data(), std::min<std::size_t>(text.size(), PIPE_BUF));
}

}  // namespace hither::io
