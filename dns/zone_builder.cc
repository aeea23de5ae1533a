// SPDX-License-Identifier: Apache-2.0
//
// Zone::build: records in any order become nodes, and every rule that a zone can break is checked.
// A zone that breaks one is refused as a whole: to serve half of it would be to answer NXDOMAIN for
// the rest.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/hash.h"
#include "dns/zone.h"

namespace hither::dns {
namespace {

/// What the largest message leaves for one set, whatever else is in it: a header, a question for
/// the longest name, an OPT record with its options.
constexpr std::size_t set_size_max = message_size_max - header_size - name_octets_max - 4 - 512;

std::uint64_t digest_of(const Zone::OwnedSet& owned) {
  const auto type = static_cast<std::uint64_t>(owned.set->type);
  std::uint64_t sum = 0;
  Reader in(owned.set->rdata);
  while (in.left() > 0) sum += mix64(hash_bytes(as_text(in.take(in.u16()))));
  return hash_pair(hash_bytes(as_text(owned.owner), type << 32U | owned.set->ttl), sum);
}

}  // namespace

class ZoneBuilder {
 public:
  ZoneBuilder(const Name& origin, const std::string& file, std::vector<Error>& mistakes)
      : file_(file), mistakes_(mistakes) {
    zone_.origin_ = origin.lower();
    zone_.origin_labels_ = Labels(origin.wire()).count;
    node_of(zone_.origin_);
  }

  void add(const Record& record);
  void add_steered(const SteeredAt& steered);
  void check_nodes();
  void check_top();
  void finish();
  Zone take() { return std::move(zone_); }

 private:
  std::uint32_t node_of(const Name& name);
  bool allowed(const Record& record);
  bool below_cut(const Name& name) const;
  std::optional<std::uint32_t> renamed_above(const Name& name) const;
  void check_node(std::size_t number);
  void check_below_rename(std::size_t number);
  void mark_cut(std::size_t number);
  void add_glue(std::size_t number);
  void prepare(std::size_t number);
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
  if (record.type == Type::ns && record.owner.is_wildcard()) {
    report(where, "a wildcard cannot be delegated; name the delegations one by one");
    return false;
  }
  if (record.type == Type::dname && record.owner.is_wildcard()) {
    report(where, "a wildcard cannot have a DNAME; name them one by one");
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
    set = sets.insert(sets.end(), RrSet{.type = record.type, .ttl = record.ttl});
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
  if (const auto above = renamed_above(name)) {
    report(steered.where, fmt::format("{} is below the DNAME of {} in {}; take one of the two out",
                                      text, to_short_text(names_[*above]), file_));
  }
}

bool ZoneBuilder::below_cut(const Name& name) const {
  const Labels labels(name.wire());
  const int below = labels.count - zone_.origin_labels_;
  for (int i = 0; i < below; ++i) {
    const auto node =
        zone_.index_.find(name.wire().subspan(labels.starts[static_cast<std::size_t>(i)]));
    if (node && zone_.nodes_[*node].find(Type::ns) != nullptr) return true;
  }
  return false;
}

/// The closest node strictly above with a DNAME, if any; the top of the zone included.
std::optional<std::uint32_t> ZoneBuilder::renamed_above(const Name& name) const {
  const Labels labels(name.wire());
  const int below = labels.count - zone_.origin_labels_;
  for (int i = 1; i <= below; ++i) {
    const std::size_t start =
        i < labels.count ? labels.starts[static_cast<std::size_t>(i)] : name.wire().size() - 1;
    const auto node = zone_.index_.find(name.wire().subspan(start));
    if (node && zone_.nodes_[*node].find(Type::dname) != nullptr) return node;
  }
  return std::nullopt;
}

void ZoneBuilder::check_below_rename(std::size_t number) {
  if (zone_.nodes_[number].sets.empty()) return;
  const auto above = renamed_above(names_[number]);
  if (!above) return;
  report(at(lines_[number]),
         fmt::format("{} is below the DNAME of {} on line {}, which hides it (RFC 6672 s2.4); take "
                     "one of the two out",
                     to_short_text(names_[number]), to_short_text(names_[*above]),
                     set_lines_[{*above, Type::dname}]));
}

void ZoneBuilder::check_node(std::size_t number) {
  const Zone::Node& node = zone_.nodes_[number];
  const std::string where = at(lines_[number]);
  const std::string name = to_short_text(names_[number]);
  const RrSet* alias = node.find(Type::cname);
  const RrSet* rename = node.find(Type::dname);
  if (alias != nullptr && (node.sets.size() > 1 || alias->count > 1)) {
    report(
        where,
        fmt::format("{} has a CNAME and other data; a CNAME stands alone (RFC 1034 s3.6.2)", name));
  }
  if (rename != nullptr && rename->count > 1) {
    report(where, fmt::format("{} has {} DNAMEs; keep one (RFC 6672 s2.4)", name, rename->count));
  }
  if (number > 0 && rename != nullptr && node.find(Type::ns) != nullptr) {
    report(where, fmt::format("{} has NS and DNAME; a delegation hides the DNAME, take one of the "
                              "two out (RFC 6672 s2.3)",
                              name));
  }
  if (number > 0 && node.find(Type::soa) != nullptr) {
    report(where, fmt::format("SOA at {}, which is not the top of the zone; make it a zone of its "
                              "own",
                              name));
  }
  check_below_rename(number);
}

void ZoneBuilder::check_nodes() {
  for (std::size_t i = 0; i < zone_.nodes_.size(); ++i) check_node(i);
}

/// The highest delegation at or above the node, the top of the zone left out.
void ZoneBuilder::mark_cut(std::size_t number) {
  const Labels labels(names_[number].wire());
  const int below = labels.count - zone_.origin_labels_;
  for (int i = below - 1; i >= 0; --i) {
    const auto start = labels.starts[static_cast<std::size_t>(i)];
    const auto node = zone_.index_.find(names_[number].wire().subspan(start));
    if (!node || zone_.nodes_[*node].find(Type::ns) == nullptr) continue;
    zone_.nodes_[number].cut = *node;
    return;
  }
}

void ZoneBuilder::add_glue(std::size_t number) {
  Zone::Node& node = zone_.nodes_[number];
  const RrSet* servers = node.find(Type::ns);
  for (std::uint16_t record = 0; record < servers->count; ++record) {
    const Name server = Name::from_wire(servers->data(record)).lower();
    if (!is_within(server.wire(), zone_.origin_.wire())) continue;
    for (const Type type : {Type::a, Type::aaaa}) {
      if (const RrSet* set = zone_.find_exact(server.wire(), type)) {
        node.glue.push_back({.record = record, .set = set});
      }
    }
  }
  if (node.glue.size() <= glue_max) return;
  report(at(set_lines_[{static_cast<std::uint32_t>(number), Type::ns}]),
         fmt::format("the servers of {} have {} sets of addresses here, and a referral carries {}; "
                     "name fewer servers",
                     to_short_text(names_[number]), node.glue.size(), glue_max));
}

/// What is left to do for one node when nothing is added any more: sets do not move from here on.
void ZoneBuilder::prepare(std::size_t number) {
  for (RrSet& set : zone_.nodes_[number].sets) {
    set.prepare(names_[number].wire());
    if (set.wire.size() <= set_size_max) continue;
    report(at(set_lines_[{static_cast<std::uint32_t>(number), set.type}]),
           fmt::format("the {} set of {} takes {} octets, more than any message has; make it "
                       "smaller",
                       to_text(set.type), to_short_text(names_[number]), set.wire.size()));
  }
}

void ZoneBuilder::finish() {
  for (std::size_t i = 0; i < zone_.nodes_.size(); ++i) {
    prepare(i);
    mark_cut(i);
  }
  for (std::size_t i = 1; i < zone_.nodes_.size(); ++i) {
    if (zone_.nodes_[i].cut == i) add_glue(i);
  }
  Zone::Place place;
  for (auto owned = zone_.next(place); owned.set != nullptr; owned = zone_.next(place)) {
    zone_.digest_ += digest_of(owned);  // A sum does not know the order.
    const Type type = owned.set->type;
    if (type == Type::https || type == Type::svcb) zone_.services_.push_back(owned);
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
    zone_.negative_soa_.prepare(zone_.origin_.wire());
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
  builder.finish();
  if (mistakes.size() > before) return std::nullopt;
  return builder.take();
}

}  // namespace hither::dns
