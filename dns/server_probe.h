// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "dns/room_watch.h"
#include "io/loop.h"

namespace hither::dns {

/// One probe on its way: an HTTP request, or a TCP connection that is closed at once. Calls back
/// exactly once, from the loop, unless it is destroyed before; may be destroyed inside the
/// callback.
class SentProbe {
 public:
  SentProbe(io::Loop& loop, const Probe& what, Duration timeout,
            std::function<void(const ProbeResult&)> on_result);
  ~SentProbe();
  SentProbe(const SentProbe&) = delete;
  SentProbe& operator=(const SentProbe&) = delete;

 private:
  struct Http;
  struct Tcp;
  std::unique_ptr<Http> http_;
  std::unique_ptr<Tcp> tcp_;
};

}  // namespace hither::dns
