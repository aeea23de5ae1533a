// SPDX-License-Identifier: Apache-2.0
//
// Zone::build: records in any order become nodes, and every rule that a zone can break is checked.
// A zone that breaks one is refused as a whole: to serve half of it would be to answer NXDOMAIN for
// the rest.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "dns/zone.h"

namespace hither::dns {

class ZoneBuilder {
 public:
  ZoneBuilder(const Name& origin, const std::string& file, std::vector<Error>& mistakes)
      : file_(file), mistakes_(mistakes) {
    zone_.origin_ = origin.lower();
    zone_.origin_labels_ = static_cast<std::size_t>(Labels(origin.wire()).count);
    node_of(zone_.origin_);
  }

  void add(const Record& record);
  void add_steered(const SteeredAt& steered);
  void check_nodes();
  void check_top();
  Zone take() { return std::move(zone_); }

 private:
  std::uint32_t node_of(const Name& name);
  bool allowed(const Record& record);
  bool below_cut(const Name& name) const;
  void report(const std::string& where, const std::string& message) {
    mistakes_.push_back({where + ": " + message});
  }
  std::string at(int line) const { return line > 0 ? fmt::format("{}:{}", file_, line) : file_; }

  const std::string& file_;
  std::vector<Error>& mistakes_;
  Zone zone_;
  std::vector<Name> names_;                                  // of each node
  std::vector<int> lines_;                                   // where each node was first seen
  std::map<std::pair<std::uint32_t, Type>, int> set_lines_;  // where each set was first seen
};

/// The node of a name, made with all of its ancestors up to the top of the zone (empty
/// non-terminals).
std::uint32_t ZoneBuilder::node_of(const Name& name) {
  const ByteView wire = name.wire();
  if (const auto known = zone_.index_.find(wire)) return *known;
  const auto number = static_cast<std::uint32_t>(zone_.nodes_.size());
  zone_.index_.add(wire, number);
  zone_.nodes_.emplace_back();
  names_.push_back(name);
  lines_.push_back(0);
  if (number == 0) return number;
  const Labels labels(wire);
  const Name parent =
      Name::from_wire(wire.subspan(labels.count > 1 ? labels.starts[1] : wire.size() - 1));
  const std::uint32_t parent_node = node_of(parent);
  if (name.is_wildcard()) zone_.nodes_[parent_node].wildcard = number;
  return number;
}

bool ZoneBuilder::allowed(const Record& record) {
  const std::string where = at(record.line);
  const std::string owner = to_short_text(record.owner);
  if (!is_within(record.owner.wire(), zone_.origin_.wire())) {
    report(where, fmt::format("{} is outside of zone {}; move it to its own zone", owner,
                              to_short_text(zone_.origin_)));
    return false;
  }
  if (record.type == Type::dname) {
    report(where, "DNAME is not served yet; write the names below it one by one");
    return false;
  }
  if (record.type == Type::ns && record.owner.is_wildcard()) {
    report(where, "a wildcard cannot be delegated; name the delegations one by one");
    return false;
  }
  const auto number = static_cast<unsigned>(record.type);
  if (number == 0 || record.type == Type::opt || (number >= 128 && number <= 255)) {
    report(where, fmt::format("{} is not a type of data; take it out", to_text(record.type)));
    return false;
  }
  return true;
}

void ZoneBuilder::add(const Record& record) {
  if (!allowed(record)) return;
  const std::uint32_t number = node_of(record.owner.lower());
  if (lines_[number] == 0) lines_[number] = record.line;
  std::vector<RrSet>& sets = zone_.nodes_[number].sets;
  auto set = std::ranges::find(sets, record.type, &RrSet::type);
  if (set == sets.end()) {
    sets.push_back({.type = record.type, .ttl = record.ttl, .rdata = {}});
    set = sets.end() - 1;
    set_lines_[{number, record.type}] = record.line;
  } else if (set->ttl != record.ttl) {
    report(
        at(record.line),
        fmt::format("TTL {} differs from the {} of the same {} set on line {}; give them one TTL",
                    record.ttl, set->ttl, to_text(record.type), set_lines_[{number, record.type}]));
    return;
  }
  Reader known(set->rdata);
  while (known.left() > 0) {
    if (std::ranges::equal(known.take(known.u16()), record.rdata)) return;  // RFC 2181 s5
  }
  set->add(record.rdata);
}

void ZoneBuilder::add_steered(const SteeredAt& steered) {
  const Name name = steered.name.lower();
  const std::uint32_t number = node_of(name);
  Zone::Node& node = zone_.nodes_[number];
  node.steered = steered.index;
  const std::string text = to_short_text(name);
  for (const RrSet& set : node.sets) {
    const bool clashes = set.type == Type::a || set.type == Type::aaaa || set.type == Type::cname;
    if (number == 0 && !clashes) continue;
    report(steered.where,
           fmt::format("{} is steered, and {} has {} data for it; take one of the two out", text,
                       at(set_lines_[{number, set.type}]), to_text(set.type)));
    return;
  }
  if (below_cut(name)) {
    report(steered.where, fmt::format("{} is below a delegation in {}; steer it in the zone it is "
                                      "delegated to, or take the delegation out",
                                      text, file_));
  }
}

bool ZoneBuilder::below_cut(const Name& name) const {
  const Labels labels(name.wire());
  const int below = labels.count - static_cast<int>(zone_.origin_labels_);
  for (int i = 0; i < below; ++i) {
    const auto node =
        zone_.index_.find(name.wire().subspan(labels.starts[static_cast<std::size_t>(i)]));
    if (node && zone_.nodes_[*node].find(Type::ns) != nullptr) return true;
  }
  return false;
}

void ZoneBuilder::check_nodes() {
  for (std::size_t i = 0; i < zone_.nodes_.size(); ++i) {
    Zone::Node& node = zone_.nodes_[i];
    node.cut = i > 0 && node.find(Type::ns) != nullptr;
    const RrSet* alias = node.find(Type::cname);
    if (alias != nullptr && (node.sets.size() > 1 || alias->count > 1)) {
      report(at(lines_[i]),
             fmt::format("{} has a CNAME and other data; a CNAME stands alone (RFC 1034 s3.6.2)",
                         to_short_text(names_[i])));
    }
    if (i > 0 && node.find(Type::soa) != nullptr) {
      report(at(lines_[i]), fmt::format("SOA at {}, which is not the top of the zone; make it a "
                                        "zone of its own",
                                        to_short_text(names_[i])));
    }
  }
}

void ZoneBuilder::check_top() {
  const std::string name = to_short_text(zone_.origin_);
  const Zone::Node& top = zone_.nodes_[0];
  const RrSet* soa = top.find(Type::soa);
  if (soa == nullptr) {
    report(file_, fmt::format("zone {} has no SOA record; add one at its top", name));
  } else if (soa->count != 1) {
    report(file_, fmt::format("zone {} has {} SOA records; keep one", name, soa->count));
  } else {
    zone_.negative_soa_ = *soa;
    zone_.negative_soa_.ttl = std::min(soa->ttl, soa_minimum(soa->first()));
  }
  if (top.find(Type::ns) == nullptr) {
    report(file_, fmt::format("zone {} has no NS record; add at least one at its top", name));
  }
}

std::optional<Zone> Zone::build(const Name& origin, const std::string& file,
                                std::span<const Record> records, std::span<const SteeredAt> steered,
                                std::vector<Error>& mistakes) {
  const std::size_t before = mistakes.size();
  ZoneBuilder builder(origin, file, mistakes);
  for (const Record& record : records) builder.add(record);
  builder.check_nodes();
  builder.check_top();
  for (const SteeredAt& one : steered) builder.add_steered(one);
  if (mistakes.size() > before) return std::nullopt;
  return builder.take();
}

}  // namespace hither::dns
