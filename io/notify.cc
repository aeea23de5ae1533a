// SPDX-License-Identifier: Apache-2.0
#include "io/notify.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "io/clock.h"

namespace hither::io {
namespace {

/// "@name" is the abstract socket "\0name".
socklen_t name_socket(sockaddr_un& address, std::string_view name) {
  address.sun_family = AF_UNIX;
  if (name.empty() || name.size() >= sizeof address.sun_path) return 0;
  std::memcpy(address.sun_path, name.data(), name.size());
  if (name.front() == '@') address.sun_path[0] = '\0';
  return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
}

}  // namespace

void notify(std::string_view lines) {
  const char* name = std::getenv("NOTIFY_SOCKET");
  if (name == nullptr) return;
  sockaddr_un address{};
  const socklen_t size = name_socket(address, name);
  const Fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (size == 0 || !fd) return;
  sendto(fd.get(), lines.data(), lines.size(), MSG_NOSIGNAL,
         reinterpret_cast<const sockaddr*>(&address), size);
}

Result<Fd> NotifyListener::open(std::string& name) {
  Fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  name = fmt::format("@hither-{}-{:x}", getpid(), random_seed());
  sockaddr_un address{};
  const socklen_t size = name_socket(address, name);
  const int on = 1;
  if (!fd || setsockopt(fd.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0 ||
      bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) {
    return fail(fmt::format("no socket for readiness messages: {}", error_text(errno)));
  }
  return fd;
}

NotifyListener::NotifyListener(Loop& loop, Fd socket,
                               std::function<void(int, std::string_view)> on_message)
    : fd_(std::move(socket)),
      on_message_(std::move(on_message)),
      watch_(loop, fd_.get(), [this] { on_readable(); }) {
  watch_.want_read(true);
}

void NotifyListener::on_readable() {
  for (int i = 0; i < 64; ++i) {
    std::array<char, 4096> text;
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(ucred))> control;
    iovec piece{text.data(), text.size()};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t size = recvmsg(fd_.get(), &message, MSG_CMSG_CLOEXEC);
    if (size < 0) return;
    const cmsghdr* header = CMSG_FIRSTHDR(&message);
    if (header == nullptr || header->cmsg_type != SCM_CREDENTIALS) continue;
    ucred credentials{};
    std::memcpy(&credentials, CMSG_DATA(header), sizeof credentials);
    on_message_(credentials.pid, {text.data(), static_cast<std::size_t>(size)});
  }
}

}  // namespace hither::io
