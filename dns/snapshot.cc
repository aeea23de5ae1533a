// SPDX-License-Identifier: Apache-2.0
#include "dns/snapshot.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>

#include "base/assert.h"
#include "base/hash.h"
#include "dns/zone_file.h"

namespace hither::dns {
namespace {

using topology::Description;

std::string place_of(const Description& description, const topology::Position& where) {
  return fmt::format("{}:{}:{}", description.file, where.line, where.column);
}

AnsweringRoom make_room(const topology::Room& from) {
  AnsweringRoom room{.name = from.name,
                     .title = from.title,
                     .location = from.location,
                     .seed = hash_bytes(from.name),
                     .addresses = {}};
  room.addresses[family_of(Type::a)].type = Type::a;
  room.addresses[family_of(Type::aaaa)].type = Type::aaaa;
  for (const Address& address : from.address) {
    const Type type = address.is_v4() ? Type::a : Type::aaaa;
    room.addresses[family_of(type)].add(address_rdata(address));
  }
  for (RrSet& set : room.addresses) set.prepare(Name().wire());  // No name in it depends on it.
  return room;
}

/// Index and place of every steered name, by the zone it belongs to.
using SteeredByZone = std::vector<std::vector<SteeredAt>>;

class DirectoryBuilder {
 public:
  DirectoryBuilder(const Description& description, std::vector<Error>& mistakes)
      : description_(description), mistakes_(mistakes) {}

  void add_rooms();
  void add_zone_names();
  void add_names(const ClientMaps& maps);
  void add_zones(std::span<const std::string> texts);
  std::shared_ptr<const Directory> take(ClientMaps maps) {
    directory_->maps = std::move(maps.maps);
    directory_->description = description_;
    return directory_;
  }

 private:
  std::optional<Name> parse(const std::string& text, const topology::Position& where);
  SteeredName make_name(const topology::Name& from, const Name& name, std::size_t farm) const;
  void report(const topology::Position& where, const std::string& message) {
    mistakes_.push_back({fmt::format("{}: {}", place_of(description_, where), message)});
  }

  const Description& description_;
  std::vector<Error>& mistakes_;
  std::shared_ptr<Directory> directory_ = std::make_shared<Directory>();
  std::vector<std::optional<Name>> origins_;
  SteeredByZone steered_;
};

void DirectoryBuilder::add_rooms() {
  for (const topology::Room& room : description_.rooms) {
    directory_->rooms.push_back(make_room(room));
  }
  directory_->farms = description_.farms;
}

std::optional<Name> DirectoryBuilder::parse(const std::string& text,
                                            const topology::Position& where) {
  const auto name = Name::parse(text);
  if (name) return name->lower();
  report(where, name.error().message);
  return std::nullopt;
}

void DirectoryBuilder::add_zone_names() {
  steered_.resize(description_.zones.size());
  std::set<int, std::greater<>> depths;
  for (std::size_t i = 0; i < description_.zones.size(); ++i) {
    const topology::Zone& zone = description_.zones[i];
    origins_.push_back(parse(zone.name, zone.where));
    if (!origins_.back()) continue;
    const auto number = static_cast<std::uint32_t>(i);
    if (directory_->zone_index.add(origins_.back()->wire(), number) != number) {
      report(zone.where, fmt::format("zone {} is there twice; keep one", zone.name));
    }
    depths.insert(Labels(origins_.back()->wire()).count);
  }
  directory_->zone_depths.assign(depths.begin(), depths.end());
}

SteeredName DirectoryBuilder::make_name(const topology::Name& from, const Name& name,
                                        std::size_t farm) const {
  SteeredName steered{.name = name,
                      .policy = from.policy,
                      .ttl = from.ttl,
                      .farm = static_cast<std::uint16_t>(farm),
                      .answers = static_cast<std::uint8_t>(from.answers),
                      .seed = hash_name(name.wire()),
                      .candidates = {}};
  for (std::size_t r = 0; r < directory_->rooms.size(); ++r) {
    const topology::Farm* farm_there = description_.rooms[r].find_farm(from.farm);
    if (farm_there == nullptr) continue;
    steered.in_blocks |= farm_there->spill.has_value();
    for (std::size_t family = 0; family < 2; ++family) {
      steered.candidates[family][r] = directory_->rooms[r].addresses[family].count > 0;
    }
  }
  return steered;
}

void DirectoryBuilder::add_names(const ClientMaps& maps) {
  ASSERT(maps.map_of_name.size() == description_.names.size());
  for (std::size_t i = 0; i < description_.names.size(); ++i) {
    const topology::Name& from = description_.names[i];
    const auto name = parse(from.name, from.where);
    const auto farm = std::ranges::find(description_.farms, from.farm);
    if (!name || farm == description_.farms.end()) continue;  // topology/check names the farm.
    const auto zone = directory_->closest_zone(Key(name->wire()), 0);
    if (!zone) {
      report(from.where, fmt::format("{} is in no zone; add [zone.\"...\"] for it or the zone "
                                     "above it",
                                     from.name));
      continue;
    }
    steered_[*zone].push_back({.name = *name,
                               .index = static_cast<std::uint32_t>(directory_->names.size()),
                               .where = place_of(description_, from.where)});
    directory_->names.push_back(
        make_name(from, *name, static_cast<std::size_t>(farm - description_.farms.begin())));
    directory_->names.back().map = maps.map_of_name[i];
  }
}

void DirectoryBuilder::add_zones(std::span<const std::string> texts) {
  for (std::size_t i = 0; i < description_.zones.size(); ++i) {
    const topology::Zone& zone = description_.zones[i];
    if (!origins_[i]) continue;
    const bool made_up = zone.file.empty();
    const std::string file = made_up ? fmt::format("zone {} (no file)", zone.name) : zone.file;
    const std::vector<Record> records =
        made_up ? make_up_zone(*origins_[i], description_.dns.listen)
                : read_zone_text(texts[i], file, *origins_[i], mistakes_);
    auto built = Zone::build(*origins_[i], file, records, steered_[i], mistakes_);
    if (built) directory_->zones.push_back(std::move(*built));
  }
}

}  // namespace

std::optional<std::uint32_t> Directory::closest_zone(const Key& name, int skip) const {
  for (const int depth : zone_depths) {
    if (depth > name.labels() - skip) continue;
    if (const auto zone = zone_index.find(name.suffix(name.labels() - depth))) return zone;
  }
  return std::nullopt;
}

const Zone* Directory::find_zone(const Key& name, Type type) const {
  const auto zone = closest_zone(name, 0);
  if (!zone) return nullptr;
  const bool at_top = zones[*zone].origin().size() == name.wire().size();
  if (type != Type::ds || !at_top || name.labels() == 0) return &zones[*zone];
  // One that does not delegate it would deny a name that we serve.
  const auto parent = closest_zone(name, 1);
  return &zones[parent && zones[*parent].has(name) ? *parent : *zone];
}

const SteeredName* Directory::find_name(const Name& name) const {
  const auto found = std::ranges::find(names, name, &SteeredName::name);
  return found == names.end() ? nullptr : &*found;
}

std::shared_ptr<const Directory> build_directory(const topology::Description& description,
                                                 std::span<const std::string> zone_texts,
                                                 ClientMaps maps, std::vector<Error>& mistakes) {
  if (!mistakes.empty() && maps.map_of_name.size() < description.names.size()) return nullptr;
  const std::size_t before = mistakes.size();
  DirectoryBuilder builder(description, mistakes);
  builder.add_rooms();
  builder.add_zone_names();
  builder.add_names(maps);
  builder.add_zones(zone_texts);
  if (mistakes.size() > before) return nullptr;
  return builder.take(std::move(maps));
}

}  // namespace hither::dns
