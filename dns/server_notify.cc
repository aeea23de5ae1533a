// SPDX-License-Identifier: Apache-2.0
#include "dns/server_notify.h"

#include <algorithm>

#include "io/clock.h"
#include "io/log_sink.h"

namespace hither::dns {
namespace {

constexpr std::size_t packet_bytes_max = 1024;
constexpr int packets_per_turn = 64;

/// Port 0 of an address that the server has, of the family wanted; any address where it has none.
Endpoint source_for(const Address& to, const std::vector<Endpoint>& listen) {
  const auto own = std::ranges::find_if(
      listen, [&](const Endpoint& endpoint) { return endpoint.address.is_v4() == to.is_v4(); });
  if (own != listen.end()) return {own->address, 0};
  return {to.is_v4() ? Address::v4(0) : Address(), 0};
}

}  // namespace

NotifySender::NotifySender(io::Loop& loop)
    : loop_(loop), notifier_(io::random_seed()), timer_(loop, [this] { on_time(); }) {}

void NotifySender::set_zones(const Directory& directory, std::span<const Endpoint> listen) {
  listen_.assign(listen.begin(), listen.end());
  notifier_.set_zones(directory, io::monotonic_now());
  on_time();
}

NotifySender::Socket* NotifySender::socket_for(const Address& to) {
  Socket& socket = sockets_[to.is_v4() ? 0 : 1];
  if (socket.fd) return &socket;
  auto fd = io::bind_udp(source_for(to, listen_), false);
  if (!fd) {
    io::write_log(log_error("notify-no-socket").with("reason", fd.error().message));
    return nullptr;
  }
  socket.fd = std::move(*fd);
  socket.watch = std::make_unique<io::FdWatch>(loop_, socket.fd.get(),
                                               [this, &socket] { on_readable(socket); });
  socket.watch->want_read(true);
  return &socket;
}

/// What the kernel does not take is lost, as packets are, and sent again.
void NotifySender::on_time() {
  for (const Notifier::Packet& packet : notifier_.step(io::monotonic_now())) {
    Socket* socket = socket_for(packet.to.address);
    if (socket != nullptr) io::send_to(socket->fd.get(), packet.to, packet.bytes);
  }
  write_records();
  timer_.set(notifier_.deadline());
}

void NotifySender::on_readable(Socket& socket) {
  std::array<std::byte, packet_bytes_max> buffer;
  for (int i = 0; i < packets_per_turn; ++i) {
    Endpoint from;
    const io::IoResult result = io::receive_from(socket.fd.get(), buffer, from);
    if (result.kind == io::IoResult::Kind::would_block) break;
    // Else an error that an earlier packet met (port unreachable): it is sent again.
    if (result.kind == io::IoResult::Kind::ok) {
      notifier_.on_packet(from, ByteView(buffer).first(result.size));
    }
  }
  write_records();
  timer_.set(notifier_.deadline());
}

void NotifySender::write_records() {
  for (const LogRecord& record : notifier_.take_records()) io::write_log(record);
}

}  // namespace hither::dns
