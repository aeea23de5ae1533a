// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "base/ip.h"
#include "base/rng.h"
#include "io/loop.h"
#include "io/socket.h"

namespace hither::test {

/// How a server treats its clients.
enum class Manners : std::uint8_t {
  well,             ///< an answer, framed by a length, by chunks or by the end of the connection
  resets,           ///< a piece of the answer, perhaps none, and a reset
  drips,            ///< the answer, an octet a second, for as long as its manners stay so
  closes_early,     ///< a piece of the answer, perhaps none, and an end
  answers_garbage,  ///< what is no HTTP, or an answer with another one right behind it
};
constexpr std::size_t manners_count = 5;

/// The body of the only right answer to a request: who gets another one got somebody else's.
std::string right_answer(std::string_view method, std::string_view target, std::string_view body);

/// An HTTP/1.1 server for tests, on a thread of its own, whose manners may change at any time. Half
/// of the requests are answered well whatever they are, so that nobody takes it for dead; so are
/// all for /health. Which half, and how it misbehaves in detail, follows from the seed and the
/// order in which requests come.
class MisbehavingServer {
 public:
  /// Listens at once; the test fails if it cannot.
  MisbehavingServer(const Endpoint& endpoint, std::uint64_t seed);
  /// Closes the port and all connections.
  ~MisbehavingServer();
  MisbehavingServer(const MisbehavingServer&) = delete;
  MisbehavingServer& operator=(const MisbehavingServer&) = delete;

  const Endpoint& endpoint() const { return endpoint_; }
  /// From the next request on; an answer that drips goes out as a whole. Any thread.
  void set_manners(Manners manners) { manners_.store(manners); }
  /// Requests answered so. Any thread.
  std::uint64_t answers(Manners manners) const {
    return answers_[static_cast<std::size_t>(manners)].load();
  }

 private:
  struct Connection;
  struct Request;

  void accept_all();
  void on_readable(Connection& connection);
  void answer(Connection& connection, const Request& request);
  void drip(Connection& connection);
  void flush(Connection& connection);
  void remove(const Connection& connection);

  Endpoint endpoint_;
  std::atomic<Manners> manners_{Manners::well};
  std::array<std::atomic<std::uint64_t>, manners_count> answers_{};
  Rng rng_;
  io::Loop loop_;
  io::Fd fd_;
  std::unique_ptr<io::FdWatch> watch_;
  std::map<int, std::unique_ptr<Connection>> connections_;  ///< by descriptor
  std::thread thread_;
};

}  // namespace hither::test
