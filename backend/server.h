// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>

#include "backend/settings.h"
#include "base/ip.h"
#include "base/result.h"

namespace hither::backend {

/// The driver of the stand-in server: sockets, threads, signals and the clock around Site and
/// Session. One loop and one listener per thread, all connections share one Site behind a lock.
class Server {
 public:
  struct Options {
    Identity identity;
    Behaviour behaviour;
    Endpoint listen;                ///< port 0: the kernel chooses
    std::optional<Endpoint> admin;  ///< an address of its own for the status pages
    int threads = 1;
  };

  explicit Server(const Options& options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Opens all sockets; the address where it listens. Once, before run().
  [[nodiscard]] Result<Endpoint> listen();
  /// Serves until SIGTERM or SIGINT, then finishes what is in flight, for at most 5 seconds; a
  /// second signal ends it at once.
  void run();
  /// As SIGTERM does. Any thread.
  void stop();

  /// Where the status pages are, once listening; nothing without an address of their own.
  std::optional<Endpoint> admin() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hither::backend
