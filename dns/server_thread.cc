// SPDX-License-Identifier: Apache-2.0
#include "dns/server_thread.h"

#include <utility>

#include "dns/protocol.h"
#include "dns/tcp_session.h"
#include "io/clock.h"
#include "io/log_sink.h"

namespace hither::dns {
namespace {

/// The pure session under io's drive.
class DrivenSession : public io::Session {
 public:
  explicit DrivenSession(TcpSession session) : session_(std::move(session)) {}
  ~DrivenSession() override {
    session_.abandon();
    write_reports();
  }
  DrivenSession(const DrivenSession&) = delete;
  DrivenSession& operator=(const DrivenSession&) = delete;

  void on_bytes(ByteView bytes, Instant now, Bytes& out) override {
    session_.on_bytes(bytes, now, out);
    write_reports();
  }
  void on_end(Instant /*now*/, Bytes& /*out*/) override { session_.on_end(); }
  void on_time(Instant now, Bytes& /*out*/) override { session_.on_time(now); }
  void on_drained(Instant now, Bytes& out) override {
    session_.on_drained(now, out);
    write_reports();
  }
  bool has_more() const override { return session_.has_more(); }
  bool wants_input() const override { return session_.wants_input(); }
  Instant deadline() const override { return session_.deadline(); }
  bool finished() const override { return session_.finished(); }

 private:
  void write_reports() {
    for (const TransferReport& report : session_.take_reports()) io::write_log(to_log(report));
  }

  TcpSession session_;
};

Duration idle_max(const Snapshot& snapshot) {
  return snapshot.protocol != nullptr ? snapshot.protocol->tcp_idle : Protocol().tcp_idle;
}

}  // namespace

ServerThread::ServerThread(std::vector<ListenSockets> sockets,
                           const std::shared_ptr<const Snapshot>& snapshot, const TcpLimits& tcp)
    : responder_(snapshot),
      scratch_(message_size_max),
      tcp_(loop_,
           [this](const Endpoint& peer) {
             const TcpSession::Peer client{.address = peer.address,
                                           .opened = io::monotonic_now(),
                                           .opened_unix_seconds = io::unix_seconds()};
             return std::make_unique<DrivenSession>(
                 TcpSession(responder_, scratch_, client, idle_max(responder_.snapshot())));
           },
           {.connections_max = tcp.connections_max, .shed_idle = true, .quota = tcp.quota}) {
  for (ListenSockets& one : sockets) {
    udp_.push_back(std::make_unique<UdpThread>(std::move(one.udp), one.endpoint, snapshot));
    tcp_.add_listener(std::move(one.tcp));
  }
}

ServerThread::~ServerThread() { stop(); }

void ServerThread::stop() {
  loop_.stop();
  if (thread_.joinable()) thread_.join();
  for (const auto& udp : udp_) udp->stop();
}

void ServerThread::limit_tcp(std::size_t connections_max) {
  loop_.post([this, connections_max] { tcp_.set_connections_max(connections_max); });
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

std::vector<QueryLog*> ServerThread::query_logs() {
  std::vector<QueryLog*> all = {&responder_.query_log()};
  for (const auto& udp : udp_) all.push_back(&udp->query_log());
  return all;
}

}  // namespace hither::dns
