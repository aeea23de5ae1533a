// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "base/bytes.h"
#include "base/ip.h"
#include "io/loop.h"
#include "io/socket.h"

namespace hither::test {

/// A DNS server on a free UDP port of 127.0.0.1, on a thread of its own, that gives every name the
/// same answer: what the test last said.
class NameServer {
 public:
  NameServer();
  ~NameServer();
  NameServer(const NameServer&) = delete;
  NameServer& operator=(const NameServer&) = delete;

  const Endpoint& endpoint() const { return endpoint_; }
  /// Of both families; none of the one asked for is an empty answer (NOERROR).
  void answer(std::vector<Address> addresses, std::uint32_t ttl_seconds);
  /// Answers with this response code from now on: 2 is SERVFAIL, 3 is NXDOMAIN.
  void fail(std::uint8_t code);
  /// Likewise, but only who asks for IPv4 addresses; IPv6 ones are as last said.
  void fail_ipv4(std::uint8_t code);
  int questions() const { return questions_; }

 private:
  Bytes reply_to(ByteView query);
  void on_readable();

  io::Fd fd_;
  Endpoint endpoint_;
  std::mutex lock_;
  std::vector<Address> addresses_;
  std::uint32_t ttl_ = 0;
  std::uint8_t code_ = 0;       ///< 0: none
  std::uint8_t ipv4_code_ = 0;  ///< likewise
  std::atomic<int> questions_{0};
  io::Loop loop_;
  std::thread thread_;
};

}  // namespace hither::test
