// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/ip.h"
#include "base/result.h"
#include "base/time.h"

struct sockaddr_storage;

namespace hither::io {

/// Out of descriptors, or of the kernel's memory for one more: how long nobody is accepted, and
/// until it is asked again.
inline constexpr Duration exhausted_pause = std::chrono::milliseconds(50);

/// Owns one descriptor and closes it. Movable, empty (-1) when moved from.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() { close(); }
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      close();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void close();
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

/// setsockopt of a number, whose failure nobody minds: what the option gives is a bonus.
void set_option(int fd, int level, int option, int value);

/// Sockets, all non-blocking and close-on-exec. The functions below are thin: one or few system
/// calls, IPv4 and IPv6 told apart by Address::is_v4(), errors as one line that says the cure.

struct ListenOptions {
  bool reuse_port = false;  ///< one socket per thread on the same port (SO_REUSEPORT)
  int backlog = 4096;
};

/// A TCP listener with SO_REUSEADDR. Port 0 lets the kernel choose: see local_endpoint().
[[nodiscard]] Result<Fd> listen_tcp(const Endpoint& endpoint, ListenOptions options = {});
[[nodiscard]] Result<Fd> bind_udp(const Endpoint& endpoint, bool reuse_port);
[[nodiscard]] Result<Fd> listen_unix(const std::string& path);
[[nodiscard]] Result<Endpoint> local_endpoint(int fd);
/// Where a connected socket leads.
[[nodiscard]] Result<Endpoint> remote_endpoint(int fd);

/// Starts to connect; wait until writable, then ask connect_error(). TCP_NODELAY is set. `error`,
/// if given, is the errno of a failure.
[[nodiscard]] Result<Fd> connect_tcp(const Endpoint& endpoint, int* error = nullptr);
[[nodiscard]] Result<Fd> connect_unix(const std::string& path);
/// Of a connect that became writable: 0, or the errno it failed with.
int connect_error(int fd);

/// What one read, write or accept came to.
struct IoResult {
  enum class Kind { ok, would_block, end, exhausted, failed };
  Kind kind = Kind::ok;
  std::size_t size = 0;  ///< bytes moved
  int error = 0;         ///< errno, where it failed
};

/// One recv. `end` is the peer's FIN.
IoResult read_some(int fd, std::span<std::byte> buffer);
/// What read_some() would find now, and leaves it there.
IoResult::Kind peek(int fd);
/// One send, without SIGPIPE.
IoResult write_some(int fd, ByteView bytes);
/// Two pieces in one sendmsg.
IoResult write_some(int fd, ByteView first, ByteView second);

/// One sendto; for sockets of bind_udp().
IoResult send_to(int fd, const Endpoint& to, ByteView bytes);
/// One recvfrom. What is longer than `buffer` is cut. `from` is set where it is ok.
IoResult receive_from(int fd, std::span<std::byte> buffer, Endpoint& from);

struct Accepted {
  IoResult::Kind kind =
      IoResult::Kind::ok;  ///< exhausted: no descriptors or memory; pause, then retry
  Fd fd;
  Endpoint peer;  ///< unspecified for unix sockets
};
/// One accept4; TCP_NODELAY is set on what it yields. Aborted connections are passed over.
Accepted accept_one(int fd);

/// How many descriptors this process may have (RLIMIT_NOFILE).
std::size_t open_files_max();
/// Takes all of them that the system lets us have. Where it does not, the lower limit holds.
void raise_open_files_limit();

/// Sends FIN; reading goes on.
void shutdown_write(int fd);
/// Of a local socket: what is here can still be read, and the other side can send nothing more.
void shutdown_read(int fd);

/// "Connection refused", "timed out", ...: in words, for reasons in status pages and logs.
std::string error_text(int error);

/// Did a connection not even begin, because this machine has no descriptor or memory left? A port
/// may be missing towards one place only, so that is another matter.
bool is_shortage(int error);
/// That one: this machine has no port, or no address, from which to reach this place.
bool lacks_port(int error);

/// When this socket is closed its peer sees a reset, and what it has not got yet is lost.
void reset_on_close(int fd);

/// Is this error of a connection no word of the peer's: it came from our own side or from the
/// network between (no answer in time, no way there, no port or descriptor left)? A refusal or a
/// reset is the peer's own word.
bool is_silence(int error);

/// Conversions, for drivers that fill msghdr themselves. Returns the length of the sockaddr.
unsigned to_sockaddr(const Endpoint& endpoint, sockaddr_storage& storage);
Endpoint from_sockaddr(const sockaddr_storage& storage);

}  // namespace hither::io
