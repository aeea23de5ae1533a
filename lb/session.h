// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "base/time.h"

namespace hither::lb {

/// The two ends of a session: who connected to us, and the server we connected to.
enum class Side { client, backend };

/// Pieces smaller than that are cheaper to copy than to relay in the kernel: what follows one is
/// copied, up to relay_after.
constexpr std::size_t relay_piece_min = 4096;
/// In mode tcp so many bytes one way, with none the other way between them, make a connection bulk:
/// what follows is relayed in the kernel (docs/life_of_a_connection.md).
constexpr std::uint64_t relay_after = 128 * 1024;
/// For a client to take our last words: so long we wait for its FIN behind ours where it may have
/// sent what nobody reads. To close at once would reset the connection, and a reset takes from the
/// client's kernel what it was sent and has not read yet (RFC 9112 s9.6).
constexpr Duration linger_max = std::chrono::seconds(1);

/// What a session wants done about its connection to a server.
enum class BackendWish {
  leave,   ///< nothing: as it is
  obtain,  ///< drop what there is; get a connection to server(), an idle one unless wants_fresh()
  queue,   ///< drop what there is; call queued(), and called() when the farm's queue has news
  give_back,  ///< it is free for the next request
  discard,    ///< close it
};

/// One client connection and what is done with it, without a socket: bytes, ends and instants go
/// in; bytes, a deadline and wishes come out (TcpProxy and HttpProxy below it). Pure: no clock, no
/// I/O. Owned by one thread. After every call the driver asks, in this order: backend_wish(),
/// pending() and ends() of both sides, finished(), wants() of both sides, deadline().
///
/// Bounds: a session holds at most one block (lb/buffer.h) per direction and one per unfinished
/// head, and reads a side only when what came before went out: back-pressure reaches the sender's
/// kernel.
class Session {
 public:
  virtual ~Session() = default;

  /// Should `from` be read? If so space() says where to (it may be the other side's output itself,
  /// so nothing is copied), and received() how much came: 0 if it was nothing after all.
  virtual bool wants(Side from) const = 0;
  virtual std::span<std::byte> space(Side from) = 0;
  virtual void received(Side from, std::size_t size, Instant now) = 0;
  /// The peer's FIN: it sends no more, but may still read.
  virtual void ended(Side from, Instant now) = 0;
  /// The connection was reset.
  virtual void broken(Side from, Instant now) = 0;

  /// Bytes to send now, until sent() took them all.
  virtual ByteView pending(Side to) const = 0;
  virtual void sent(Side to, std::size_t size, Instant now) = 0;
  /// A send failed for good. What `to` sent before that may still be read.
  virtual void unwritable(Side to, Instant now) = 0;
  /// Send FIN to `to`: nothing is pending and nothing will be.
  virtual bool ends(Side to) const = 0;

  /// How many of the next bytes of `from` may go to the other side unseen, in the kernel; 0: none.
  /// Asked before space(), where wants() says yes; what came was all told to received() before.
  virtual std::uint64_t relayable(Side /*from*/) const { return 0; }
  /// So many of them were taken from it and wait in the kernel.
  virtual void relaying(Side /*from*/, std::size_t /*size*/, Instant /*now*/) {}
  /// So many of these have gone to the other side.
  virtual void relayed(Side /*from*/, std::size_t /*size*/, Instant /*now*/) {}

  virtual BackendWish backend_wish() const = 0;
  /// For obtain: the server's place in the farm.
  virtual std::uint32_t server() const = 0;
  virtual bool wants_fresh() const = 0;
  /// Answers to obtain: a connect has begun; it is there (`reused`: it was idle); it failed.
  virtual void connecting(Instant now) = 0;
  virtual void connected(bool reused, Instant now) = 0;
  virtual void connect_failed(std::string_view why, Instant now) = 0;
  /// Instead of connecting(): we have no descriptor or memory left, and no server could be asked;
  /// or, with `elsewhere`, no port left towards this one, and another could be. None is to blame.
  virtual void connect_impossible(std::string_view why, bool elsewhere, Instant now) = 0;
  /// Answer to queue: called() will follow for `owner`, the driver's own number for this session.
  virtual void queued(std::uint64_t owner, Instant now) = 0;
  /// The farm's queue had a call for that owner. It may be of before, and mean nothing any more.
  virtual void called(Instant now) = 0;
  /// Answer to give_back and discard: done.
  virtual void parted(Instant now) = 0;

  virtual Instant deadline() const = 0;
  virtual void on_deadline(Instant now) = 0;
  /// The client is to leave: from now on responses say so, and it has `patience` to ask once more
  /// (none: it is closed at once if it asks nothing). What cannot be ended politely stays.
  virtual void drain(Instant now, Duration patience) = 0;
  /// We end it, whatever is under way: it is finished afterwards.
  virtual void cut_off(Instant now) = 0;
  /// Close the client's connection and forget the session.
  virtual bool finished() const = 0;
  /// Once finished: reset the client's connection, for its end would pass for that of a body, or
  /// of what the server says.
  virtual bool cut() const { return false; }
};

}  // namespace hither::lb
