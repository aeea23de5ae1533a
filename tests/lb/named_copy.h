// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <thread>

#include "io/admin.h"
#include "io/loop.h"

namespace hither::lb::test {

/// Asks until the answer is yes, for at most 20 s.
bool eventually(const std::function<bool()>& question);

/// A server that answers every request with its name, whatever it answers to probes; on a free port
/// of 127.0.0.1 and on a thread of its own.
class NamedCopy {
 public:
  explicit NamedCopy(std::string name);
  ~NamedCopy();
  NamedCopy(const NamedCopy&) = delete;
  NamedCopy& operator=(const NamedCopy&) = delete;

  std::string address() const;
  /// As it does from the beginning.
  void pass_probes(bool passes) { health_ = passes ? 200 : 503; }
  /// Answers requests with 500 from now on.
  void fail_requests() { status_ = 500; }

 private:
  io::Loop loop_;
  io::AdminServer server_;
  Endpoint endpoint_;
  std::atomic<int> health_{200};
  std::atomic<int> status_{200};
  std::thread thread_;
};

}  // namespace hither::lb::test
