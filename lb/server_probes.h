// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "io/loop.h"
#include "io/resolver.h"
#include "io/tls_probe.h"
#include "lb/farm.h"
#include "lb/handover_memory.h"
#include "lb/probe.h"
#include "lb/server_copy_probe.h"
#include "lb/server_names.h"

namespace hither::lb {

/// Probes the servers of one farm, resolves their names, and keeps Farm::set_usable() true, all by
/// what lb/probe.h and lb/name_watch.h say. A server without an address waits for it as the first
/// part of its probe, as long as it is being asked for. One that moves is probed at its new address
/// at once; until then it is as healthy as it was. Belongs to the main loop's thread; all arguments
/// must outlive it.
class FarmProbes {
 public:
  struct Events {
    /// What is believed of a server is another thing than before.
    std::function<void(std::size_t server, Prober::Belief to)> on_change;
    /// A server is at another address than before.
    std::function<void(std::size_t server)> on_moved;
    /// There was a result.
    std::function<void()> on_result;
  };

  /// `seed` for the spread of probes over time.
  FarmProbes(io::Loop& loop, io::Resolver& resolver, Farm& farm, Events events, std::uint64_t seed);
  ~FarmProbes();
  FarmProbes(const FarmProbes&) = delete;
  FarmProbes& operator=(const FarmProbes&) = delete;

  /// After Farm::change() of the same plan.
  void change(const CopyPlan& plan);

  /// What another process knew of these servers (lb/handover_memory.h). Before the loop runs.
  /// Returns how many servers it knew.
  std::size_t recall(const FarmMemory& memory, Outliers& outliers);

  const Prober& prober() const { return prober_; }
  const ServerNames& names() const { return names_; }

 private:
  /// What one server is being asked.
  struct Asked {
    std::unique_ptr<TlsMemory> tls;    ///< null until it is probed over TLS
    std::unique_ptr<CopyProbe> probe;  ///< the last one
    Instant since{};                   ///< when that began
    bool under_way = false;
    bool awaits_name = false;
  };

  void on_time();
  void probe(std::size_t server);
  void on_name(std::size_t server, const NameWatch& name);
  void on_moved(std::size_t server);
  void on_beat();
  void finish(std::size_t server, const ProbeResult& result);
  void take(const Prober::News& news);
  void wait();

  io::Loop& loop_;
  Farm& farm_;
  Events events_;
  Prober prober_;
  std::unique_ptr<io::TlsClient> tls_;  ///< null until it is needed
  std::vector<Asked> asked_;            ///< by server
  io::Timer timer_;
  io::Timer beat_;  ///< while probes are under way: how late is this loop?
  Instant beat_due_{};
  ServerNames names_;  ///< last, for it calls us
};

}  // namespace hither::lb
