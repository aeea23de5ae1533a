// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/ip.h"
#include "base/time.h"
#include "io/socket.h"

namespace hither::test {

/// What became of a request whose only right answer is known (misbehaving_server.h).
enum class Outcome {
  right,    ///< 200 with the right answer, whole
  refused,  ///< a whole 5xx: 500, 502, 503 or 504
  cut,      ///< the connection ended within the body of a right answer, and this can be told
  halved,   ///< ... or within its head, or in a body that ends with the connection
  closed,   ///< the connection ended before the first octet of an answer
  wrong,    ///< anything else that came
  stuck,    ///< nothing came for longer than anybody may wait
};
const char* to_text(Outcome outcome);

struct Asked {
  std::string method = "GET";
  std::string target = "/";
  std::string body = {};
  bool chunked = false;  ///< how the body is sent

  std::string text() const;  ///< the request
};

/// How long a client waits before it calls an answer stuck: from its request to the first octet,
/// and from each to the next.
struct Patience {
  Duration first;
  Duration next;
};

/// One client connection at a time, in blocking steps.
class WebClient {
 public:
  WebClient(const Endpoint& endpoint, Patience patience)
      : endpoint_(endpoint), patience_(patience) {}

  /// Leaves the connection that there is, and makes another. False if nobody takes it.
  bool connect();
  /// May another request be asked on it, after all answers that came?
  bool open() const { return static_cast<bool>(fd_); }
  /// False if the connection takes no more. What it took before may still be answered.
  bool say(std::string_view text);
  /// The next answer.
  Outcome hear(const Asked& asked);
  /// In place of an answer and of what is left of the connection: a reset.
  void reset();
  /// What the last wrong answer began with.
  const std::string& wrong() const { return wrong_; }

 private:
  enum class More { came, end, broken, late };
  More hear_more(Duration within);
  Outcome over(Outcome outcome);

  Endpoint endpoint_;
  Patience patience_;
  io::Fd fd_;
  std::string heard_;
  std::string wrong_;
};

}  // namespace hither::test
