// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/http_body.h"
#include "base/http_head.h"
#include "lb/attempts.h"
#include "lb/buffer.h"
#include "lb/picker.h"
#include "lb/session.h"

namespace hither::lb {

struct HttpTimes {
  Duration header = std::chrono::seconds(10);    ///< for a whole head, from its first byte: 408
  Duration idle = std::chrono::seconds(60);      ///< between requests
  Duration connect = std::chrono::seconds(2);    ///< for each server that is tried
  Duration response = std::chrono::seconds(30);  ///< from the whole request to the response: 504
  Duration stall = std::chrono::seconds(30);     ///< without progress within a body
  Duration linger = std::chrono::seconds(1);     ///< for a client to take our last words
};

/// What the sessions of one thread share. Must outlive them.
struct HttpContext {
  Picker& picker;
  BlockPool& blocks;
  HttpTimes times{};
  HeadLimits limits{.bytes_max = block_bytes - 1024, .fields_max = 100};
  RequestHead request{};  ///< scratch for parsing: too big to be cleared for each request
  ResponseHead response{};
};

/// HTTP/1.1 mode: one client connection, each of its requests over a pooled connection to a server
/// (RFC 9110, RFC 9112). Requests are taken one at a time and answered in order; what a client
/// sends ahead waits. Bodies stream through with their length or re-chunked, never gathered.
/// Numbers in http_proxy.cc are those of the rules in docs/life_of_a_connection.md.
///
/// Upgrade is not offered to servers in this form: the field is stripped, and a 101 is an error.
class HttpProxy final : public Session {
 public:
  HttpProxy(HttpContext& context, std::string client_address, Instant now);

  bool wants(Side from) const override;
  std::span<std::byte> space(Side from) override;
  void received(Side from, std::size_t size, Instant now) override;
  void ended(Side from, Instant now) override;
  void broken(Side from, Instant now) override;
  ByteView pending(Side to) const override;
  void sent(Side to, std::size_t size, Instant now) override;
  void unwritable(Side to, Instant now) override;
  bool ends(Side to) const override;
  BackendWish backend_wish() const override { return wish_; }
  std::uint32_t server() const override { return attempts_.lease().index(); }
  bool wants_fresh() const override { return fresh_; }
  void connecting(Instant now) override;
  void connected(bool reused, Instant now) override;
  void connect_failed(std::string_view why, Instant now) override;
  void parted(Instant now) override;
  Instant deadline() const override { return deadline_; }
  void on_deadline(Instant now) override;
  void drain(Instant now) override;
  bool finished() const override { return finished_; }

 private:
  /// Of the client's connection. `over`: nothing more is taken; when all is sent it is closed.
  enum class Phase { idle, head, exchange, over, lingering };
  /// Of the server's connection.
  enum class Link { none, obtaining, open };

  void advance(Instant now);
  bool take_request(Instant now);
  void begin_exchange(const RequestHead& head, Instant now);
  bool take_request_body();
  bool take_response(Instant now);
  void begin_response(const ResponseHead& head, Instant now);
  bool take_response_body(Instant now);
  void finish_exchange(Instant now);
  void obtain(Instant now, bool fresh);
  bool retry(Instant now);
  void backend_lost(std::string_view why, bool clean, Instant now);
  void leave_backend(BackendWish wish);
  void fail_exchange(int status, std::string_view why, Instant now);
  void reply(int status, std::string_view why, Instant now);
  void end_after_sending(bool linger, Instant now);
  void abort();
  void settle(Instant now);
  bool between_requests() const { return phase_ == Phase::idle || phase_ == Phase::head; }
  bool request_sent() const { return request_body_.done() && backend_pending().empty(); }
  ByteView backend_pending() const { return to_backend_.data().subspan(kept_); }
  bool raw_request_body() const;
  bool raw_response_body() const;

  HttpContext& context_;
  std::string client_address_;
  Attempts attempts_;
  Buffer client_in_;
  Buffer to_backend_;
  Buffer backend_in_;
  Buffer to_client_;
  HeadScan scan_;  ///< of the head that is being read, request or response
  BodyReader request_body_;
  BodyReader response_body_;
  Instant deadline_;
  std::size_t kept_ = 0;  ///< bytes at the front of to_backend_ that are sent but kept for a retry

  Phase phase_ = Phase::idle;
  Link link_ = Link::none;
  BackendWish wish_ = BackendWish::leave;
  BodyFraming request_framing_ = BodyFraming::none;
  BodyFraming response_framing_ = BodyFraming::none;  ///< towards the client
  int minor_version_ = 1;
  int status_ = 0;             ///< of the response, once it has begun
  bool direct_ = false;        ///< the last space() was the other side's output
  bool head_request_ = false;  ///< HEAD: the response has no body
  bool idempotent_ = false;
  bool keep_alive_ = true;
  bool client_ended_ = false;
  bool draining_ = false;
  bool linger_ = false;  ///< once all is sent, wait for the client's end
  bool fresh_ = false;
  bool reused_ = false;
  bool retried_ = false;
  bool any_sent_ = false;  ///< of the present request on the present connection
  bool answered_ = false;  ///< a byte came back for the present request
  bool mute_ = false;      ///< the server takes no more bytes
  bool keepable_ = false;  ///< the server's connection may be used again
  bool finished_ = false;
};

}  // namespace hither::lb
