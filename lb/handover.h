// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ip.h"

namespace hither::lb {

/// How one process of hither-lb takes the place of another while clients connect: what the two say
/// to each other over a local socket, and what either does about it. Pure: lb/server_handover.h
/// moves the bytes and the descriptors.
///
///   new -> old  hello    who I am, for which room
///   old -> new  offer    what I know of the copies, how many sockets will follow
///   old -> new  sockets  as often as it takes, descriptors with it: the very sockets that listen
///   new -> old  ready    every copy is known; these endpoints I serve
///   old -> new  paused   I take no more connections; who comes waits in the sockets
///   new -> old  go       I take them from here on: leave
///
/// Whoever cannot go on says `off` and why, or just ends. Until `go` the old one is in charge: if
/// the new one ends, is late or talks nonsense, the old one goes on as if nothing had been, and no
/// connection is lost, for the new one has taken none. If the old one ends before that, the new one
/// has the sockets and goes on alone.
///
/// Each message is a length of four octets, most significant first, and so many of JSON. Keys are
/// only ever added, and unknown ones ignored, so that versions understand each other.
struct HandoverMessage {
  enum class Step : std::uint8_t { hello, offer, sockets, ready, paused, go, off };
  /// What a passed descriptor is for.
  enum class Use : std::uint8_t { clients, admin, handover };
  struct Socket {
    Use use = Use::clients;
    Endpoint endpoint;

    friend bool operator==(const Socket&, const Socket&) = default;
  };

  Step step = Step::hello;
  std::string room;             ///< of hello
  std::string reason;           ///< of off
  std::string memory;           ///< of offer: JSON of lb/handover_memory.h
  std::size_t sockets = 0;      ///< of offer
  std::vector<Socket> passed;   ///< of sockets, in the order of the descriptors
  std::vector<Endpoint> taken;  ///< of ready
};

std::string to_frame(const HandoverMessage& message);

/// Cuts a stream into messages. What is longer than `message_bytes_max`, no JSON or of no step that
/// it knows breaks it for good.
class HandoverStream {
 public:
  static constexpr std::size_t message_bytes_max = 16 * 1024 * 1024;

  void take(ByteView bytes) { append(buffer_, bytes); }
  /// The next whole message.
  std::optional<HandoverMessage> next();
  bool broken() const { return broken_; }

 private:
  Bytes buffer_;
  bool broken_ = false;
};

/// The old one's side of one handover.
class HandoverGiver {
 public:
  enum class Does {
    nothing,
    offer,   ///< send the offer and the sockets
    pause,   ///< accept nothing more, then say `paused`
    leave,   ///< it is over: close the sockets, let clients go
    resume,  ///< it came to nothing: accept again, and end this connection
    refuse,  ///< say `off` and end this connection; nothing had changed
  };
  explicit HandoverGiver(std::string room) : room_(std::move(room)) {}

  Does on_message(const HandoverMessage& message);
  /// The other one ended, broke the rules, or took too long.
  Does on_failure();

  /// Why it refuses.
  const std::string& reason() const { return reason_; }
  /// What the new one serves; of the others it does not care.
  const std::vector<Endpoint>& taken() const { return taken_; }

 private:
  enum class State : std::uint8_t { new_here, offered, paused, over };

  std::string room_;
  std::string reason_;
  std::vector<Endpoint> taken_;
  State state_ = State::new_here;
};

/// The new one's side, from when it has the sockets on.
class HandoverTaker {
 public:
  enum class Does {
    nothing,
    say_ready,  ///< send `ready`
    take_over,  ///< send `go`, accept
    be_alone,   ///< there is no other one any more: accept
    give_up,    ///< the other one is in charge and stays: end
  };

  /// Every copy is known.
  Does on_ready();
  Does on_message(const HandoverMessage& message);
  /// The other one ended without a word.
  Does on_end();
  /// It talks nonsense, or does not answer.
  Does on_failure();

 private:
  enum class State : std::uint8_t { preparing, waiting, over };

  State state_ = State::preparing;
  bool alone_ = false;
};

}  // namespace hither::lb
