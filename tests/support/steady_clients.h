// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/ip.h"
#include "base/rng.h"
#include "base/time.h"
#include "io/loop.h"

namespace hither::test {

/// Many HTTP clients that ask hither-backend over connections they keep, each one thing at a time,
/// with a pause between two; every fourth request is a POST, which nobody may repeat for them. They
/// obey `Connection: close`: they open a new connection then, and also where an idle one was
/// closed. Nothing is ever asked twice, so what was sent and not answered is lost.
///
/// Where the server is one of mode tcp nobody tells them to go: there they leave when the test says
/// so, with their end directly behind a last request, and wait for the answer and the other end.
///
/// An answer is right if it is a whole 200 that names the path which was asked for: no other
/// request's, of nobody else. All is counted exactly, in a thread of its own.
class SteadyClients {
 public:
  struct Counts {
    std::uint64_t sent = 0;
    std::uint64_t answered = 0;  ///< right
    std::uint64_t wrong = 0;     ///< anything else, and a reset in place of an end
    std::uint64_t lost = 0;      ///< sent, and the connection ended before a whole answer
    std::uint64_t opened = 0;    ///< connections that were taken
    std::uint64_t refused = 0;   ///< that were not
    std::uint64_t told = 0;      ///< answers that said Connection: close
    std::uint64_t closed = 0;    ///< connections that were closed while nothing was asked
    std::uint64_t left = 0;      ///< that ended as leave() wants it
  };

  SteadyClients(const Endpoint& server, std::size_t clients, Duration pause, std::uint64_t seed);
  ~SteadyClients();
  SteadyClients(const SteadyClients&) = delete;
  SteadyClients& operator=(const SteadyClients&) = delete;

  /// So many more right answers; false after a minute without them, or if anything went wrong.
  bool goes_on(std::uint64_t answers);
  /// Each asks once more on the connection it has, ends it, and then opens another.
  void leave();
  /// Asks nothing more, and waits for what was asked, at most 20 s; what is then missing is lost.
  void stop();
  Counts counts() const;
  /// What went wrong first.
  const std::string& first_mistake() const { return mistake_; }

 private:
  struct Client;
  struct Totals {
    std::atomic<std::uint64_t> sent{0}, answered{0}, wrong{0}, lost{0}, opened{0}, refused{0},
        told{0}, closed{0}, left{0};
  };

  void note(std::atomic<std::uint64_t>& total, const std::string& what);

  Endpoint server_;
  Duration pause_;
  Rng rng_;
  io::Loop loop_;
  Totals totals_;
  std::atomic<bool> stopping_{false};
  std::string mistake_;  ///< the thread's until it has ended
  std::vector<std::unique_ptr<Client>> clients_;
  std::thread thread_;
};

}  // namespace hither::test
