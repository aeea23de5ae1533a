// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "io/loop.h"
#include "io/resolver.h"
#include "lb/farm.h"
#include "lb/name_watch.h"

namespace hither::lb {

/// Gives the servers of one farm their endpoints: at once where an address is described, by asking
/// for it again and again where a name is (lb/name_watch.h says when and what for). Belongs to the
/// main loop's thread; all arguments must outlive it.
class ServerNames {
 public:
  struct Events {
    /// A name was asked for, and this is what came of it; the server's endpoint is set.
    std::function<void(std::size_t server, const NameWatch& name)> on_answer;
    /// The server is at another address than before.
    std::function<void(std::size_t server)> on_moved;
  };

  ServerNames(io::Loop& loop, io::Resolver& resolver, Farm& farm, Events events);

  /// After Farm::change(): asks for those that came, forgets those that left.
  void change();
  /// Servers are at endpoints that a predecessor found: those are in use, if they are in the
  /// answers. Before the loop runs.
  void recall();
  /// Null for a server that is described by its address.
  const NameWatch* find(std::size_t server) const;

 private:
  struct Named {
    NameWatch watch;
    std::uint16_t port = 0;
    std::uint64_t turn = 0;  ///< which of all that ever had this place: answers are for one
  };

  void add(std::size_t server);
  void ask_due();
  void on_answer(std::size_t server, std::uint64_t turn, const Result<io::Resolved>& answer);
  void log(LogRecord record, std::size_t server, const Named& named) const;
  void wait();

  io::Resolver& resolver_;
  Farm& farm_;
  Events events_;
  std::map<std::size_t, Named> named_;  ///< by server
  std::uint64_t turns_ = 0;
  io::Timer timer_;
};

}  // namespace hither::lb
