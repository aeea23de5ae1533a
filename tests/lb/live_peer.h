// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/ip.h"
#include "io/socket.h"

namespace hither::lb::test {

/// The far end of a real connection, in blocking steps that fail after ten seconds.
class Peer {
 public:
  explicit Peer(io::Fd fd);

  void say(std::string_view text);
  /// Says of it what the kernel and those behind it take while nobody reads; how much that was.
  std::size_t say_what_fits(std::string_view text);
  /// One octet of TCP's urgent data, which is no part of what else is said.
  void say_urgently(char octet);
  void end();
  /// Closes it so that the other side is told of a reset, not of an end.
  void reset();
  /// Everything up to and with `last`; what came if the connection ends before.
  std::string hear_until(std::string_view last);
  /// Exactly `size` bytes, or fewer if the connection ends before.
  std::string hear(std::size_t size);
  /// Everything up to the peer's end.
  std::string hear_all();
  /// It did not end as it should: the peer, or whoever is between, has reset it.
  bool was_reset() const { return was_reset_; }

 private:
  bool hear_more();

  io::Fd fd_;
  std::string heard_;
  bool was_reset_ = false;
};

Peer connect_to(const Endpoint& endpoint);

/// A server, on a free port of 127.0.0.1 if nothing else is said, that does what a test tells it.
class ScriptedServer {
 public:
  ScriptedServer();
  explicit ScriptedServer(const Endpoint& at);

  const Endpoint& endpoint() const { return endpoint_; }
  /// The next connection, of whoever makes it.
  Peer accept();

 private:
  io::Fd fd_;
  Endpoint endpoint_;
};

/// A place in 127.64.0.0/10 that nobody uses, and nobody but this process will.
Endpoint free_endpoint();

}  // namespace hither::lb::test
