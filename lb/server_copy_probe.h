// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/ip.h"
#include "io/loop.h"
#include "io/tls_probe.h"
#include "lb/probe.h"
#include "topology/description.h"

namespace hither::lb {

/// What is asked of whom.
struct CopyQuestion {
  Endpoint endpoint;
  std::string host;  ///< "web.internal:8080", for a rule that has no host of its own
  topology::HealthRule rule;
  /// The PROXY header it begins with (proxy_header_of_probe()), for a copy that demands one.
  topology::SendProxy send_proxy = topology::SendProxy::off;
};

/// What the TLS probes of one copy need of each other: a ticket that the next may resume. Made once
/// for each copy that is probed so; `client` must outlive it.
struct TlsMemory {
  explicit TlsMemory(io::TlsClient& with) : client(with) {}
  io::TlsClient& client;
  io::TlsTicket ticket;
};

/// One probe of one copy by its farm's rule ([farm.*.health]): over HTTP, by a connect, or by a
/// TLS handshake; behind a PROXY header where the farm sends them. Calls back once, within the
/// rule's timeout whatever the copy does, unless it is destroyed before; after that it may be left
/// alone or destroyed, inside the callback too. Holds one descriptor at most. Used by the balancer,
/// and by `hither up` to ask if a copy is ready.
class CopyProbe {
 public:
  using OnResult = std::function<void(const ProbeResult& result)>;

  /// `tls` is needed for rules of kind tls, and must outlive the probe.
  CopyProbe(io::Loop& loop, CopyQuestion question, TlsMemory* tls, OnResult on_result);
  ~CopyProbe();
  CopyProbe(const CopyProbe&) = delete;
  CopyProbe& operator=(const CopyProbe&) = delete;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hither::lb
