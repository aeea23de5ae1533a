// SPDX-License-Identifier: Apache-2.0
//
// Any stream of octets to a DNS connection, zone transfers among them: however it is cut into
// pieces and however slowly the answers are taken, they are the same, and what waits is bounded.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/assert.h"
#include "dns/client_map.h"
#include "dns/protocol.h"
#include "dns/tcp_session.h"

namespace hither::dns {
namespace {

Responder make_responder() {
  topology::Description description;
  description.file = "fuzz.toml";
  description.dns.listen = {*parse_endpoint("127.0.0.1:5300")};
  description.zones = {
      {.name = "example.test", .file = "fuzz.zone", .transfer_to = {*parse_prefix("10.1.2.3/32")}}};
  topology::Room room{.name = "fra", .location = {50, 8}};
  room.address = {Address::v4(0x7f0a0001U)};
  description.rooms = {room};
  const Geography geography({}, {});
  std::vector<Error> mistakes;
  std::string zone = "$TTL 300\n@ IN SOA ns1 host 1 3600 600 604800 60\n@ IN NS ns1\n";
  zone += "ns1 IN A 192.0.2.53\n";
  for (int i = 0; i < 200; ++i) zone += "many IN A 10.9.0." + std::to_string(i) + "\n";
  for (int i = 0; i < 24; ++i) {  // two messages of a transfer
    zone += "t" + std::to_string(i) + " IN TYPE65280 \\# 1000 " + std::string(2000, 'a') + "\n";
  }
  const std::vector<std::string> texts = {zone};
  auto directory = build_directory(description, texts,
                                   ClientMaps::build(geography, description, mistakes), mistakes);
  ASSERT(directory != nullptr);
  auto protocol =
      make_protocol({.tell_nsid = true}, {.node = "fuzz", .secrets = {SipKey{std::byte{1}}}});
  return Responder(std::make_shared<const Snapshot>(
      Snapshot{std::move(directory), RoomStates(1, 0), std::move(protocol)}));
}

/// All messages that a client gets which sends `stream` in pieces, and takes what waits only now
/// and then. Sorted: those of a transfer may have others between them.
std::vector<Bytes> talk(ByteView stream, std::size_t piece, std::size_t pieces_per_taking) {
  static Responder responder = make_responder();
  static std::vector<std::byte> scratch(message_size_max);
  TcpSession session(responder, scratch, {.address = Address::v4(0x0a010203U)},
                     std::chrono::seconds(10));
  Bytes all;
  Bytes out;
  const auto take = [&] {
    ASSERT(out.size() <= TcpSession::answers_bytes_max + message_size_max + 2);
    append(all, out);
    out.clear();
    if (session.has_more()) session.on_drained(Instant{}, out);
  };
  for (std::size_t at = 0, count = 0; at < stream.size() && !session.finished(); ++count) {
    if (!session.wants_input() || count % pieces_per_taking == 0) take();
    if (!session.wants_input()) continue;
    const std::size_t size = std::min(piece, stream.size() - at);
    session.on_bytes(stream.subspan(at, size), Instant{}, out);
    at += size;
  }
  if (!session.finished()) session.on_end();
  while (!out.empty() || session.has_more()) take();
  ASSERT(session.finished());
  std::vector<Bytes> messages;
  for (Reader in(all); in.left() > 0;) {
    const ByteView message = in.take(in.u16());
    ASSERT(in.ok());
    messages.emplace_back(message.begin(), message.end());
  }
  std::ranges::sort(messages);
  return messages;
}

}  // namespace
}  // namespace hither::dns

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t piece = data[0] % 64U + 1;
  const hither::ByteView stream(reinterpret_cast<const std::byte*>(data) + 1, size - 1);
  const auto whole = hither::dns::talk(stream, 16 * 1024, 1);
  ASSERT(hither::dns::talk(stream, piece, 3) == whole);
  return 0;
}
