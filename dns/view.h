// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/time.h"
#include "dns/ecs.h"
#include "dns/snapshot.h"

namespace hither::dns {

/// Who an answer is for: the client subnet if the query brought one and did not opt out, else the
/// address that asked.
struct Client {
  Address address;
  /// Of the family that was asked with: an IPv4-mapped address inside an IPv6 subnet option is
  /// IPv6, so that the scopes of one family never overlap.
  bool ipv4 = true;
};
Client client_of(const ClientSubnet* subnet, const Address& asker);

/// The block that a choice by weight, and spill, are stable for, in 128-bit lengths: what public
/// resolvers send at most (/24 and /56).
constexpr int client_block_length(bool ipv4) { return ipv4 ? 96 + 24 : 56; }

enum class Verdict {
  chosen,
  behind,      ///< usable, but as many better ones as are wanted were chosen
  down,        ///< skipped
  draining,    ///< skipped: this client's block has left it
  thin,        ///< skipped: fewer copies usable than min_healthy asks
  full,        ///< skipped: it is too full, and this client's block is of those it sheds
  closed,      ///< skipped: takes no client that another room shed
  fenced,      ///< not for this client
  not_run,     ///< does not run the farm: no candidate
  no_address,  ///< has no address of the family asked for: no candidate
};
std::string_view to_text(Verdict verdict);

/// One room with what became of it; made only when asked for.
struct Reason {
  std::uint16_t room = 0;
  Verdict verdict = Verdict::behind;
  bool sets_ttl = false;   ///< its state holds for the shortest time of those that matter
  bool stays = false;      ///< chosen though it is too full: no other room takes the client
  bool ends_soon = false;  ///< it is being drained, which sets the TTL
};

/// What one client should be told about a steered name now.
struct View {
  std::array<std::uint16_t, topology::answers_max> room_list{};  ///< best first; see rooms()
  std::uint8_t count = 0;
  bool fail_open = false;  ///< no candidate is usable, those are named all the same
  bool tailored = false;   ///< false: everybody gets this answer; the scope is 0
  int depth = 0;           ///< where tailored: the scope in 128-bit lengths
  Duration ttl{};

  /// The rooms to name; none: no room is a candidate; NODATA, for everybody.
  std::span<const std::uint16_t> rooms() const { return std::span(room_list).first(count); }
  bool has_room() const { return count > 0; }
  /// The best. Precondition: has_room().
  std::uint16_t room() const { return room_list[0]; }
};

/// The steering decision (query -> view): pure, no allocation unless reasons are wanted.
///
/// 1. Candidates are the rooms that run the name's farm and have an address of the family asked
///    for.
/// 2. Their order is that of the client map of the name's policy (dns/client_map.h). Choices by
///    weight in it are decided by the hash of the client's block. Rooms that a fence keeps from the
///    client are not in it, so that no rule below can lead there.
/// 3. Usable is a room that is up and not thin, and one that drains for the blocks that have not
///    left yet. The first `answers` usable candidates are chosen.
/// 4. A usable room that is too full sheds some blocks (dns/spill.h): they go on to the next usable
///    room that is open for them. If none is, they stay in the first that shed them.
/// 5. If nothing is usable, the thin ones are named, else the draining ones, else the first ones of
///    all: an answer that may work beats none.
/// 6. The scope comes from the order alone, never from states and shares: rooms that fail and
///    return change no scope (otherwise a cache would hold overlapping entries). It is the depth
///    of the client map; where the order depends on the client's block, or may do so by spill, at
///    least the block; 0 where the order is the same for everybody. The block that is hashed is
///    this scope, so all clients of one scope get one answer.
/// 7. The TTL is the least of the name's ttl and of how long the state of each room that matters
///    holds; in whole seconds, at least 1. The rooms that matter are those chosen and every
///    candidate before the last of them, since only their changes can change the answer; all
///    candidates if there are fewer than wanted. A room that is being drained lowers it further.
///
/// `name` is one of the snapshot's directory; type is A or AAAA.
View make_view(const Snapshot& snapshot, const SteeredName& name, Type type, const Client& client,
               std::vector<Reason>* reasons = nullptr);

}  // namespace hither::dns
