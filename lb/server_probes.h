// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "io/http_client.h"
#include "io/loop.h"
#include "io/resolver.h"
#include "io/socket.h"
#include "lb/farm.h"
#include "lb/probe.h"

namespace hither::lb {

/// Probes the servers of one farm and keeps Farm::set_usable() true. A server whose name is not
/// resolved is resolved as the first part of its probe. Belongs to the main loop's thread; all
/// arguments must outlive it.
class FarmProbes {
 public:
  using OnChange = std::function<void(std::size_t server, const Health::Change& change)>;

  /// `on_change` is told of every change, `on_result` of every result.
  FarmProbes(io::Loop& loop, io::Resolver& resolver, Farm& farm, OnChange on_change,
             std::function<void()> on_result);
  ~FarmProbes();
  FarmProbes(const FarmProbes&) = delete;
  FarmProbes& operator=(const FarmProbes&) = delete;

  /// After Farm::change() of the same plan.
  void change(const CopyPlan& plan);

  const Prober& prober() const { return prober_; }

 private:
  struct TcpProbe;

  void probe_due();
  void probe(std::size_t server);
  void resolve(std::size_t server);
  void probe_http(std::size_t server, const Endpoint& endpoint);
  void probe_tcp(std::size_t server, const Endpoint& endpoint);
  void finish(std::size_t server, const ProbeResult& result);

  io::Loop& loop_;
  io::Resolver& resolver_;
  Farm& farm_;
  OnChange on_change_;
  std::function<void()> on_result_;
  Prober prober_;
  std::vector<std::unique_ptr<io::HttpFetch>> fetches_;  ///< by server
  std::vector<std::unique_ptr<TcpProbe>> connects_;      ///< by server
  io::Timer timer_;
};

}  // namespace hither::lb
