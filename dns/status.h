// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/metrics.h"
#include "base/time.h"
#include "dns/counters.h"
#include "dns/room_states.h"
#include "dns/settings.h"
#include "dns/shares.h"

namespace hither::dns {

/// What the status pages say, as values and text: the driver only hands them over. Pure.
struct StatusInput {
  const Settings& settings;
  const RoomStates& rooms;
  Shares shares;
  const std::vector<const Counters*>& threads;
  std::vector<std::string> databases;  ///< names of the geo databases
  Instant started;
  Instant now;
};

/// {"program":"hither-dns","world":"three-rooms","ready":true,"uptime_s":12.5,
///  "threads":2,"queries":17,"listen":["127.0.0.1:5300"],"geo":["builtin (2026-06-17)"],
///  "zones":["example.test"],"names":["www.example.test"],
///  "rooms":[{"room":"fra","title":"Frankfurt","addresses":["127.10.0.1"],
///    "admin":"127.10.0.1:7070","named_for_s":0.4,"farms":[{"farm":"web","state":"up",
///    "since_s":3.2,"reason":"","copies":3,"usable":3,"capacity":300,"load":0,"holds_for":"600ms",
///    "thin":false,"drained":0,"shed":0,"takes_shed":1}]}]}
/// named_for_s: for so long somebody may keep an answer that names the room; 0: nobody does.
/// drained, shed, takes_shed: shares of client blocks (dns/shares.h).
std::string status_json(const StatusInput& input);

/// {"ready":true}; the driver answers 503 while it is not.
std::string health_json(const RoomStates& rooms);

/// The counters of all threads and the rooms' states: hither_dns_*.
Metrics status_metrics(const StatusInput& input);

}  // namespace hither::dns
