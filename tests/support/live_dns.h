// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ip.h"
#include "base/time.h"
#include "io/socket.h"
#include "tests/support/child_program.h"
#include "tests/support/live_world.h"
#include "tests/support/scratch_folder.h"
#include "tests/support/stand_in_rooms.h"

namespace hither::test {

/// A real hither-dns alone, without `hither up`: on free ports of 127.0.0.1, with its files in a
/// scratch folder of its own: the description is world.toml there, the overrides overrides.toml.
class LiveDns {
 public:
  /// Nothing runs yet. `threads` that answer.
  explicit LiveDns(int threads = 1);

  const ScratchFolder& folder() const { return folder_; }
  /// Where it answers; the description's `dns.listen`.
  const Endpoint& endpoint() const { return endpoint_; }
  int port() const { return endpoint_.port; }
  /// When it is started: so many open files at most.
  void limit_descriptors(int most) { descriptors_max_ = most; }
  /// Starts it on world.toml and waits until it has probed every room once.
  bool start();
  bool stop() { return program_->stop(); }
  ChildProgram& program() { return *program_; }
  std::string output() const { return program_->output(); }
  /// /status, as JSON; empty if it does not answer.
  std::string status() const { return page("/status"); }
  std::string page(const std::string& path) const;
  /// Queries that it has answered so far.
  std::uint64_t queries() const;
  /// Runs `hither ARGUMENTS` with this server's description and overrides.
  CommandResult hither(const std::string& arguments) const;

 private:
  ScratchFolder folder_;
  Endpoint endpoint_;
  Endpoint admin_;
  int threads_;
  int descriptors_max_ = 0;  ///< 0: as we have it
  std::unique_ptr<ChildProgram> program_;
};

/// The tables of rooms fra, iad and nrt, with addresses 198.51.100.1 to .3 and 2001:db8:100::1 to
/// ::3, a farm `web`, and for each of them networks 10.1.0.0/16 to 10.3.0.0/16 and 2001:db8:1::/48
/// to 2001:db8:3::/48. `more`: lines for each room.
std::string tables_of_three_rooms(const StandInRooms& rooms,
                                  const std::array<std::string, 3>& more = {});

/// A UDP socket or one TCP connection with which a test asks one server. Queries and replies are
/// whole messages.
class DnsSocket {
 public:
  enum class Over { udp, tcp };
  explicit DnsSocket(const Endpoint& server, Over over = Over::udp);

  void send(ByteView query);
  /// The next reply, waiting at most so long for it; empty if none came.
  Bytes receive(Duration within);

 private:
  /// What has come as one message, taken from what has been read; empty if it is not whole yet.
  Bytes take();

  io::Fd socket_;
  Over over_;
  Bytes read_;
};

/// Asks all of them, with few on their way at once, and again what stays unanswered. The ids of the
/// queries are their places in the list, so there are at most 65,536. The replies come in the same
/// order. If one was sent several times for nothing, the rest is not asked, and empty.
std::vector<Bytes> ask_all(const Endpoint& server, const std::vector<Bytes>& queries);

}  // namespace hither::test
