// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/http_date.h"
#include "base/http_head.h"
#include "lb/access_trace.h"
#include "lb/attempts.h"
#include "lb/http_forwarding.h"
#include "lb/http_stream.h"
#include "lb/http_tunnel.h"
#include "lb/minimum_rate.h"
#include "lb/picker.h"
#include "lb/session.h"

namespace hither::lb {

/// A body of known length goes through the kernel (Session::relayable) while so much of it is
/// still to come: what is shorter is cheaper to copy (docs/life_of_a_connection.md).
constexpr std::uint64_t relay_body_min = 64 * 1024;

/// What the sessions of one thread share. Must outlive them.
struct HttpContext {
  Picker& picker;
  BlockPool& blocks;
  AccessSink* log = nullptr;  ///< null: no access log
  HttpDate date{};            ///< who drives sets its clock
  RequestHead request{};      ///< scratch for parsing: too big to be cleared for each request
  ResponseHead response{};
};

/// HTTP/1.1 mode: one client connection, each of its requests over a pooled connection to a server
/// (RFC 9110, RFC 9112). Requests are taken one at a time and answered in order; what a client
/// sends ahead waits. Bodies stream through with their length or re-chunked, never gathered. After
/// a 101 that was asked for the two connections become a tunnel. Numbers in http_proxy.cc and
/// http_exchange.cc are those of the rules in docs/life_of_a_connection.md.
///
/// http_proxy.cc holds what the driver asks and how a connection ends; http_exchange.cc one request
/// and its response. What moves the bytes is in HttpStream and HttpTunnel.
class HttpProxy final : public Session {
 public:
  HttpProxy(HttpContext& context, const Address& client, Instant now);

  bool wants(Side from) const override;
  std::span<std::byte> space(Side from) override;
  void received(Side from, std::size_t size, Instant now) override;
  void ended(Side from, Instant now) override;
  void broken(Side from, Instant now) override;
  ByteView pending(Side to) const override;
  void sent(Side to, std::size_t size, Instant now) override;
  void unwritable(Side to, Instant now) override;
  bool ends(Side to) const override;
  std::uint64_t relayable(Side from) const override;
  void relaying(Side from, std::size_t size, Instant now) override;
  void relayed(Side from, std::size_t size, Instant now) override;
  BackendWish backend_wish() const override { return wish_; }
  std::uint32_t server() const override { return attempts_.lease().index(); }
  bool wants_fresh() const override { return fresh_; }
  void connecting(Instant now) override;
  void connected(bool reused, Instant now) override;
  void connect_failed(std::string_view why, Instant now) override;
  void connect_impossible(std::string_view why, bool elsewhere, Instant now) override;
  void queued(std::uint64_t owner, Instant now) override;
  void called(Instant now) override;
  void parted(Instant now) override;
  Instant deadline() const override;
  void on_deadline(Instant now) override;
  void drain(Instant now, Duration patience) override;
  void cut_off(Instant now) override;
  bool finished() const override { return finished_; }
  bool cut() const override { return cut_; }

 private:
  /// Of the client's connection. `over`: nothing more is taken; when all is sent it is closed.
  enum class Phase : std::uint8_t { idle, head, exchange, tunnel, over, lingering };
  /// Of the server's connection. `kept`: between requests, for this client alone.
  /// `queued`: in the farm's queue for one.
  enum class Link : std::uint8_t { none, queued, obtaining, open, kept };

  /// What is known about the present request; a new one begins with none of it.
  struct Exchange {
    std::string protocol;       ///< of the upgrade the server was asked for; empty: none
    int minor_version = 1;      ///< the client's
    int status = 0;             ///< of the response, once it has begun
    int attempt = 1;            ///< as it came (lb/http_forwarding.h)
    bool head_request = false;  ///< HEAD: the response has no body
    bool repeatable = false;  ///< may be sent twice, and stays here as a whole until it is answered
    bool has_body = false;
    bool expects = false;        ///< the client waits for a 100
    bool trailers = false;       ///< the client takes trailers
    bool keep_alive = true;      ///< what the client's connection will be afterwards
    bool client_closes = false;  ///< it said so itself
    bool retried = false;
    bool any_sent = false;     ///< on the present connection
    bool answered = false;     ///< a byte came back
    bool begun = false;        ///< a byte of the final response went to the client
    bool keepable = false;     ///< the server's connection may be used again
    bool until_close = false;  ///< the client sees the end of the response by ours alone
    /// So much more of its body is copied, for a piece was too small to be relayed.
    std::uint64_t up_to_copy = 0;
    std::uint64_t down_to_copy = 0;  ///< of the response's body
  };

  // http_proxy.cc
  void advance(Instant now);
  bool lacks_its_end() const;
  void settle(Instant now);
  void linger(Instant now);
  void watch_rates(Instant now);
  void on_late_exchange(Instant now);
  void reply(int status, std::string_view why, Instant now);
  void end_after_sending(bool linger, Instant now);
  void await_request(Instant now);
  void client_left(Instant now);
  void leave_queue(Instant now);
  void abort(Instant now);
  void break_off(std::string_view why, Instant now);
  void end_trace(Instant now);
  void close(Instant now);
  bool end_would_mislead() const;
  bool between_requests() const { return phase_ == Phase::idle || phase_ == Phase::head; }
  char stage() const;
  const topology::Farm& farm() const { return context_.picker.farm().settings(); }

  // http_exchange.cc
  bool take_request(Instant now);
  void begin_exchange(const RequestHead& head, Instant now);
  bool write_head(const RequestHead& head, Instant now);
  void find_server(const Affinity& affinity, Instant now);
  void go_on(Search search, EndReason if_none, Instant now);
  bool move_request(Instant now);
  bool take_response(Instant now);
  void begin_response(const ResponseHead& head, Instant now);
  void switch_protocols(const ResponseHead& head, Instant now);
  bool move_response(Instant now);
  void finish_exchange(Instant now);
  void obtain(Instant now);
  bool retry(Instant now);
  void try_another(std::string_view why, EndReason reason, Instant now);
  void backend_lost(std::string_view why, bool clean, Instant now);
  void keep_backend();
  void leave_backend(BackendWish wish);
  void fail_exchange(int status, EndReason reason, std::string_view why, Instant now);
  bool request_sent() const { return request_.done() && request_.pending().empty(); }
  void count_result(std::size_t kind);

  HttpContext& context_;
  ClientIdentity client_;
  AccessTrace trace_;
  Attempts attempts_;
  HttpStream request_;   ///< from the client to the server
  HttpStream response_;  ///< and back
  HttpTunnel tunnel_;
  Exchange exchange_;
  HeadScan scan_;  ///< of the head that is being read, request or response
  MinimumRate upload_;
  MinimumRate download_;
  Instant deadline_;
  Duration patience_ = Duration::max();  ///< for the next request, once it is draining
  std::uint64_t up_in_kernel_ = 0;       ///< octets that are being relayed, to the server
  std::uint64_t down_in_kernel_ = 0;     ///< and to the client
  std::uint64_t bodies_counted_ = 0;     ///< octets that the traces so far were told of

  Phase phase_ = Phase::idle;
  Link link_ = Link::none;
  BackendWish wish_ = BackendWish::leave;
  bool first_ = true;  ///< no request came before this one
  bool client_ended_ = false;
  bool draining_ = false;
  bool linger_ = false;      ///< once all is sent, wait for the client's end
  bool fresh_ = false;       ///< the connection to the server must be a new one
  bool reused_ = false;      ///< it was idle before
  bool mute_ = false;        ///< the server takes no more bytes
  bool own_server_ = false;  ///< its connection authenticates this client: for nobody else
  std::uint32_t kept_server_ = 0;
  bool finished_ = false;
  bool cut_ = false;
};

}  // namespace hither::lb
