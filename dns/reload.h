// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "dns/settings.h"
#include "dns/snapshot.h"

namespace hither::dns {

/// The pure part of a reload: what may change under a running server, and what is kept.

/// What only a restart can change: the addresses it listens on, the status page, the number of
/// threads, the size of answers over UDP. Each is a line with its cure; none: the change may be
/// taken.
std::vector<Error> find_fixed_changes(const Settings& now, const Settings& fresh);

/// What is legal in the description and may not be meant (topology/warnings.h), a line for each:
/// `description-warning place=world.toml:3:1 message="..."`. Nothing if the description `before`,
/// which may be nullptr, had the same ones, wherever they stood.
std::vector<LogRecord> describe_warnings(const topology::Description& description,
                                         const topology::Description* before);

/// What goes round the steering: HTTPS and SVCB records that hold addresses (ipv4hint, ipv6hint) of
/// a service at a steered name. Clients may go by those and never ask for the name's own (RFC 9460
/// s7.3). A line for each zone that has any: `hints-beside-steering zone=example.test. sets=1
/// first="example.test. HTTPS"`. Nothing if the directory `before`, which may be nullptr, had the
/// same ones.
std::vector<LogRecord> warn_of_hints(const Directory& directory, const Directory* before);

/// Places in the counters of rooms. A room keeps its place for as long as the program runs, so that
/// its counts go on when a new description moves it in the list or takes it away for a while.
class RoomSlots {
 public:
  /// The place of each room in the list; nullopt if there are no more (rooms_max different rooms
  /// have been seen), then nothing is changed.
  std::optional<std::vector<std::uint16_t>> assign(const std::vector<std::string>& rooms);

  const std::vector<std::string>& rooms() const { return rooms_; }

 private:
  std::vector<std::string> rooms_;  ///< by place
};

}  // namespace hither::dns
