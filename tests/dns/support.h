// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ip.h"
#include "dns/protocol.h"
#include "dns/query.h"
#include "dns/responder.h"
#include "dns/snapshot.h"
#include "topology/description.h"

namespace hither::dns::testing {

/// A small language for packets and worlds: `ask("www.example.test").subnet("10.1.0.0/16")`.

/// A query to be put on the wire; every field can be bent to be wrong.
struct Ask {
  std::string name = "www.example.test";
  Type type = Type::a;
  std::uint16_t id = 0x1234;
  std::uint16_t flags = 0x0100;  // RD
  std::uint16_t questions = 1;
  Class class_of = Class::in;
  bool edns = false;
  std::uint16_t payload_size = 1232;
  std::uint8_t version = 0;
  Bytes options;

  Ask& of(Type wanted) {
    type = wanted;
    return *this;
  }
  Ask& with_edns(std::uint16_t size = 1232) {
    edns = true;
    payload_size = size;
    return *this;
  }
  /// A well-formed client subnet option for a network such as "10.1.0.0/16".
  Ask& subnet(std::string_view text);
  /// An option of any content.
  Ask& option(std::uint16_t code, const Bytes& data);
  Bytes packet() const;
};
Ask ask(std::string name, Type type = Type::a);

/// decode(), nullopt for silence.
std::optional<Query> decoded(ByteView packet);

/// The data of a client subnet option, field by field.
Bytes subnet_data(std::uint16_t family, std::uint8_t source, std::uint8_t scope,
                  const std::vector<unsigned>& octets);

/// What ldns makes of an answer. Test failures if it cannot read one.
struct Reply {
  bool silent = false;
  std::uint16_t id = 0;
  int rcode = 0;  ///< with the upper bits of the OPT record
  bool authoritative = false;
  bool truncated = false;
  bool recursion_desired = false;
  std::string question;             ///< "www.example.test. IN A" or empty
  std::vector<std::string> answer;  ///< "www.example.test. 20 IN A 127.10.0.1"
  std::vector<std::string> authority;
  std::vector<std::string> additional;  ///< without OPT
  bool edns = false;
  std::size_t payload_size = 0;  ///< what the OPT record offers
  std::size_t size = 0;
  std::map<std::uint16_t, Bytes> options;

  /// SCOPE of the client subnet option; nullopt where there is none.
  std::optional<int> scope() const;
  std::optional<int> extended_error() const;
  /// The last word of the only answer; what is wrong otherwise.
  std::string only_data() const;
};
Reply parse_reply(ByteView packet);

/// A description by hand: rooms fra, iad, nrt (127.10.0.1, 127.11.0.1, 127.12.0.1 and
/// 2001:db8:10::1 and so on), farm web in all of them, zone example.test, names www (nearest), shop
/// (weighted) and spare (ordered), and networks in 10/8, 127/8 and 2001:db8::/32 near each of them.
topology::Description make_description();

/// A served world: description, zone text and states, changed at will and made into a snapshot.
class World {
 public:
  explicit World(topology::Description description = make_description(),
                 std::string zone_text = "");
  /// The rooms that are down or draining; all others are up.
  std::set<std::string> down;
  std::set<std::string> draining;
  bool complete = true;
  Duration holds_for = std::chrono::seconds(10);
  std::set<std::string> stale;  ///< farms whose states are held
  std::shared_ptr<const Protocol> protocol;
  Shares shares;

  const topology::Description& description() const { return description_; }
  const Geography& geography() const { return *geography_; }
  RoomStates states() const;
  std::shared_ptr<const Snapshot> snapshot() const;
  /// One query through a fresh responder.
  Reply respond(const Ask& query, std::string_view from = "192.0.2.1",
                Transport transport = Transport::udp) const;

 private:
  topology::Description description_;
  std::unique_ptr<const Geography> geography_;
  std::shared_ptr<const Directory> directory_;
};

/// A zone file with all that a zone can have.
std::string example_zone();

}  // namespace hither::dns::testing
