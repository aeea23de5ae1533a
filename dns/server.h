// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/log.h"
#include "base/reload.h"
#include "base/result.h"
#include "dns/reload.h"
#include "dns/room_board.h"
#include "dns/server_load.h"
#include "dns/server_notify.h"
#include "dns/server_probe.h"
#include "dns/server_setup.h"
#include "dns/server_thread.h"
#include "dns/settings.h"
#include "dns/share_control.h"
#include "dns/status.h"
#include "io/admin.h"
#include "io/files.h"
#include "io/loop.h"
#include "io/reloader.h"

namespace hither::dns {

/// The driver of hither-dns. Its own (main) thread probes the rooms and serves the status pages;
/// data threads answer queries. It listens from the first moment, so that a port in use is found at
/// once and static names are answered; steered names are SERVFAIL (Not Ready) until every room was
/// probed once, and only then does the program say that it is ready.
///
/// A changed description, zone file or database is read in the background and taken as a whole or
/// not at all; what is served is exchanged between two batches of queries, so none is lost.
class Server {
 public:
  /// `first` must hold a setup. `loop` must outlive it.
  Server(io::Loop& loop, const Start& start, SetupReading first);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Opens all sockets; nothing is answered yet. The error is one line with its cure.
  [[nodiscard]] Result<void> listen();
  /// Starts the data threads and the probes. Then run the loop.
  void start();
  /// Answers nothing more, and writes what of the query log still waits. Call last, after the loop.
  void stop();
  /// Reads everything again, whether it has changed or not (SIGHUP).
  void reload() { reloader_.read(); }

  /// Where it listens, ports chosen by the kernel filled in.
  const std::vector<Endpoint>& endpoints() const { return endpoints_; }
  /// Where its status pages are.
  const Endpoint& admin_endpoint() const { return admin_endpoint_; }

 private:
  /// A probe on its way, with the number that it has on the board now.
  struct Sent {
    std::uint16_t number = 0;
    std::unique_ptr<SentProbe> probe;
  };

  [[nodiscard]] Result<std::vector<ListenSockets>> open_sockets();
  void add_pages();
  void probe_due();
  void keep_probes();
  void on_result(std::uint16_t probe, const ProbeResult& result);
  void say_ready_once();
  void after_event(const std::vector<LogRecord>& records);
  void publish();
  void look_at_files();
  void look_at_overrides();
  void write_query_log();
  void log_queries();
  void start_query_log();
  bool read_overrides_again();
  void set_overrides(const topology::Overrides& overrides);
  void on_read(SetupReading reading, Duration took);
  void tell_secondaries();
  bool refuse(const std::vector<Error>& mistakes);
  void take(Setup fresh);
  void take_overrides(const topology::Overrides& read, const std::optional<io::FileStamp>& stamp);
  void limit_tcp();
  void log_tcp_limit() const;
  TcpTotals tcp_totals() const;
  StatusInput status_input() const;
  io::Page explain_page(const io::PageRequest& request) const;

  io::Loop& loop_;
  Settings settings_;
  Loaded loaded_;
  Instant started_;
  std::vector<Duration> ttls_at_start_;  ///< the rooms have their first places
  RoomBoard board_;
  ShareControl share_control_;
  RoomSlots slots_;
  std::vector<std::uint16_t> slots_of_rooms_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::vector<std::shared_ptr<const Snapshot>> retired_;  ///< until no thread reads them
  std::vector<Endpoint> endpoints_;
  Endpoint admin_endpoint_;
  io::ClientQuota tcp_quota_;
  std::vector<std::unique_ptr<ServerThread>> threads_;
  std::vector<const Counters*> counters_;
  std::vector<QueryLog*> query_logs_;
  io::AdminServer admin_;
  std::vector<std::unique_ptr<Sent>> probes_;  ///< by number, while one is on its way
  bool ready_ = false;                         ///< and has said so
  ProbeTimes probe_times_;
  io::Timer probe_timer_;
  io::Timer share_timer_;  ///< for what moves though no room changes
  NotifySender notify_sender_;
  io::Reloader<SetupReading> reloader_;
  ReloadReport reloads_;
  topology::Overrides overrides_;
  std::optional<io::FileStamp> overrides_stamp_;
  std::vector<std::string> override_mistakes_;
  io::Timer file_timer_;
  io::Timer log_timer_;
};

}  // namespace hither::dns
