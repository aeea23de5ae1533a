// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/metrics.h"
#include "base/time.h"
#include "io/stream_server.h"

namespace hither::io {

/// What a status page is asked.
struct PageRequest {
  std::string method;
  std::string path;                          ///< decoded, without the query
  std::map<std::string, std::string> query;  ///< decoded; the last of equal names wins
  std::string body;                          ///< of a POST, at most 64 KiB
};

struct Page {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
};

/// The status pages every program has: /health, /status (JSON), /metrics (Prometheus text) and what
/// else it adds. HTTP/1.1 with keep-alive over StreamServer; GET and HEAD everywhere, POST where
/// asked for. Unknown paths are answered 404 with the list of known ones. A client without a whole
/// request for `idle_max`, from its coming on, is closed, whatever octets it sends. Belongs to one
/// loop's thread.
class AdminServer {
 public:
  using Handler = std::function<Page(const PageRequest&)>;

  struct Limits {
    Duration idle_max = std::chrono::seconds(10);
    /// With so many clients, a new one takes the place of that which has been idle longest.
    std::size_t connections_max = 32;
  };

  AdminServer(Loop& loop, Limits limits);
  explicit AdminServer(Loop& loop) : AdminServer(loop, Limits{}) {}
  ~AdminServer();
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

  void add_page(const std::string& path, Handler handler);
  /// For POST requests to that path; GET stays as it is.
  void add_action(const std::string& path, Handler handler);
  void add_metrics(std::function<Metrics()> collect);

  [[nodiscard]] Result<Endpoint> listen(const Endpoint& endpoint);
  [[nodiscard]] Result<void> listen_unix(const std::string& path);
  /// Takes clients from a socket that listens already.
  void adopt(Fd listener) { server_.add_listener(std::move(listener)); }
  /// Other descriptors of the sockets it listens at, for another process.
  std::vector<Fd> lend_listeners() const { return server_.lend_listeners(); }
  /// Whether it takes clients; those that come meanwhile wait. It does at first.
  void set_accepting(bool accepting) { server_.set_accepting(accepting); }
  /// Somebody else listens from now on: takes no more clients, and tells those it has to go.
  void retire();

  bool retired() const { return retired_; }

  /// The answer to one request, without a socket.
  Page answer(const PageRequest& request) const;
  /// What is spoken with a client that comes now, likewise.
  std::unique_ptr<Session> make_session(Instant now) const;
  const Limits& limits() const { return limits_; }

 private:
  std::map<std::string, Handler> pages_;
  std::map<std::string, Handler> actions_;
  bool retired_ = false;
  Limits limits_;
  StreamServer server_;
};

/// Families as Prometheus text format 0.0.4.
std::string to_prometheus_text(const Metrics& metrics);

/// "%41" -> "A", "+" -> " "; nullopt if a percent sign is not followed by two hex digits.
std::optional<std::string> decode_url(std::string_view text);
/// Everything but unreserved characters (RFC 3986 s2.3) as %XX.
std::string encode_url(std::string_view text);

}  // namespace hither::io
