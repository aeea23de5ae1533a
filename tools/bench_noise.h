// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/rng.h"
#include "base/time.h"
#include "io/socket.h"

namespace hither::tools {

/// Does a DNS server owe this packet an answer, be it FORMERR? Not if it is too short for a header,
/// nor if it says that it is an answer itself: who answers those can be made to talk to itself.
bool is_due_answer(ByteView packet);

/// Broken packets to a DNS server: true queries cut short, changed or with something behind them.
/// Each has an ID of its own, so that every answer is known to be due or not. No more than
/// `in_flight_max` wait for one, so neither socket's buffer can run over (212,992 octets where the
/// system lets none be larger, and no packet takes more than 2,304 of them): an answer that does
/// not come was not sent. Belongs to one thread.
class BenchNoise {
 public:
  static constexpr std::size_t in_flight_max = 32;
  static constexpr Duration patience = std::chrono::seconds(1);

  /// `socket` is connected to the server.
  BenchNoise(io::Fd socket, Bytes query, std::uint64_t seed);

  /// False: too many wait for their answers, or the kernel does not take it.
  bool send_one(Instant now);
  /// Takes the answers that have come.
  void receive();
  /// Gives up what has waited longer than `patience`; an answer to it is stray from then on.
  void expire(Instant now);

  bool waiting() const { return !in_flight_.empty(); }
  int fd() const { return socket_.get(); }
  std::uint64_t sent() const { return sent_; }
  std::uint64_t due() const { return due_; }            ///< of these: what is owed an answer
  std::uint64_t answered() const { return answered_; }  ///< and got one
  std::uint64_t stray() const { return stray_; }        ///< answers to nothing that is due one

 private:
  struct Asked {
    std::uint16_t id = 0;
    Instant at{};
  };

  void take(ByteView answer);

  io::Fd socket_;
  Bytes query_;
  Rng rng_;
  std::vector<Asked> in_flight_;
  std::uint64_t sent_ = 0;
  std::uint64_t due_ = 0;
  std::uint64_t answered_ = 0;
  std::uint64_t stray_ = 0;
};

}  // namespace hither::tools
