// SPDX-License-Identifier: Apache-2.0
#include "dns/server_thread.h"

#include <utility>

#include "dns/tcp_session.h"
#include "io/clock.h"

namespace hither::dns {
namespace {

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

ServerThread::ServerThread(std::vector<ListenSockets> sockets,
                           std::shared_ptr<const Snapshot> snapshot)
    : responder_(snapshot),
      scratch_(message_size_max),
      tcp_(loop_,
           [this](const Endpoint& peer) {
             return std::make_unique<DrivenSession>(
                 TcpSession(responder_, scratch_, peer.address, io::monotonic_now()));
           },
           {.connections_max = tcp_connections_max}) {
  for (ListenSockets& one : sockets) {
    udp_.push_back(std::make_unique<UdpThread>(std::move(one.udp), one.endpoint, snapshot));
    tcp_.add_listener(std::move(one.tcp));
  }
}

ServerThread::~ServerThread() {
  loop_.stop();
  if (thread_.joinable()) thread_.join();
}

void ServerThread::start() {
  for (const auto& udp : udp_) udp->start();
  thread_ = std::jthread([this] { loop_.run(); });
}

void ServerThread::publish(std::shared_ptr<const Snapshot> snapshot) {
  for (const auto& udp : udp_) udp->publish(snapshot);
  loop_.post([this, next = std::move(snapshot)] { responder_.set_snapshot(next); });
}

std::vector<const Counters*> ServerThread::counters() const {
  std::vector<const Counters*> all = {&responder_.counters()};
  for (const auto& udp : udp_) all.push_back(&udp->counters());
  return all;
}

}  // namespace hither::dns
