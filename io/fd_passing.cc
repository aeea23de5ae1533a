// SPDX-License-Identifier: Apache-2.0
#include "io/fd_passing.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/assert.h"

namespace hither::io {
namespace {

bool is_abstract(const std::string& place) { return place.starts_with('@'); }

/// 0 if it is too long, or empty.
socklen_t fill(sockaddr_un& address, const std::string& place) {
  address = {};
  address.sun_family = AF_UNIX;
  if (place.empty() || place.size() >= sizeof address.sun_path) return 0;
  std::memcpy(address.sun_path, place.data(), place.size());
  if (is_abstract(place)) {
    address.sun_path[0] = '\0';
    return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + place.size());
  }
  return sizeof address;
}

const sockaddr* as_sockaddr(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

Fd local_socket() { return Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)); }

/// The file itself, not what a link there leads to; none unless it is a socket of ours.
Fd open_own_socket(const std::string& path) {
  Fd fd(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat status {};
  if (!fd || fstat(fd.get(), &status) != 0) return {};
  if (!S_ISSOCK(status.st_mode) || status.st_uid != geteuid()) return {};
  return fd;
}

}  // namespace

Result<Fd> listen_local(const std::string& place) {
  sockaddr_un address{};
  const socklen_t size = fill(address, place);
  if (size == 0) {
    return fail(
        fmt::format("'{}' is no place for a socket; choose a path of up to 107 characters", place));
  }
  Fd fd = local_socket();
  // Before bind(), so that there is no moment in which others may connect.
  if (fd && !is_abstract(place)) fchmod(fd.get(), S_IRUSR | S_IWUSR);
  for (int tries = 0; fd && tries < 2; ++tries) {
    if (bind(fd.get(), as_sockaddr(address), size) == 0 && ::listen(fd.get(), 8) == 0) return fd;
    const bool left_behind = errno == EADDRINUSE && !is_abstract(place) && open_own_socket(place) &&
                             !connect_local(place);
    if (!left_behind) break;
    remove_local(place);
    errno = EADDRINUSE;
  }
  return fail(
      fmt::format("cannot listen at {}: {}; choose a path in a folder of your own, or "
                  "stop who listens there",
                  place, error_text(errno)));
}

Result<Fd> connect_local(const std::string& place) {
  sockaddr_un address{};
  Fd file;
  socklen_t size = fill(address, place);
  if (size != 0 && !is_abstract(place)) {
    file = open_own_socket(place);
    if (!file) return fail(fmt::format("{}: no socket of ours", place));
    size = fill(address, fmt::format("/proc/self/fd/{}", file.get()));
  }
  if (size == 0) return fail(fmt::format("'{}' is no place for a socket", place));
  Fd fd = local_socket();
  if (!fd || connect(fd.get(), as_sockaddr(address), size) != 0) {
    return fail(fmt::format("{}: {}", place, error_text(errno)));
  }
  return fd;
}

void remove_local(const std::string& place) {
  if (is_abstract(place) || !open_own_socket(place)) return;
  unlink(place.c_str());
}

std::optional<unsigned> peer_user(int fd) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return std::nullopt;
  return credentials.uid;
}

IoResult send_with_fds(int fd, ByteView bytes, std::span<const int> fds) {
  ASSERT(fds.size() <= fds_per_piece);
  iovec piece{const_cast<std::byte*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(fds_per_piece * sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  if (!fds.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(header), fds.data(), fds.size_bytes());
  }
  const ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);
  if (sent >= 0) return {.size = static_cast<std::size_t>(sent)};
  if (errno == EAGAIN || errno == EINTR) return {.kind = IoResult::Kind::would_block};
  return {.kind = IoResult::Kind::failed, .error = errno};
}

IoResult receive_with_fds(int fd, std::span<std::byte> buffer, std::vector<Fd>& fds) {
  iovec piece{buffer.data(), buffer.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(fds_per_piece * sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
  if (got < 0) {
    if (errno == EAGAIN || errno == EINTR) return {.kind = IoResult::Kind::would_block};
    return {.kind = IoResult::Kind::failed, .error = errno};
  }
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int number = -1;
      std::memcpy(&number, CMSG_DATA(header) + i * sizeof number, sizeof number);
      fds.emplace_back(number);
    }
  }
  // Some did not fit, or there were no descriptors to be had for them: they are lost.
  if ((message.msg_flags & MSG_CTRUNC) != 0) {
    return {.kind = IoResult::Kind::failed, .error = EMFILE};
  }
  if (got == 0) return {.kind = IoResult::Kind::end};
  return {.size = static_cast<std::size_t>(got)};
}

Fd duplicate(int fd) { return Fd(fcntl(fd, F_DUPFD_CLOEXEC, 0)); }

}  // namespace hither::io
