// SPDX-License-Identifier: Apache-2.0
#include "io/socket.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace hither::io {
namespace {

constexpr int stream_flags = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;

template <class T>
const sockaddr* as_sockaddr(const T& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

std::string cure_of(int error) {
  switch (error) {
    case EADDRINUSE:
      return "; stop the program that holds it (ss -lntup shows which) or choose another port";
    case EADDRNOTAVAIL:
      return "; this machine has no such address: choose one of `ip addr`";
    case EACCES:
      return "; ports below 1024 need CAP_NET_BIND_SERVICE: grant it or choose a higher port";
    case EMFILE:
    case ENFILE:
      return "; raise the limit of open files (ulimit -n)";
    default:
      return "";
  }
}

Result<Fd> bound(Fd fd, const Endpoint& endpoint, std::string_view kind) {
  sockaddr_storage storage{};
  const unsigned size = to_sockaddr(endpoint, storage);
  if (!fd || bind(fd.get(), as_sockaddr(storage), size) != 0) {
    return fail(fmt::format("cannot listen on {} {}: {}{}", kind, to_text(endpoint),
                            error_text(errno), cure_of(errno)));
  }
  return fd;
}

Fd open_socket(const Endpoint& endpoint, int type) {
  Fd fd(::socket(endpoint.address.is_v4() ? AF_INET : AF_INET6, type, 0));
  if (fd && !endpoint.address.is_v4()) set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
  return fd;
}

/// A unix address, or an empty path if `path` is too long for one.
sockaddr_un unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() < sizeof address.sun_path) {
    std::memcpy(address.sun_path, path.data(), path.size());
  }
  return address;
}

IoResult result_of(ssize_t moved) {
  if (moved >= 0) return {.size = static_cast<std::size_t>(moved)};
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
    return {.kind = IoResult::Kind::would_block};
  }
  return {.kind = IoResult::Kind::failed, .error = errno};
}

}  // namespace

void set_option(int fd, int level, int option, int value) {
  setsockopt(fd, level, option, &value, sizeof value);
}

void Fd::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

unsigned to_sockaddr(const Endpoint& endpoint, sockaddr_storage& storage) {
  const auto wire = endpoint.address.wire();
  if (endpoint.address.is_v4()) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(endpoint.port);
    std::memcpy(&address.sin_addr, wire.data(), wire.size());
    std::memcpy(&storage, &address, sizeof address);
    return sizeof address;
  }
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(endpoint.port);
  std::memcpy(&address.sin6_addr, wire.data(), wire.size());
  std::memcpy(&storage, &address, sizeof address);
  return sizeof address;
}

Endpoint from_sockaddr(const sockaddr_storage& storage) {
  if (storage.ss_family == AF_INET) {
    sockaddr_in address{};
    std::memcpy(&address, &storage, sizeof address);
    return {Address::v4(ntohl(address.sin_addr.s_addr)), ntohs(address.sin_port)};
  }
  if (storage.ss_family == AF_INET6) {
    sockaddr_in6 address{};
    std::memcpy(&address, &storage, sizeof address);
    std::array<std::byte, 16> octets{};
    std::memcpy(octets.data(), &address.sin6_addr, octets.size());
    return {Address::v6(octets), ntohs(address.sin6_port)};
  }
  return {};
}

Result<Fd> listen_tcp(const Endpoint& endpoint, ListenOptions options) {
  Fd fd = open_socket(endpoint, stream_flags);
  if (fd) set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (fd && options.reuse_port) set_option(fd.get(), SOL_SOCKET, SO_REUSEPORT, 1);
  auto result = bound(std::move(fd), endpoint, "TCP");
  if (!result) return result;
  if (::listen(result->get(), options.backlog) != 0) {
    return fail(fmt::format("cannot listen on TCP {}: {}{}", to_text(endpoint), error_text(errno),
                            cure_of(errno)));
  }
  return result;
}

Result<Fd> bind_udp(const Endpoint& endpoint, bool reuse_port) {
  Fd fd = open_socket(endpoint, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd && reuse_port) set_option(fd.get(), SOL_SOCKET, SO_REUSEPORT, 1);
  return bound(std::move(fd), endpoint, "UDP");
}

Result<Fd> listen_unix(const std::string& path) {
  const sockaddr_un address = unix_address(path);
  if (address.sun_path[0] == '\0') {
    return fail(
        fmt::format("'{}' is too long for a socket; set HITHER_STATE to a shorter folder", path));
  }
  Fd fd(::socket(AF_UNIX, stream_flags, 0));
  if (!fd || bind(fd.get(), as_sockaddr(address), sizeof address) != 0 ||
      ::listen(fd.get(), 64) != 0) {
    return fail(fmt::format("cannot listen on {}: {}", path, error_text(errno)));
  }
  return fd;
}

Result<Endpoint> local_endpoint(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) {
    return fail(fmt::format("no address of this socket: {}", error_text(errno)));
  }
  return from_sockaddr(storage);
}

Result<Endpoint> remote_endpoint(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) {
    return fail(fmt::format("this socket leads nowhere: {}", error_text(errno)));
  }
  return from_sockaddr(storage);
}

Result<Fd> connect_tcp(const Endpoint& endpoint, int* error) {
  Fd fd = open_socket(endpoint, stream_flags);
  const auto note = [error](int number) {
    if (error != nullptr) *error = number;
    return number;
  };
  if (!fd) {
    const int number = note(errno);
    return fail(fmt::format("no socket: {}{}", error_text(number), cure_of(number)));
  }
  set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  sockaddr_storage storage{};
  const unsigned size = to_sockaddr(endpoint, storage);
  if (connect(fd.get(), as_sockaddr(storage), size) != 0 && errno != EINPROGRESS) {
    return fail(error_text(note(errno)));
  }
  return fd;
}

Result<Fd> connect_unix(const std::string& path) {
  const sockaddr_un address = unix_address(path);
  Fd fd(::socket(AF_UNIX, stream_flags, 0));
  if (!fd || connect(fd.get(), as_sockaddr(address), sizeof address) != 0) {
    return fail(error_text(errno));
  }
  return fd;
}

int connect_error(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

IoResult read_some(int fd, std::span<std::byte> buffer) {
  IoResult result = result_of(recv(fd, buffer.data(), buffer.size(), 0));
  if (result.kind == IoResult::Kind::ok && result.size == 0 && !buffer.empty()) {
    result.kind = IoResult::Kind::end;
  }
  return result;
}

IoResult::Kind peek(int fd) {
  std::byte octet{};
  const IoResult result = result_of(recv(fd, &octet, 1, MSG_PEEK));
  return result.kind == IoResult::Kind::ok && result.size == 0 ? IoResult::Kind::end : result.kind;
}

IoResult write_some(int fd, ByteView bytes) {
  return result_of(send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL));
}

IoResult write_some(int fd, ByteView first, ByteView second) {
  std::array<iovec, 2> pieces{};
  pieces[0] = {const_cast<std::byte*>(first.data()), first.size()};
  pieces[1] = {const_cast<std::byte*>(second.data()), second.size()};
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = pieces.size();
  return result_of(sendmsg(fd, &message, MSG_NOSIGNAL));
}

IoResult send_to(int fd, const Endpoint& to, ByteView bytes) {
  sockaddr_storage storage{};
  const unsigned size = to_sockaddr(to, storage);
  return result_of(
      sendto(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL, as_sockaddr(storage), size));
}

IoResult receive_from(int fd, std::span<std::byte> buffer, Endpoint& from) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  const IoResult result = result_of(
      recvfrom(fd, buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&storage), &size));
  if (result.kind == IoResult::Kind::ok) from = from_sockaddr(storage);
  return result;
}

Accepted accept_one(int fd) {
  while (true) {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    Fd accepted(
        accept4(fd, reinterpret_cast<sockaddr*>(&storage), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (accepted) {
      if (storage.ss_family != AF_UNIX) set_option(accepted.get(), IPPROTO_TCP, TCP_NODELAY, 1);
      return {IoResult::Kind::ok, std::move(accepted), from_sockaddr(storage)};
    }
    switch (errno) {
      case ECONNABORTED:
      case EINTR:
      case EPROTO:
        continue;
      case EAGAIN:
        return {IoResult::Kind::would_block, {}, {}};
      case EMFILE:
      case ENFILE:
      case ENOBUFS:
      case ENOMEM:
        return {IoResult::Kind::exhausted, {}, {}};
      default:
        return {IoResult::Kind::failed, {}, {}};
    }
  }
}

std::size_t open_files_max() {
  rlimit limit{};
  return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? static_cast<std::size_t>(limit.rlim_cur) : 1024;
}

void raise_open_files_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

void shutdown_write(int fd) { shutdown(fd, SHUT_WR); }

void shutdown_read(int fd) { shutdown(fd, SHUT_RD); }

void reset_on_close(int fd) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

bool is_shortage(int error) {
  switch (error) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      return true;
    default:
      return false;
  }
}

bool lacks_port(int error) { return error == EADDRNOTAVAIL; }

bool is_silence(int error) {
  switch (error) {
    case ECONNREFUSED:
    case ECONNRESET:
    case ECONNABORTED:
    case EPIPE:
      return false;
    default:
      return true;
  }
}

std::string error_text(int error) {
  std::array<char, 128> buffer{};
  return strerror_r(error, buffer.data(), buffer.size());
}

}  // namespace hither::io
