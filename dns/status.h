// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/metrics.h"
#include "base/reload.h"
#include "base/time.h"
#include "dns/counters.h"
#include "dns/notifier.h"
#include "dns/probe_times.h"
#include "dns/room_board.h"
#include "dns/room_states.h"
#include "dns/settings.h"
#include "dns/shares.h"

namespace hither::dns {

/// What became of TCP connections since the start, over all threads.
struct TcpTotals {
  std::uint64_t accepted = 0;
  std::uint64_t closed = 0;      ///< of these, for whatever reason
  std::uint64_t over_quota = 0;  ///< closed at once: the client had its share
  std::uint64_t idle = 0;        ///< of the closed, those that asked nothing for too long
  std::uint64_t stalled = 0;     ///< those that did not take their answers
  std::uint64_t shed = 0;        ///< those that made room for a new one
};

/// What the status pages say, as values and text: the driver only hands them over. Pure.
struct StatusInput {
  const Settings& settings;
  const RoomStates& rooms;
  Shares shares;
  const RoomBoard* board = nullptr;         ///< guards; none: nothing to say of them
  const Directory* directory = nullptr;     ///< maps; none: nothing to say of them
  const ProbeTimes* probe_times = nullptr;  ///< likewise
  const Notifier* notifier = nullptr;       ///< likewise
  const topology::Overrides* overrides = nullptr;
  std::vector<std::string> override_mistakes = {};
  ReloadReport reloads = {};
  std::vector<std::string> counted_rooms =
      {};  ///< by place in the counters; none: the description's
  const std::vector<const Counters*>& threads;
  TcpTotals tcp = {};
  std::vector<Duration> ttls_at_start = {};  ///< longest_ttls() of the first description
  std::vector<std::string> databases;        ///< names of the geo databases
  Instant started;
  Instant now;
};

/// {"program":"hither-dns","world":"three-rooms","ready":true,"uptime_s":12.5,
///  "threads":2,"queries":17,"tcp_connections":0,"listen":["127.0.0.1:5300"],
///  "geo":["builtin (2026-06-17)"],"zones":["example.test"],"names":["www.example.test"],
///  "rooms":[{"room":"fra","title":"Frankfurt","addresses":["127.10.0.1"],
///    "admin":"127.10.0.1:7070","named_for_s":0.4,"farms":[{"farm":"web","state":"up",
///    "since_s":3.2,"reason":"","measured":"up","held":false,"override":null,
///    "copies":3,"usable":3,"capacity":300,"load":0,"holds_for":"600ms",
///    "thin":false,"drained":0,"shed":0,"takes_shed":1}]}],
///  "guard":[{"farm":"web","rooms_held":2,"ends_in_s":110.5}],
///  "overrides":{"file":"/var/lib/hither/overrides.toml","count":1,"mistakes":[]},
///  "reload":{"done":3,"refused":1,"last_s":4.1,"mistakes":["world.toml:3:1: ..."]}}
/// named_for_s: for so long somebody may keep an answer that names the room, for whichever of its
/// farms; 0: nobody does. That of a process before this one is counted as given when this one
/// started, with the longest TTL there was.
/// drained, shed, takes_shed: shares of client blocks (dns/shares.h).
/// An override is {"state":"draining","since_s":61.2,"over":"10m","reason":"new switches"}.
std::string status_json(const StatusInput& input);

/// By room: the longest TTL of the names whose farm it has, whatever their policy; 0: of none.
std::vector<Duration> longest_ttls(const topology::Description& description);

/// {"ready":true}; the driver answers 503 while it is not.
std::string health_json(const RoomStates& rooms);

/// The counters of all threads, the maps, probes, guards, reloads and the rooms' states:
/// hither_dns_*.
Metrics status_metrics(const StatusInput& input);

}  // namespace hither::dns
