// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <variant>

#include "base/ip.h"
#include "base/result.h"
#include "base/time.h"
#include "io/loop.h"

namespace hither::io {

/// Where a small HTTP request goes: an address, or the path of a unix socket.
using HttpTarget = std::variant<Endpoint, std::string>;

struct HttpRequest {
  HttpTarget target;
  std::string preamble = {};  ///< said as it is before the request, such as a PROXY header
  std::string method = "GET";
  std::string path = "/";
  std::string host = "localhost";
  std::string body;
  Duration timeout = std::chrono::seconds(2);  ///< for everything, from connect to the last byte
  std::size_t body_bytes_max = 1024 * 1024;
  bool cut_body = false;  ///< a longer body ends there, and is a reply; else it is an error
};

/// What came back. status 0: nothing did, and `error` says why ("Connection refused", "timed out").
struct HttpReply {
  int status = 0;
  std::string body;
  std::string error;
  bool silent = false;  ///< with an error: the peer did not cause it (is_silence() of io/socket.h)
  bool ours = false;    ///< with an error: this machine did (is_shortage())
  Duration took{};
};

/// One request on a connection of its own, for probes and for the hither command: never for
/// traffic. Calls back exactly once, unless it is destroyed before, and whatever the peer does
/// within the timeout. May be destroyed inside the callback. Never has more of the reply in memory
/// than its longest head and body and one piece of 16 KiB.
class HttpFetch {
 public:
  HttpFetch(Loop& loop, HttpRequest request, std::function<void(HttpReply)> on_reply);
  ~HttpFetch();
  HttpFetch(const HttpFetch&) = delete;
  HttpFetch& operator=(const HttpFetch&) = delete;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// The same, waiting for it on a loop of its own. For command-line tools and tests.
HttpReply fetch_now(HttpRequest request);

}  // namespace hither::io
