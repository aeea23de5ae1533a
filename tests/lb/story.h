// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "lb/buffer.h"
#include "lb/farm.h"
#include "lb/http_proxy.h"
#include "lb/picker.h"
#include "lb/session.h"
#include "lb/tcp_proxy.h"

namespace hither::lb::test {

/// A farm "web" in room "fra" whose servers are web-1, web-2, ..., all up.
std::unique_ptr<Farm> make_farm(std::size_t servers,
                                topology::Balance balance = topology::Balance::round_robin);
/// The same with more to say about it.
std::unique_ptr<Farm> make_farm(std::size_t servers, const topology::Farm& settings);

/// What make_farm() makes if nothing is said.
topology::Farm round_robin_farm();

/// A driver without a kernel: plays the client, the servers and the sockets between them around one
/// session, in scripted steps. What is said waits in "the kernel" until the session reads it, in
/// pieces of at most `piece` bytes; the session's own sends are cut likewise. Connections are
/// numbered from 1 in the order they are opened; backend_says() means the one in use.
class Story {
 public:
  struct Settings {
    std::size_t servers = 1;
    std::size_t piece = 1'000'000;
    bool tcp = false;
    topology::Farm farm = round_robin_farm();
    std::string client = "192.0.2.7";
    TcpTimes tcp_times = {};
    std::string preamble = {};  ///< of a TCP session
  };
  explicit Story(Settings settings);
  Story() : Story(Settings{}) {}
  ~Story();

  Story& client_says(std::string_view text);
  Story& client_ends();
  /// The same, told while the session does not read: a driver that peeks finds it.
  Story& client_half_closes_unread();
  Story& client_resets();
  /// Another client comes, once the connection of the one before has ended.
  Story& next_client();
  Story& backend_says(std::string_view text);
  Story& backend_ends();
  Story& backend_resets();
  /// Whatever is sent to that side stays unsent from now on, or goes out again.
  Story& client_stops_reading(bool stopped = true);
  /// One that stopped takes so many sends all the same.
  Story& client_takes(int sends);
  Story& backend_stops_reading(bool stopped = true);
  Story& backend_refuses_bytes();  ///< sends on the connection opened last fail
  Story& time_passes(Duration time);
  /// Connects from now on: refused, never answered, impossible, or (the default) taken.
  Story& connects(std::string_view outcome);
  /// The client is to leave; without patience at once, where it asks nothing.
  Story& drain(Duration patience = Duration::zero());
  Story& cut_off();

  /// What came out so far. Request ids are written as "ID".
  std::string client_got() const;
  std::string backend_got(int connection) const;
  /// All that servers got, on whatever connection, in order.
  std::string backends_got() const;
  int connections_opened() const { return opened_; }
  bool connection_open(int connection) const;
  std::size_t idle_connections() const;
  bool closed() const { return closed_; }
  /// That of the connection in use has said its end, and refused bytes: nothing is left of it.
  bool server_is_gone() const { return heard_end_ && refused_; }
  bool client_got_reset() const { return session_->finished() && session_->cut(); }
  bool client_got_end() const { return client_got_end_ || closed_; }
  bool backend_got_end() const { return backend_got_end_; }
  /// Bytes that were said but not read: they wait in the kernel.
  std::size_t unread_by_session() const { return from_client_.size() + from_backend_.size(); }
  std::uint32_t in_flight() const;
  std::uint32_t connecting() const;
  std::size_t blocks_taken() const { return blocks_.taken(); }
  Farm& farm() { return *farm_; }
  /// What the access log got.
  const std::vector<AccessRecord>& records() const { return log_.records; }
  Instant now() const { return now_; }
  Session& session() { return *session_; }
  /// What the session waits as in the farm's queue.
  static constexpr std::uint64_t owner = 7;

 private:
  struct Log final : AccessSink {
    void note(const AccessRecord& record) override;
    std::vector<AccessRecord> records;
  };
  struct Connection {
    std::uint32_t server = 0;
    std::string got;
    bool open = true;
    bool idle = false;
  };

  void open_session();
  Story& settle();
  bool take_calls();
  bool grant_wish();
  void obtain();
  bool flush(Side to);
  bool deliver(Side from, std::string& kernel, bool& ended);
  void close_current();

  Settings settings_;
  std::unique_ptr<Farm> farm_;
  Picker picker_;
  BlockPool blocks_;
  Log log_;
  TcpContext tcp_;
  HttpContext context_;
  Instant now_ = Instant(std::chrono::hours(1));
  std::unique_ptr<Session> session_;

  std::string from_client_;
  std::string from_backend_;
  std::string to_client_;
  std::string to_backends_;
  std::map<int, Connection> connections_;
  std::string connects_ = "taken";
  int opened_ = 0;
  int current_ = 0;    ///< 0: none
  int refusing_ = -1;  ///< the connection that takes no bytes
  bool client_ended_ = false;
  bool backend_ended_ = false;
  bool client_deaf_ = false;
  bool backend_deaf_ = false;
  bool client_got_end_ = false;
  bool backend_got_end_ = false;
  bool heard_end_ = false;  ///< of the server's connection in use
  bool refused_ = false;    ///< by that
  bool closed_ = false;
};

/// What a server should get for `head` (without its empty line): the client is 192.0.2.7 and asked
/// for `host`; `more` are fields behind ours.
std::string forwarded(std::string_view head, std::string_view host = "a.test",
                      std::string_view more = "");

}  // namespace hither::lb::test
