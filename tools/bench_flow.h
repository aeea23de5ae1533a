// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/rng.h"
#include "base/time.h"
#include "io/socket.h"

namespace hither::tools {

/// One client and the answers that are right for it: two, where a room may be up or down.
struct BenchClient {
  std::array<std::byte, 4> subnet{};
  std::array<std::array<std::byte, 4>, 2> right{};
};

/// A query with holes: where the client's three octets and a random label go in.
struct BenchQuery {
  Bytes packet;
  std::size_t subnet_at = 0;  ///< 0: none
  std::size_t label_at = 0;   ///< 0: none
  std::size_t question_end = 0;
  unsigned rcode = 0;   ///< what answers must carry
  bool checked = true;  ///< false: anything that comes back with its ID counts
};

/// What became of queries, and how soon (in steps of 1/16 of a power of two of nanoseconds).
struct BenchTally {
  std::uint64_t sent = 0;
  std::uint64_t answered = 0;
  std::uint64_t wrong = 0;  ///< answered, but not right
  std::uint64_t late = 0;   ///< answers that nobody waits for any more
  std::uint64_t lost = 0;   ///< not answered within Flow::patience
  std::vector<std::uint64_t> histogram = std::vector<std::uint64_t>(64 * 16);

  void count(Duration latency);
  /// The latency that this share of the answers did not exceed; a query that was lost counts as one
  /// that was answered after Flow::patience.
  Duration quantile(double share) const;
};

/// One source port: a connected socket, the queries in flight on it, each with a packet of its own
/// that is made once and only patched. Batches in and out; in the closed loop a whole batch of
/// queries goes down as one datagram that the kernel cuts (UDP_SEGMENT), so that asking is cheaper
/// than answering. Belongs to one thread.
class BenchFlow {
 public:
  static constexpr std::size_t width = 32;
  static constexpr std::size_t slots_max = 4096;  ///< 12 bits of the ID; 4 tell generations apart
  static constexpr Duration patience = std::chrono::seconds(1);

  BenchFlow(io::Fd socket, const BenchQuery& query, std::span<const BenchClient> clients,
            std::uint64_t seed);

  /// Makes a query ready; false if all slots are in flight. `at` is when it should go out.
  bool prepare(Instant at);
  /// Sends what is ready; `whole`: as few large datagrams as there can be.
  void flush(bool whole, BenchTally& tally);
  /// Takes the answers that have come; how many.
  std::size_t receive(Instant now, BenchTally& tally);
  /// Gives up what has waited longer than `patience`.
  void expire(Instant now, BenchTally& tally);
  int fd() const { return socket_.get(); }
  std::size_t in_flight() const { return slots_max - free_.size(); }

 private:
  struct Slot {
    Instant at{};
    std::uint32_t client = 0;
    std::uint8_t generation = 0;
    bool active = false;
  };

  bool is_right(ByteView answer, const Slot& slot) const;
  void take(ByteView answer, Instant now, BenchTally& tally);

  io::Fd socket_;
  const BenchQuery& query_;
  std::span<const BenchClient> clients_;
  Rng rng_;
  std::size_t packet_size_;
  Bytes packets_;  ///< one per slot
  std::vector<Slot> slots_ = std::vector<Slot>(slots_max);
  std::vector<std::uint16_t> free_;
  std::vector<std::uint16_t> ready_;
  std::array<mmsghdr, width> in_{};
  std::array<iovec, width> in_pieces_{};
  std::array<std::array<std::byte, 2048>, width> in_buffers_{};
  std::array<mmsghdr, width> out_{};
  std::array<iovec, width> out_pieces_{};
};

}  // namespace hither::tools
