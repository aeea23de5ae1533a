// SPDX-License-Identifier: Apache-2.0
#include "dns/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "dns/answer.h"
#include "dns/private_blocks.h"
#include "dns/protocol.h"
#include "dns/ranker.h"
#include "dns/sites.h"

namespace hither::dns {
namespace {

using Json = nlohmann::ordered_json;

/// Whose address decides, and for whom.
struct Decider {
  SubnetUse use;
  Client client;
};

/// The query that a resolver would send for this client.
Query to_query(const Question& question) {
  ClientSubnet subnet;
  const bool ipv4 = question.from.is_v4();
  subnet.family = ipv4 ? ClientSubnet::Family::ipv4 : ClientSubnet::Family::ipv6;
  subnet.source_length = static_cast<std::uint8_t>(question.from.family_length());
  const auto octets = std::as_bytes(question.from.address.wire());
  for (std::size_t i = 0; i < octets.size(); ++i) subnet.address[i] = octets[i];
  Query query;
  query.name = question.name;
  query.type = question.type;
  query.has_question = true;
  query.edns = Edns{.subnet = subnet};
  return query;
}

std::vector<std::string> addresses_of(const Answer& answer) {
  std::vector<std::string> texts;
  for (const Item& item : answer.answer.all()) {
    if (item.set == nullptr) continue;
    Reader in(item.set->rdata);
    while (in.left() > 0) {
      const ByteView rdata = in.take(in.u16());
      if (item.set->type == Type::a) texts.push_back(to_text(Address::v4(rdata.first<4>())));
      if (item.set->type == Type::aaaa) texts.push_back(to_text(Address::v6(rdata.first<16>())));
    }
  }
  return texts;
}

std::string why_ttl(const SteeredName& name, const View& view, const Snapshot& snapshot,
                    const std::vector<Reason>& reasons) {
  const std::string bound = fmt::format("the name's ttl is {}", hither::to_text(name.ttl));
  for (const Reason& reason : reasons) {
    if (reason.ends_soon) {
      return fmt::format("{} is being drained, so answers that name it are short; {}",
                         snapshot.directory->rooms[reason.room].name, bound);
    }
    if (!reason.sets_ttl) continue;
    const std::string change = fmt::format(
        "the state of {} can change within {}", snapshot.directory->rooms[reason.room].name,
        hither::to_text(snapshot.rooms.at(reason.room, name.farm).holds_for));
    const bool raised = view.ttl > snapshot.rooms.at(reason.room, name.farm).holds_for;
    return fmt::format("{}; {}{}", change, bound, raised ? "; never less than 1s" : "");
  }
  return fmt::format("{}; no state that matters can change sooner", bound);
}

std::string percent(std::uint64_t share) {
  const double part = static_cast<double>(share) / static_cast<double>(RoomShare::all);
  return fmt::format("{:.0f} %", part * 100);
}

/// More about a verdict than its word says.
std::string note_of(const Reason& reason, const FarmState& state, const RoomShare& share) {
  const Verdict verdict = reason.verdict;
  if (verdict == Verdict::thin) {
    return fmt::format("{} of {} copies are usable", state.usable, state.copies);
  }
  if (verdict == Verdict::full) {
    return fmt::format("sheds {} of its clients, this block too", percent(share.shed));
  }
  if (verdict == Verdict::closed) {
    return fmt::format("takes {} of what others shed", percent(share.open));
  }
  if (verdict == Verdict::chosen && share.shed > 0) {
    return fmt::format("sheds {} of its clients, {}", percent(share.shed),
                       reason.stays ? "but no other room takes this block" : "not this block");
  }
  if (state.state == RoomState::draining && share.drained < RoomShare::all) {
    return fmt::format("drains: {} of its clients have left{}", percent(share.drained),
                       verdict == Verdict::draining ? ", this block too" : "");
  }
  return {};
}

/// What the fences and preferences of a policy say about one client, and who is chosen by weight.
class Rules {
 public:
  Rules(const topology::PolicyTree& tree, const Site& site,
        const topology::Description& description)
      : tree_(tree), kind_(site.kind()), description_(description), open_(tree.nodes.size()) {
    open(0, topology::RoomSet().set());
  }

  /// A line for each that is in force.
  std::vector<std::string> lines() const {
    std::vector<std::string> lines;
    for (std::size_t i = 0; i < tree_.nodes.size(); ++i) {
      const topology::PolicyNode& node = tree_.nodes[i];
      if (const auto* fence = rule_for(node.fence_rules, kind_)) {
        lines.push_back(fence_line(i, *fence));
      }
      const auto* prefer = rule_for(node.prefer_rules, kind_);
      if (prefer != nullptr && leads_somewhere(i, node.prefers[prefer->entry])) {
        lines.push_back(fmt::format("policy {} has an order of its own for clients of {}",
                                    node.name, topology::to_text(prefer->origin)));
      }
      if (node.rule == topology::Rule::weighted) {
        lines.push_back(fmt::format("policy {} chooses by weight for each /24 or /56", node.name));
      }
    }
    return lines;
  }

  /// Is there no rule that makes this client's order other than by distance?
  bool by_distance_alone() const {
    return std::ranges::all_of(tree_.nodes, [&](const topology::PolicyNode& node) {
      return node.rule == topology::Rule::nearest && rule_for(node.fence_rules, kind_) == nullptr &&
             rule_for(node.prefer_rules, kind_) == nullptr;
    });
  }

 private:
  /// Which rooms the fences on the way from the top leave to a node.
  void open(std::size_t index, topology::RoomSet allowed) {
    const topology::PolicyNode& node = tree_.nodes[index];
    allowed &= node.allowed(kind_);
    open_[index] |= allowed;
    for (const topology::PolicyNode::Member& member : node.members) {
      if (!member.room) open(member.index, allowed);
    }
  }

  std::string fence_line(std::size_t index, const topology::OriginRule& rule) const {
    const topology::PolicyNode& node = tree_.nodes[index];
    const topology::RoomSet allowed = tree_.rooms(index, {}) & node.allowed(kind_);
    std::string names;
    for (std::size_t room = 0; room < description_.rooms.size(); ++room) {
      if (allowed[room]) names += (names.empty() ? "" : ", ") + description_.rooms[room].name;
    }
    return fmt::format("a fence of policy {} lets clients of {} go to {}", node.name,
                       topology::to_text(rule.origin),
                       names.empty() ? "none of its rooms" : names + " only");
  }

  bool leads_somewhere(std::size_t index, const std::vector<std::uint16_t>& members) const {
    return std::ranges::any_of(members, [&](std::uint16_t number) {
      const topology::PolicyNode::Member& member = tree_.nodes[index].members[number];
      if (member.room) return open_[index].test(member.index);
      return (open_[index] & tree_.rooms(member.index, kind_)).any();
    });
  }

  const topology::PolicyTree& tree_;
  const topology::ClientKind kind_;  // of the site
  const topology::Description& description_;
  std::vector<topology::RoomSet> open_;  // by node
};

/// Where the client is, and what each room costs from there.
class Costs {
 public:
  Costs(const topology::Description& description, const Geography& geography,
        const SteeredName& name, const Address& client)
      : description_(description), tree_(resolve_policy(description, name.policy)) {
    if (!tree_) return;
    ranker_.emplace(*tree_, description);
    site_ = Sites(geography, ranker_->networks()).find(client);
  }

  std::vector<std::string> rules() const {
    return tree_ ? Rules(*tree_, site_, description_).lines() : std::vector<std::string>();
  }

  /// Do distances alone decide, and nobody knows them?
  bool file_order() {
    if (!tree_ || site_.point || !Rules(*tree_, site_, description_).by_distance_alone()) {
      return false;
    }
    const topology::RoomSet rooms = tree_->rooms(0, {});
    for (std::size_t room = 0; room < description_.rooms.size(); ++room) {
      if (rooms[room] && ranker_->cost(site_, room).rtt) return false;
    }
    return true;
  }

  void fill(std::size_t index, const std::optional<Geography::Found>& network,
            ExplainedRoom& room) {
    const topology::Room& described = description_.rooms[index];
    room.bias = described.bias;
    if (network && described.has_location) {
      room.km = distance_km(network->place.location, described.location);
    }
    if (!ranker_ || !tree_->uses_nearest()) return;
    const RoomCost cost = ranker_->cost(site_, index);
    room.rtt = cost.rtt;
    if (!described.has_location && !cost.rtt) return;  // no distance decides about it
    if (cost.metres < RoomCost::unknown) room.cost_km = static_cast<double>(cost.metres) / 1000;
  }

 private:
  const topology::Description& description_;
  std::optional<topology::PolicyTree> tree_;
  std::optional<Ranker> ranker_;
  Site site_;
};

/// Who decides in the client's place, if its address may not.
std::string why_not_client(const Question& question, const SubnetUse& use, const Address& asker) {
  return fmt::format(
      "client subnets of {} are private and not looked at (dns.private_subnets): {} {} decides",
      to_text(prefix_of(question.from.address, use.fixed)),
      question.resolver ? "the resolver's address" : "no resolver is named, so the client's own",
      to_text(asker));
}

void explain_steering(const Snapshot& snapshot, const Geography& geography, const SteeredName& name,
                      const Decider& by, Explanation& result) {
  const Directory& directory = *snapshot.directory;
  std::vector<Reason> reasons;
  const Client& client = by.client;
  const View view = make_view(snapshot, name, result.question.type, client, &reasons);
  result.steered = true;
  result.farm = directory.farms[name.farm];
  result.policy = name.policy;
  result.fail_open = view.fail_open;
  Costs costs(directory.description, geography, name, client.address);
  result.rules = costs.rules();
  result.file_order = costs.file_order();
  if (by.use.fixed > 0) {
    result.rules.insert(result.rules.begin(),
                        why_not_client(result.question, by.use, client.address));
  }
  for (const Reason& reason : reasons) {
    const AnsweringRoom& room = directory.rooms[reason.room];
    ExplainedRoom explained{.name = room.name,
                            .title = room.title,
                            .km = std::nullopt,
                            .rtt = std::nullopt,
                            .cost_km = std::nullopt,
                            .verdict = reason.verdict,
                            .note = {},
                            .state = snapshot.rooms.at(reason.room, name.farm)};
    explained.note = note_of(reason, explained.state, snapshot.shares.at(reason.room, name.farm));
    costs.fill(reason.room, result.network, explained);
    result.rooms.push_back(std::move(explained));
  }
  if (view.has_room()) result.ttl_because = why_ttl(name, view, snapshot, reasons);
}

/// The scope that the server says, if that is not 0: everybody.
std::optional<Prefix> scope_of(const Answer& answer, const Prefix& from) {
  if (answer.edns.scope == 0) return std::nullopt;
  return prefix_of(from.address, answer.edns.scope + (from.is_v4() ? 96 : 0));
}

double to_ms(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

Json to_json_object(const ExplainedRoom& room, Instant now) {
  const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(now - room.state.since);
  return {{"room", room.name},
          {"title", room.title},
          {"km", room.km ? Json(std::llround(*room.km)) : Json(nullptr)},
          {"rtt_ms", room.rtt ? Json(to_ms(*room.rtt)) : Json(nullptr)},
          {"bias", room.bias},
          {"cost_km", room.cost_km ? Json(std::llround(*room.cost_km)) : Json(nullptr)},
          {"verdict", to_text(room.verdict)},
          {"note", room.note},
          {"state", to_text(room.state.state)},
          {"since_s", static_cast<double>(age.count()) / 1000},
          {"reason", room.state.reason},
          {"copies", room.state.copies},
          {"usable", room.state.usable},
          {"capacity", room.state.capacity},
          {"load", room.state.load}};
}

Json to_json_object(const std::optional<Geography::Found>& network) {
  if (!network) return nullptr;
  const topology::Location& location = network->place.location;
  return {{"block", to_text(network->block)},
          {"country", network->place.country},
          {"title", network->place.title},
          {"location", {location.latitude, location.longitude}},
          {"source", network->source}};
}

}  // namespace

Result<Question> parse_question(const QuestionText& text) {
  Question question;
  const auto parsed = Name::parse(text.name);
  if (!parsed) return tl::unexpected(parsed.error());
  question.name = *parsed;
  if (equal_ignoring_case(text.type, "AAAA")) {
    question.type = Type::aaaa;
  } else if (!text.type.empty() && !equal_ignoring_case(text.type, "A")) {
    return fail(fmt::format("'{}' is not a type that is steered; write A or AAAA", text.type));
  }
  const bool network = text.from.find('/') != std::string_view::npos;
  const auto address = network ? Result<Address>(Address()) : parse_address(text.from);
  if (!address) return tl::unexpected(address.error());
  const auto prefix = network ? parse_prefix(text.from) : Result<Prefix>(prefix_of(*address, 128));
  if (!prefix) return tl::unexpected(prefix.error());
  question.from = *prefix;
  if (text.resolver.empty()) return question;
  const auto resolver = parse_address(text.resolver);
  if (!resolver) return tl::unexpected(resolver.error());
  question.resolver = *resolver;
  return question;
}

Explanation explain(const Snapshot& snapshot, const Geography& geography,
                    const Question& question) {
  const Query query = to_query(question);
  const Address asker = question.resolver.value_or(question.from.address);
  const Answer answer = make_answer(query, snapshot, asker);
  const Protocol* protocol = snapshot.protocol.get();
  const SubnetUse use(&*query.edns->subnet, protocol != nullptr && protocol->private_by_resolver);
  const Decider by{.use = use, .client = client_of(use.subnet, asker)};
  Explanation result;
  result.question = question;
  result.rcode = answer.rcode;
  result.addresses = addresses_of(answer);
  result.network = geography.find(by.client.address);
  if (!answer.answer.empty()) result.ttl = answer.answer.all()[0].ttl;
  result.scope = scope_of(answer, question.from);
  if (const SteeredName* name = snapshot.directory->find_name(question.name)) {
    explain_steering(snapshot, geography, *name, by, result);
  }
  return result;
}

std::string to_json(const Explanation& explanation, Instant now) {
  Json rooms = Json::array();
  for (const ExplainedRoom& room : explanation.rooms) rooms.push_back(to_json_object(room, now));
  const std::optional<Address>& resolver = explanation.question.resolver;
  const Json json = {
      {"name", to_short_text(explanation.question.name)},
      {"type", to_text(explanation.question.type)},
      {"from", to_text(explanation.question.from)},
      {"resolver", resolver ? Json(to_text(*resolver)) : Json(nullptr)},
      {"rcode", to_text(explanation.rcode)},
      {"addresses", explanation.addresses},
      {"network", to_json_object(explanation.network)},
      {"file_order", explanation.file_order},
      {"steered", explanation.steered},
      {"farm", explanation.farm},
      {"policy", explanation.steered ? Json(explanation.policy) : Json(nullptr)},
      {"rules", explanation.rules},
      {"rooms", rooms},
      {"fail_open", explanation.fail_open},
      {"ttl", explanation.ttl},
      {"ttl_because", explanation.ttl_because},
      {"scope", explanation.scope ? Json(to_text(*explanation.scope)) : Json(nullptr)}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace hither::dns
