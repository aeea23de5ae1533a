// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/time.h"
#include "lb/buffer.h"
#include "lb/proxy_header.h"

namespace hither::lb {

/// What a listener must know of a connection before there can be a session for it: the PROXY header
/// that says who the client is, and the TLS server name that says which farm it wants. Collects
/// bytes until it has both, or has seen that it never will. Pure; owned by one thread.
class Preface {
 public:
  struct Wanted {
    bool proxy_header = false;
    bool server_name = false;
    explicit operator bool() const { return proxy_header || server_name; }
  };
  enum class Verdict { waiting, ready, refused };

  /// How long a client may take for it.
  static constexpr Duration patience = std::chrono::seconds(5);

  /// `blocks` must outlive it.
  Preface(BlockPool& blocks, Wanted wanted, Instant now)
      : wanted_(wanted), bytes_(blocks), deadline_(now + patience) {}

  /// Where the client's next bytes go, and how many came.
  std::span<std::byte> space() { return bytes_.space(); }
  void received(std::size_t size);
  /// The client ended its half: what is not there now never comes.
  void ended();

  Verdict verdict() const { return verdict_; }
  Instant deadline() const { return deadline_; }
  /// Once ready: who the client says it is; the name it asks for, empty if none; and what it sent
  /// for the session, the ClientHello included.
  const ProxyHeader& header() const { return header_; }
  const std::string& name() const { return name_; }
  ByteView rest() const { return bytes_.data(); }
  /// Once refused, a text for the log.
  std::string_view reason() const { return reason_; }

 private:
  bool take_header();
  bool take_name();
  void refuse(std::string_view reason);

  Wanted wanted_;
  Buffer bytes_;
  ProxyHeader header_;
  std::string name_;
  Instant deadline_;
  Verdict verdict_ = Verdict::waiting;
  std::string_view reason_;
};

}  // namespace hither::lb
