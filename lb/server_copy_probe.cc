// SPDX-License-Identifier: Apache-2.0
#include "lb/server_copy_probe.h"

#include <optional>
#include <utility>

#include "base/assert.h"
#include "io/clock.h"
#include "io/http_client.h"
#include "io/socket.h"
#include "lb/proxy_header.h"
#include "lb/settings.h"

namespace hither::lb {
namespace {

using Kind = topology::HealthRule::Kind;

ProbeResult failure(int error, std::string reason) {
  return {.passed = false,
          .silent = io::is_silence(error),
          .ours = io::is_shortage(error),
          .reason = std::move(reason)};
}

/// A connect that passes if it succeeds in time. Says its preamble and leaves: a copy that waits
/// for a PROXY header gets a whole one.
class ConnectProbe {
 public:
  ConnectProbe(io::Loop& loop, const CopyQuestion& question, std::string preamble,
               CopyProbe::OnResult on_result)
      : preamble_(std::move(preamble)),
        on_result_(std::move(on_result)),
        timer_(loop, [this] { finish({.passed = false, .silent = true, .reason = "timed out"}); }) {
    timer_.set(io::monotonic_now() + question.rule.limits.timeout);
    int error = 0;
    Result<io::Fd> fd = io::connect_tcp(question.endpoint, &error);
    if (!fd) {
      failed_ = failure(error, fd.error().message);
      timer_.set(io::monotonic_now());  // Nobody is called back from within a constructor.
      return;
    }
    fd_ = std::move(*fd);
    watch_.emplace(
        loop, fd_.get(), [] {}, [this] { on_connected(io::connect_error(fd_.get())); });
    watch_->want_write(true);
  }

 private:
  void on_connected(int error) {
    if (error == 0) {
      // A connection that is new has room for it; what becomes of it changes no verdict.
      if (!preamble_.empty()) io::write_some(fd_.get(), as_bytes(preamble_));
      finish({.passed = true, .silent = false, .reason = {}});
    } else {
      finish(failure(error, io::error_text(error)));
    }
  }

  void finish(ProbeResult result) {
    timer_.cancel();
    watch_.reset();
    fd_.close();
    if (failed_) result = std::move(*failed_);
    // The callback may destroy this probe.
    const auto callback = std::exchange(on_result_, {});
    if (callback) callback(result);
  }

  std::string preamble_;
  CopyProbe::OnResult on_result_;
  std::optional<ProbeResult> failed_;
  io::Fd fd_;
  std::optional<io::FdWatch> watch_;
  io::Timer timer_;
};

/// The server name that a handshake asks for: what the rule says, or the copy's own name. An
/// address is none (RFC 6066 s3).
std::string server_name_of(const CopyQuestion& question) {
  if (!question.rule.host.empty()) return question.rule.host;
  const Result<HostPort> parts = parse_host_port(question.host);
  return parts && !parse_address(parts->host) ? parts->host : "";
}

}  // namespace

struct CopyProbe::Impl {
  std::optional<io::HttpFetch> http;
  std::optional<ConnectProbe> connect;
  std::optional<io::TlsProbe> tls;
};

CopyProbe::CopyProbe(io::Loop& loop, CopyQuestion question, TlsMemory* tls, OnResult on_result)
    : impl_(std::make_unique<Impl>()) {
  const topology::HealthRule& rule = question.rule;
  const Duration timeout = rule.limits.timeout;
  std::string preamble = proxy_header_of_probe(question.send_proxy);
  if (rule.kind == Kind::http) {
    impl_->http.emplace(loop,
                        io::HttpRequest{.target = question.endpoint,
                                        .preamble = std::move(preamble),
                                        .path = rule.path,
                                        .host = rule.host.empty() ? question.host : rule.host,
                                        .body = {},
                                        .timeout = timeout,
                                        .body_bytes_max = probe_body_bytes,
                                        .cut_body = true},
                        [rule, on_result = std::move(on_result)](const io::HttpReply& reply) {
                          on_result(judge_http(rule, {.status = reply.status,
                                                      .body = reply.body,
                                                      .error = reply.error,
                                                      .silent = reply.silent,
                                                      .ours = reply.ours}));
                        });
  } else if (rule.kind == Kind::tls) {
    ASSERT(tls != nullptr);
    impl_->tls.emplace(loop, tls->client, tls->ticket,
                       io::TlsTarget{.endpoint = question.endpoint,
                                     .preamble = std::move(preamble),
                                     .server_name = server_name_of(question),
                                     .timeout = timeout},
                       [on_result = std::move(on_result)](const io::TlsOutcome& outcome) {
                         on_result({.passed = outcome.error.empty(),
                                    .silent = outcome.silent,
                                    .ours = outcome.ours,
                                    .reason = outcome.error});
                       });
  } else {
    impl_->connect.emplace(loop, question, std::move(preamble), std::move(on_result));
  }
}

CopyProbe::~CopyProbe() = default;

}  // namespace hither::lb
