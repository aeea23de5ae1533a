// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/bits128.h"
#include "base/ip.h"
#include "base/result.h"
#include "dns/geography.h"
#include "dns/room_states.h"
#include "dns/snapshot.h"
#include "topology/policy_tree.h"

namespace hither::dns {

/// How many clients an address space stands for.
enum class Counting {
  ipv4_addresses,  ///< each IPv4 address whose place is known
  ipv6_blocks,     ///< each IPv6 /48 whose place is known
  population,      ///< as a file says
};

/// So many clients, spread evenly over the block, apart from what longer blocks in it say.
struct PopulationRow {
  Prefix prefix;
  double weight = 0;
};
/// Lines of "prefix,weight"; empty ones, those that begin with # and a first line of words are
/// skipped. Every mistake is added to `mistakes` with its line.
std::vector<PopulationRow> parse_population(std::string_view text, const std::string& file,
                                            std::vector<Error>& mistakes);

/// All rooms up with all that the description gives them, but `down`: what explain and whatif
/// suppose where no world runs. States hold for an hour, so that they set no TTL.
RoomStates supposed_states(const topology::Description& description, const topology::RoomSet& down);

/// What became of one room's clients.
struct SupposedRoom {
  double share = 0;     ///< of all clients
  double capacity = 0;  ///< 0 if it is not up
  bool up = true;       ///< false: supposed to be down, or without copies of the farm
};
struct Outcome {
  std::vector<SupposedRoom> rooms;  ///< by index in the description
  /// How far clients are from their rooms, where both have a place that is known; none if there
  /// are no such.
  std::optional<double> mean_km;
  std::optional<double> p95_km;  ///< 95 of 100 are not farther
  /// The share of clients that are sent to a room that is not up, because there is no other in
  /// their order: a fence has taken the others, or none of all is up.
  double lost = 0;
  /// With so many clients (requests at once, like capacities) the first room that is up is full.
  double full_at = 0;
  std::optional<std::uint16_t> full_first;
};

/// Says where all clients of a steered name would go if rooms failed. Built once from the whole
/// address space: clients are added up by place and ranking, and for each room what its failure
/// changes. So a supposition after that takes less than a millisecond: of several rooms it looks
/// only at the clients that one of them would send to another. Health is the only thing supposed:
/// no spill, no drain. Pure; the directory, its name and the geography must outlive it. Choices by
/// weight are exact shares, not samples, unless a name has several answers: then blocks are drawn.
class WhatIf {
 public:
  WhatIf(const Geography& geography, const Directory& directory, const SteeredName& name,
         Counting counting, std::span<const PopulationRow> population = {});

  Outcome suppose(const topology::RoomSet& down) const;
  /// Clients in all: addresses, blocks or the weights of the file.
  double clients() const { return clients_; }
  /// Of these, the share whose place nobody knows.
  double unknown() const { return clients_ > 0 ? unknown_ / clients_ : 0; }

 private:
  /// Clients of one place with one ranking.
  struct Group {
    std::uint32_t place;
    std::uint32_t ranking;
    double weight;
  };
  /// Some of the clients of one ranking go to this room.
  struct Part {
    std::uint16_t room;
    double share;
  };
  using PartsByRanking = std::unordered_map<std::uint32_t, std::vector<Part>>;
  struct Layer;
  /// Clients added up, by where they go.
  struct Sums {
    std::vector<double> by_room;
    std::vector<double> by_km;  // whole kilometres, where both places are known
    double known = 0;
    double km = 0;  // of all known ones together

    Sums& operator+=(const Sums& other);
  };
  /// One room down, all others up.
  struct Failure {
    Sums change;
    std::vector<std::vector<std::uint32_t>> heirs;  // the groups it sends there, by room
  };

  void walk(const Geography& geography, Family family, Counting counting,
            std::span<const PopulationRow> population);
  void add(Bits128 first, Bits128 last, std::uint32_t place, Layer& layer);
  void add_runs(Bits128 first, Bits128 last, std::uint32_t place, double density, Layer& layer);
  void add_weight(std::uint32_t place, std::uint32_t ranking, double weight);
  std::vector<Part> parts_of(std::uint32_t ranking, const topology::RoomSet& up) const;
  bool split(std::span<const std::uint16_t> items, const topology::RoomSet& up, double share,
             std::vector<Part>& parts) const;
  bool alive(std::span<const std::uint16_t> items, const topology::RoomSet& up) const;
  std::optional<double> km(const Group& group, std::uint16_t room) const;
  topology::RoomSet up_without(const topology::RoomSet& down) const;
  Sums empty_sums() const;
  Failure failure_of(std::size_t room) const;
  void correct(Sums& sums, const topology::RoomSet& down, const topology::RoomSet& up) const;
  PartsByRanking move(std::span<const std::uint32_t> groups, std::optional<std::size_t> room,
                      const topology::RoomSet& up, double sign, Sums& sums) const;
  void send(const Group& group, std::span<const Part> parts, double sign, Sums& sums) const;
  Outcome outcome_of(const Sums& sums, const topology::RoomSet& up) const;

  const Geography& geography_;
  const Directory& directory_;
  const SteeredName& name_;
  const ClientMap& map_;
  std::vector<std::optional<GlobePoint>> rooms_;  // none without a location
  std::vector<double> capacities_;
  std::vector<Group> groups_;
  std::vector<GlobePoint> points_;  // by group
  std::vector<std::uint32_t> group_of_place_;
  std::unordered_map<std::uint64_t, std::uint32_t> group_of_;  // where a place has several rankings
  double clients_ = 0;
  double unknown_ = 0;

  // With all rooms up.
  std::vector<std::vector<Part>> parts_;  // by ranking
  std::vector<std::vector<std::uint32_t>> groups_of_room_;
  Sums sums_;

  std::vector<Failure> failures_;  // by room
};

}  // namespace hither::dns
