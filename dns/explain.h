// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dns/geography.h"
#include "dns/snapshot.h"
#include "dns/view.h"

namespace hither::dns {

/// What to explain: which answer this client would get. `from` is a network as a client subnet
/// option would bring it, or one address. Where private client subnets are left to the resolver
/// (dns.private_subnets), the answer is for `resolver`; the client asks itself if that is not said.
struct Question {
  Name name;
  Type type = Type::a;
  Prefix from;
  std::optional<Address> resolver = {};
};

/// What a person asks, as text.
struct QuestionText {
  std::string_view name;
  std::string_view from;      ///< an address or a network
  std::string_view type;      ///< "A", "AAAA" or nothing (then A)
  std::string_view resolver;  ///< an address, or nothing
};
[[nodiscard]] Result<Question> parse_question(const QuestionText& text);

/// One room in the order in which this client should try them.
struct ExplainedRoom {
  std::string name;
  std::string title;
  std::optional<double> km;     ///< from the client's place; none if nobody knows one of both
  std::optional<Duration> rtt;  ///< measured from there; counts instead of km
  int bias = 0;
  std::optional<double> cost_km;  ///< what policy nearest compares: km or rtt, after the bias
  Verdict verdict = Verdict::behind;
  std::string note;  ///< more about the verdict: "sheds 30 % of its clients, this block too"
  FarmState state;
};

/// Why a client gets the answer it gets, made by the code that answers (make_answer, make_view).
struct Explanation {
  Question question;
  Rcode rcode = Rcode::noerror;
  std::vector<std::string> addresses;  ///< the answer; other records than A and AAAA are left out
  std::optional<Geography::Found> network;  ///< where who decides is, and who says so
  /// Nothing but distances decides, and nobody knows them: rooms are tried as the file lists them.
  bool file_order = false;
  bool steered = false;  ///< false: zone data, the same for everybody; the rest is empty
  std::string farm;
  std::string policy;
  /// For this client: whose address decides, fences, preferences and choices by weight.
  std::vector<std::string> rules;
  std::vector<ExplainedRoom> rooms;  ///< in the policy's order; behind them those behind a fence
  bool fail_open = false;            ///< no room is up, one is named all the same
  std::uint32_t ttl = 0;
  std::string ttl_because;
  std::optional<Prefix> scope;  ///< everybody in it gets this answer; none: everybody at all
};

/// Pure. Allocates: for people, not for packets.
Explanation explain(const Snapshot& snapshot, const Geography& geography, const Question& question);

/// {"name":"www.example.test","type":"A","from":"133.11.0.0/16","resolver":null,"rcode":"NOERROR",
///  "addresses":["127.12.0.1"],
///  "network":{"block":"133.11.0.0/16","country":"JP","title":"","location":[36.2,138.3],
///             "source":"builtin (2026-06-17)"},                     null where nobody knows
///  "file_order":false,
///  "steered":true,"farm":"web","policy":"nearest","rules":[],
///  "rooms":[{"room":"nrt","title":"Tokyo","km":180,"rtt_ms":null,"bias":0,"cost_km":180,
///            "verdict":"chosen","note":"","state":"up","since_s":12.5,
///            "reason":"","copies":2,"usable":2,"capacity":200,"load":0}, ...],
///  "fail_open":false,"ttl":1,"ttl_because":"...","scope":"133.0.0.0/8"}   scope null: everybody
std::string to_json(const Explanation& explanation, Instant now);

}  // namespace hither::dns
