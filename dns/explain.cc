// SPDX-License-Identifier: Apache-2.0
#include "dns/explain.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "dns/answer.h"

namespace hither::dns {
namespace {

using Json = nlohmann::ordered_json;

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
    if (!reason.sets_ttl) continue;
    const std::string change = fmt::format(
        "the state of {} can change within {}", snapshot.directory->rooms[reason.room].name,
        hither::to_text(snapshot.rooms.at(reason.room, name.farm).holds_for));
    const bool raised = view.ttl > snapshot.rooms.at(reason.room, name.farm).holds_for;
    return fmt::format("{}; {}{}", change, bound, raised ? "; never less than 1s" : "");
  }
  return fmt::format("{}; no state that matters can change sooner", bound);
}

void explain_steering(const Snapshot& snapshot, const SteeredName& name, Explanation& result) {
  const Directory& directory = *snapshot.directory;
  std::vector<Reason> reasons;
  const Client client{.address = result.question.from.address,
                      .ipv4 = result.question.from.is_v4()};
  const View view = make_view(snapshot, name, result.question.type, client, &reasons);
  result.steered = true;
  result.farm = directory.farms[name.farm];
  result.policy = name.policy;
  result.fail_open = view.fail_open;
  for (const Reason& reason : reasons) {
    const AnsweringRoom& room = directory.rooms[reason.room];
    ExplainedRoom explained{.name = room.name,
                            .title = room.title,
                            .km = std::nullopt,
                            .verdict = reason.verdict,
                            .state = snapshot.rooms.at(reason.room, name.farm)};
    if (result.network) {
      explained.km = distance_km(result.network->place.location, room.location);
    }
    result.rooms.push_back(std::move(explained));
  }
  if (!view.has_room) return;
  result.ttl_because = why_ttl(name, view, snapshot, reasons);
  if (view.tailored) result.scope = prefix_of(client.address, view.depth);
}

Json to_json_object(const ExplainedRoom& room, Instant now) {
  const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(now - room.state.since);
  return {{"room", room.name},
          {"title", room.title},
          {"km", room.km ? Json(std::llround(*room.km)) : Json(nullptr)},
          {"verdict", to_text(room.verdict)},
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

Result<Question> parse_question(std::string_view name, std::string_view from,
                                std::string_view type) {
  Question question;
  const auto parsed = Name::parse(name);
  if (!parsed) return tl::unexpected(parsed.error());
  question.name = *parsed;
  if (equal_ignoring_case(type, "AAAA")) {
    question.type = Type::aaaa;
  } else if (!type.empty() && !equal_ignoring_case(type, "A")) {
    return fail(fmt::format("'{}' is not a type that is steered; write A or AAAA", type));
  }
  const bool network = from.find('/') != std::string_view::npos;
  const auto address = network ? Result<Address>(Address()) : parse_address(from);
  if (!address) return tl::unexpected(address.error());
  const auto prefix = network ? parse_prefix(from) : Result<Prefix>(prefix_of(*address, 128));
  if (!prefix) return tl::unexpected(prefix.error());
  question.from = *prefix;
  return question;
}

Explanation explain(const Snapshot& snapshot, const Geography& geography,
                    const Question& question) {
  const Query query = to_query(question);
  const Answer answer = make_answer(query, snapshot, question.from.address);
  Explanation result;
  result.question = question;
  result.rcode = answer.rcode;
  result.addresses = addresses_of(answer);
  result.network = geography.find(question.from.address);
  if (!answer.answer.empty()) result.ttl = answer.answer.all()[0].ttl;
  if (const SteeredName* name = snapshot.directory->find_name(question.name)) {
    explain_steering(snapshot, *name, result);
  }
  return result;
}

std::string to_json(const Explanation& explanation, Instant now) {
  Json rooms = Json::array();
  for (const ExplainedRoom& room : explanation.rooms) rooms.push_back(to_json_object(room, now));
  const Json json = {
      {"name", to_short_text(explanation.question.name)},
      {"type", to_text(explanation.question.type)},
      {"from", to_text(explanation.question.from)},
      {"rcode", to_text(explanation.rcode)},
      {"addresses", explanation.addresses},
      {"network", to_json_object(explanation.network)},
      {"steered", explanation.steered},
      {"farm", explanation.farm},
      {"policy", explanation.steered ? Json(to_text(explanation.policy)) : Json(nullptr)},
      {"rooms", rooms},
      {"fail_open", explanation.fail_open},
      {"ttl", explanation.ttl},
      {"ttl_because", explanation.ttl_because},
      {"scope", explanation.scope ? Json(to_text(*explanation.scope)) : Json(nullptr)}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace hither::dns
