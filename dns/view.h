// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
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

/// The block that a weighted choice is stable for: what public resolvers send at most (/24 and
/// /56).
constexpr int weighted_block_ipv4 = 96 + 24;
constexpr int weighted_block_ipv6 = 56;

enum class Verdict {
  chosen,
  behind,      ///< usable, but a better one was chosen
  down,        ///< skipped
  draining,    ///< skipped
  not_run,     ///< does not run the farm: no candidate
  no_address,  ///< has no address of the family asked for: no candidate
};
std::string_view to_text(Verdict verdict);

/// One room of the order with what became of it; made only when asked for.
struct Reason {
  std::uint16_t room = 0;
  Verdict verdict = Verdict::behind;
  bool sets_ttl = false;  ///< its state holds for the shortest time of those that matter
};

/// What one client should be told about a steered name now.
struct View {
  bool has_room = false;  ///< false: no room is a candidate; NODATA, for everybody
  std::uint16_t room = 0;
  bool fail_open = false;  ///< no candidate is up, this one is named all the same
  Duration ttl{};
  bool tailored = false;  ///< false: everybody gets this answer; the scope is 0
  int depth = 0;          ///< where tailored: the scope in 128-bit lengths
};

/// The steering decision (query -> view): pure, no allocation unless reasons are wanted.
///
/// 1. Candidates are the rooms that run the name's farm and have an address of the family asked
///    for.
/// 2. Their order is the policy's. nearest: the client map's ranking. ordered: the order of the
///    file. weighted: rendezvous hashing (Thaler and Ravishankar) of the client's block over the
///    rooms, each scored -weight / ln(hash); so a change of one weight moves only what must move.
/// 3. The first candidate that is up is chosen; down and draining ones are skipped. If none is up,
///    the first that is draining, and else the first of all: an answer that may work beats none.
/// 4. The scope comes from the order alone, never from rule 3: rooms that fail and return change
///    no scope (otherwise a cache would hold overlapping entries). nearest: the depth of the
///    client map. weighted: the block. ordered: everybody gets the same, scope 0.
/// 5. The TTL is the least of the name's ttl and of how long the state of each room that matters
///    holds; in whole seconds, at least 1. The rooms that matter are the one chosen and every
///    candidate before it, since only their changes can change the answer; if none is up, all
///    candidates.
///
/// `name` is one of the snapshot's directory; type is A or AAAA.
View make_view(const Snapshot& snapshot, const SteeredName& name, Type type, const Client& client,
               std::vector<Reason>* reasons = nullptr);

}  // namespace hither::dns
