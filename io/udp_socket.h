// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "base/bytes.h"
#include "base/ip.h"
#include "base/time.h"
#include "io/socket.h"

namespace hither::io {

/// A bound UDP socket that is read and answered in batches: one recvmmsg for up to `width` packets,
/// one sendmmsg for their replies. All buffers and headers are made once; between two batches only
/// what the kernel has changed is set back. Every reply leaves from the address its packet was sent
/// to, also where the socket is bound to a wildcard (IP_PKTINFO, which only these sockets pay for).
/// Belongs to one thread, but for shut().
///
///   const std::size_t count = socket.wait();
///   for (i = 0 .. count) socket.reply(i, respond(socket.packet(i), socket.peer(i),
///   socket.buffer(i))); socket.send();
class UdpSocket {
 public:
  /// More than this only adds latency: the kernel's cost per packet no longer falls.
  static constexpr std::size_t width = 32;
  static constexpr std::size_t packet_bytes_max = 4096;
  /// wait() returns after this long without a packet, so that its thread may look around.
  static constexpr Duration patience = std::chrono::seconds(1);

  /// `reply_bytes_max` is the size of buffer(). Takes over a socket of bind_udp(), and asks for
  /// room for a thousand packets or so that come in one burst.
  UdpSocket(Fd socket, const Endpoint& bound, std::size_t reply_bytes_max);
  ~UdpSocket();
  UdpSocket(const UdpSocket&) = delete;
  UdpSocket& operator=(const UdpSocket&) = delete;

  int fd() const;
  /// How many packets came; 0 if none wait. Forgets the batch before.
  std::size_t receive();
  /// Likewise, but waits for the first one: two system calls a batch are then all there are. 0
  /// after `patience`; after shut() it never waits, and may bring a packet that is empty.
  std::size_t wait();
  /// Ends the wait that is under way, and all later ones. Any thread.
  void shut();
  /// The packet; of one that was longer, its first packet_bytes_max octets.
  ByteView packet(std::size_t index) const;
  Endpoint peer(std::size_t index) const;
  /// Where the reply to packet `index` is to be written.
  std::span<std::byte> buffer(std::size_t index);
  /// Sends the first `size` bytes of buffer(index) with the batch; 0: no reply. At most once each.
  void reply(std::size_t index, std::size_t size);
  /// Sends all replies. Never waits: what the kernel does not take is lost, as packets are. Returns
  /// how many are lost.
  std::size_t send();

 private:
  std::size_t take(int flags);

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hither::io
