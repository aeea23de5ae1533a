// SPDX-License-Identifier: Apache-2.0
#include "dns/explain.h"

#include <fmt/format.h>

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

/// What the policy's fences and preferences say about this client, and who is chosen by weight.
std::vector<std::string> rules_for(const topology::PolicyTree& tree, const Site& site,
                                   const topology::Description& description) {
  std::vector<std::string> rules;
  const std::string where =
      site.network ? fmt::format("{} in {}", site.country, to_text(*site.network)) : site.country;
  for (const topology::PolicyNode& node : tree.nodes) {
    if (find_rule(node.fence_rules, site.kind()) >= 0) {
      std::string open;
      const topology::RoomSet allowed = tree.rooms(0, {}) & node.allowed(site.kind());
      for (std::size_t room = 0; room < description.rooms.size(); ++room) {
        if (allowed[room]) open += (open.empty() ? "" : ", ") + description.rooms[room].name;
      }
      rules.push_back(fmt::format("a fence of policy {} lets clients of {} go to {} only",
                                  node.name, where, open));
    }
    if (find_rule(node.prefer_rules, site.kind()) >= 0) {
      rules.push_back(
          fmt::format("policy {} has an order of its own for clients of {}", node.name, where));
    }
    if (node.rule == topology::Rule::weighted) {
      rules.push_back(fmt::format("policy {} chooses by weight for each /24 or /56", node.name));
    }
  }
  return rules;
}

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
    return tree_ ? rules_for(*tree_, site_, description_) : std::vector<std::string>();
  }

  void fill(std::size_t index, ExplainedRoom& room) {
    room.bias = description_.rooms[index].bias;
    if (!ranker_ || !tree_->uses_nearest()) return;
    const RoomCost cost = ranker_->cost(site_, index);
    room.rtt = cost.rtt;
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
    costs.fill(reason.room, explained);
    if (result.network) {
      explained.km = distance_km(result.network->place.location, room.location);
    }
    result.rooms.push_back(std::move(explained));
  }
  if (!view.has_room()) return;
  result.ttl_because = why_ttl(name, view, snapshot, reasons);
  if (!view.tailored) return;
  result.scope = prefix_of(result.question.from.address, by.use.depth(view.depth));
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
