// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "io/loop.h"
#include "io/socket.h"
#include "lb/handover.h"
#include "lb/handover_memory.h"

namespace hither::lb {

/// From the first word of a successor to its being ready: it probes the copies that it does not
/// know, and may have to find their names.
constexpr Duration handover_max = std::chrono::seconds(60);
/// For any answer after that, and for all that a predecessor has to give at first.
constexpr Duration handover_answer_max = std::chrono::seconds(10);

/// A descriptor and what it is for.
struct HandedSocket {
  HandoverMessage::Socket what;
  io::Fd fd;
};

/// The process that has the room's sockets now, as its successor sees it. Belongs to one loop's
/// thread.
class Predecessor {
 public:
  struct Wishes {
    std::function<void()> take_over;
    std::function<void()> be_alone;
    std::function<void(const std::string& why)> give_up;
  };

  /// Asks whoever listens at `place` for the sockets of `room`, and what it knows. Waits for it, at
  /// most handover_answer_max. Null if nobody is there; and, with a line in the log, if it is
  /// another user's or makes no sense. Then the room is taken as if there had never been one.
  static std::unique_ptr<Predecessor> find(io::Loop& loop, const std::string& place,
                                           const std::string& room);
  ~Predecessor();
  Predecessor(const Predecessor&) = delete;
  Predecessor& operator=(const Predecessor&) = delete;

  /// The sockets at this endpoint that were not taken yet.
  std::vector<io::Fd> take_sockets(HandoverMessage::Use use, const Endpoint& endpoint = {});
  const RoomMemory& memory() const { return memory_; }

  /// Listens to what becomes of it. One of the wishes is called, once, perhaps not before
  /// say_ready(). It may destroy this.
  void follow(Wishes wishes);
  void say_ready(std::vector<Endpoint> taken);
  /// From here on the room is ours. False if it is not, for the other one has called it off.
  [[nodiscard]] bool say_go();

 private:
  explicit Predecessor(io::Loop& loop);
  [[nodiscard]] Result<void> ask(const std::string& room);
  void on_readable();
  void act(HandoverTaker::Does does, const std::string& why);

  io::Loop& loop_;
  io::Fd fd_;
  HandoverStream stream_;
  HandoverTaker steps_;
  RoomMemory memory_;
  std::vector<HandedSocket> sockets_;
  std::vector<Endpoint> taken_;
  Wishes wishes_;
  std::unique_ptr<io::FdWatch> watch_;
  io::Timer limit_;
};

/// Where the running process is found by its successor: one at a time, of the same user. Belongs to
/// one loop's thread.
class HandoverPost {
 public:
  struct Wishes {
    std::function<void()> offer;  ///< call give()
    std::function<void()> pause;  ///< accept nothing more, then call say_paused()
    std::function<void()> resume;
    /// What the successor serves from now on. This post is closed.
    std::function<void(const std::vector<Endpoint>& taken)> leave;
    std::function<void(const std::string& why)> failed;  ///< after resume, where that was called
  };

  /// Nobody is heard before open().
  HandoverPost(io::Loop& loop, io::Fd listener, std::string place, std::string room, Wishes wishes);
  ~HandoverPost();
  HandoverPost(const HandoverPost&) = delete;
  HandoverPost& operator=(const HandoverPost&) = delete;

  void open();
  /// The answer to offer; nothing happens if the successor is gone.
  void give(const std::string& memory, std::vector<HandedSocket> sockets);
  void say_paused();
  /// Is a successor on its way?
  bool busy() const { return peer_ != nullptr; }
  io::Fd lend() const;
  /// Listens no more. A successor that is on its way is left alone with what it has; where there is
  /// none the place is removed.
  void close();

 private:
  struct Peer;

  void accept_one();
  void on_readable();
  void on_limit();
  void send(const HandoverMessage& message, std::vector<io::Fd> fds = {});
  void flush();
  void act(HandoverGiver::Does does);
  void fail();

  io::Loop& loop_;
  io::Fd listener_;
  std::string place_;
  std::string room_;
  Wishes wishes_;
  std::unique_ptr<io::FdWatch> watch_;
  io::Timer pause_;  ///< out of descriptors: until it listens again
  std::unique_ptr<Peer> peer_;
};

}  // namespace hither::lb
