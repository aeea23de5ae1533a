// SPDX-License-Identifier: Apache-2.0
#include "dns/reload.h"

#include <fmt/format.h>

#include <algorithm>

#include "dns/types.h"
#include "topology/warnings.h"

namespace hither::dns {
namespace {

std::string in_words(const std::vector<Endpoint>& endpoints) {
  std::string text;
  for (const Endpoint& endpoint : endpoints) {
    text += (text.empty() ? "" : ", ") + to_text(endpoint);
  }
  return text;
}

bool is_steered(const Directory& directory, const Name& name) {
  const Key key(name.wire());
  const Zone* zone = directory.find_zone(key, Type::a);
  return zone != nullptr && zone->find(key, Type::a).kind == Zone::Kind::steered;
}

/// The name of the service of an HTTPS or SVCB record that holds addresses of it; nullopt: it holds
/// none. Of a record in alias mode, which priority 0 means, parameters count for nothing (RFC 9460
/// s2.4.2).
std::optional<Name> find_hinted(ByteView owner, ByteView rdata) {
  constexpr std::uint16_t ipv4hint = 4;
  constexpr std::uint16_t ipv6hint = 6;
  Reader in(rdata);
  const bool alias = in.u16() == 0;
  const auto service = Name::read(in);
  if (alias || !service) return std::nullopt;
  while (in.ok() && in.left() > 0) {
    const std::uint16_t key = in.u16();
    in.skip(in.u16());
    if (in.ok() && (key == ipv4hint || key == ipv6hint)) {
      return service->is_root() ? Name::from_wire(owner) : *service;
    }
  }
  return std::nullopt;
}

bool has_steered_hint(const Directory& directory, const Zone::OwnedSet& owned) {
  for (std::size_t i = 0; i < owned.set->count; ++i) {
    const auto service = find_hinted(owned.owner, owned.set->data(i));
    if (service && is_steered(directory, *service)) return true;
  }
  return false;
}

/// The sets in question of one zone: how many, and the first in words.
struct Hinted {
  std::string zone;
  std::size_t sets = 0;
  std::string first;

  friend bool operator==(const Hinted&, const Hinted&) = default;
};

std::vector<Hinted> find_all_hinted(const Directory& directory) {
  std::vector<Hinted> all;
  for (const Zone& zone : directory.zones) {
    Hinted hinted{.zone = to_text(zone.origin())};
    for (const Zone::OwnedSet& owned : zone.services()) {
      if (!has_steered_hint(directory, owned) || hinted.sets++ > 0) continue;
      hinted.first = to_text(Name::from_wire(owned.owner)) + " " + to_text(owned.set->type);
    }
    if (hinted.sets > 0) all.push_back(std::move(hinted));
  }
  return all;
}

}  // namespace

std::vector<Error> find_fixed_changes(const Settings& now, const Settings& fresh) {
  std::vector<Error> changes;
  const auto note = [&](std::string_view what, const std::string& from, const std::string& to) {
    if (from == to) return;
    changes.push_back(
        {fmt::format("{}: {} cannot become {} while it runs; restart hither-dns, or "
                     "take the change back",
                     what, from, to)});
  };
  note("dns.listen", in_words(now.listen), in_words(fresh.listen));
  note("the status page", to_text(now.admin), to_text(fresh.admin));
  // Buffers of that size are made with the sockets.
  note("dns.udp_payload", std::to_string(now.description.dns.protocol.udp_payload),
       std::to_string(fresh.description.dns.protocol.udp_payload));
  note("threads", std::to_string(now.threads), std::to_string(fresh.threads));
  return changes;
}

std::vector<LogRecord> describe_warnings(const topology::Description& description,
                                         const topology::Description* before) {
  const auto warnings = topology::find_warnings(description);
  if (before != nullptr &&
      std::ranges::equal(warnings, topology::find_warnings(*before), {},
                         &topology::Mistake::message, &topology::Mistake::message)) {
    return {};
  }
  std::vector<LogRecord> records;
  for (const topology::Mistake& warning : warnings) {
    const auto [line, column] = warning.where;
    records.push_back(
        log_warning("description-warning")
            .with("place", line == 0 ? description.file
                                     : fmt::format("{}:{}:{}", description.file, line, column))
            .with("message", warning.message));
  }
  return records;
}

std::vector<LogRecord> warn_of_hints(const Directory& directory, const Directory* before) {
  const std::vector<Hinted> all = find_all_hinted(directory);
  if (before != nullptr && find_all_hinted(*before) == all) return {};
  std::vector<LogRecord> records;
  records.reserve(all.size());
  for (const Hinted& hinted : all) {
    records.push_back(log_warning("hints-beside-steering")
                          .with("zone", hinted.zone)
                          .with("sets", hinted.sets)
                          .with("first", hinted.first)
                          .with("cure", "take ipv4hint and ipv6hint out"));
  }
  return records;
}

std::optional<std::vector<std::uint16_t>> RoomSlots::assign(const std::vector<std::string>& rooms) {
  std::vector<std::string> known = rooms_;
  std::vector<std::uint16_t> slots;
  for (const std::string& room : rooms) {
    const auto found = std::ranges::find(known, room);
    slots.push_back(static_cast<std::uint16_t>(found - known.begin()));
    if (found == known.end()) known.push_back(room);
  }
  if (known.size() > rooms_max) return std::nullopt;
  rooms_ = std::move(known);
  return slots;
}

}  // namespace hither::dns
