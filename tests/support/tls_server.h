// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/ip.h"
#include "io/socket.h"

namespace hither::test {

/// A TLS server on a free port of 127.0.0.1, on a thread of its own, one connection after the
/// other: it shakes hands and waits until the client goes. Its certificate is its own and made
/// anew for each. Of a client that does not say `preamble` first, in the clear, it wants nothing.
class TlsServer {
 public:
  enum class Newest { tls12, tls13 };
  explicit TlsServer(Newest newest = Newest::tls13, std::string preamble = "");
  ~TlsServer();
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  const Endpoint& endpoint() const { return endpoint_; }
  /// Handshakes: those that resumed a session, and those that were whole ones.
  int resumed() const { return resumed_; }
  int whole() const { return whole_; }
  /// Those that ended with the client's goodbye (close_notify).
  int goodbyes() const { return goodbyes_; }
  /// What the last client asked for of which that is known.
  std::string server_name() const;

 private:
  struct Tls;
  void serve();
  bool hear_preamble(int fd) const;
  void shake_hands(int fd);

  std::unique_ptr<Tls> tls_;
  std::string preamble_;
  io::Fd fd_;
  Endpoint endpoint_;
  std::atomic<int> whole_{0};
  std::atomic<int> resumed_{0};
  std::atomic<int> goodbyes_{0};
  std::atomic<bool> over_{false};
  mutable std::mutex lock_;
  std::string server_name_;
  std::thread thread_;
};

}  // namespace hither::test
