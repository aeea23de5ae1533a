// SPDX-License-Identifier: Apache-2.0
#include "dns/server_thread.h"

#include <utility>

#include "dns/tcp_session.h"
#include "io/clock.h"

namespace hither::dns {
namespace {

/// So many batches in a row before TCP and posted work get their turn.
constexpr int batches_in_a_row = 8;
constexpr std::size_t tcp_connections_max = 2000;  // per thread

/// The pure session under io's drive.
class DrivenSession : public io::Session {
 public:
  explicit DrivenSession(TcpSession session) : session_(std::move(session)) {}

  void on_bytes(ByteView bytes, Instant now, Bytes& out) override {
    session_.on_bytes(bytes, now, out);
  }
  void on_end(Instant /*now*/, Bytes& /*out*/) override { session_.on_end(); }
  void on_time(Instant now, Bytes& /*out*/) override { session_.on_time(now); }
  Instant deadline() const override { return session_.deadline(); }
  bool finished() const override { return session_.finished(); }

 private:
  TcpSession session_;
};

}  // namespace

struct ServerThread::Udp {
  Udp(ServerThread& owner, io::Fd fd, const Endpoint& endpoint)
      : socket(std::move(fd), endpoint, udp_payload_max),
        watch(owner.loop_, socket.fd(), [&owner, this] { owner.answer_batches(socket); }) {
    watch.want_read(true);
  }

  io::UdpSocket socket;
  io::FdWatch watch;
};

ServerThread::ServerThread(std::vector<ListenSockets> sockets,
                           std::shared_ptr<const Snapshot> snapshot)
    : responder_(std::move(snapshot)),
      scratch_(message_size_max),
      tcp_(loop_,
           [this](const Endpoint& peer) {
             return std::make_unique<DrivenSession>(
                 TcpSession(responder_, scratch_, peer.address, io::monotonic_now()));
           },
           {.connections_max = tcp_connections_max}) {
  for (ListenSockets& one : sockets) {
    udp_.push_back(std::make_unique<Udp>(*this, std::move(one.udp), one.endpoint));
    tcp_.add_listener(std::move(one.tcp));
  }
}

ServerThread::~ServerThread() {
  loop_.stop();
  if (thread_.joinable()) thread_.join();
}

void ServerThread::start() {
  thread_ = std::jthread([this] { loop_.run(); });
}

void ServerThread::publish(std::shared_ptr<const Snapshot> snapshot) {
  loop_.post([this, next = std::move(snapshot)] { responder_.set_snapshot(next); });
}

void ServerThread::answer_batches(io::UdpSocket& socket) {
  for (int batch = 0; batch < batches_in_a_row; ++batch) {
    const std::size_t count = socket.receive();
    const Instant now = io::monotonic_now();
    for (std::size_t i = 0; i < count; ++i) {
      const Endpoint peer = socket.peer(i);
      if (peer.port == 0) continue;  // Nobody can hear at port 0: forged.
      socket.reply(i, responder_.respond(socket.packet(i), {.client = peer.address, .at = now},
                                         socket.buffer(i)));
    }
    socket.send();
    if (count < io::UdpSocket::width) return;
  }
}

}  // namespace hither::dns
