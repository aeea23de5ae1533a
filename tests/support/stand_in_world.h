// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "io/admin.h"
#include "io/loop.h"
#include "tests/support/scratch_folder.h"

namespace hither::test {

/// A running world as the commands of `hither` see it: the pages of its supervisor and of its
/// balancers, each with a text that never changes, answered by one thread. It is the only world of
/// its state folder, and HITHER_STATE names that while it lives.
class StandInWorld {
 public:
  using Pages = std::map<std::string, std::string>;  ///< by path

  /// By room; where one has no pages, nobody listens at its address. `processes` is that list of
  /// the supervisor's status page, as JSON.
  StandInWorld(const std::map<std::string, Pages>& rooms, const std::string& processes);
  ~StandInWorld();
  StandInWorld(const StandInWorld&) = delete;
  StandInWorld& operator=(const StandInWorld&) = delete;

 private:
  std::string add_balancer(const Pages& pages);

  ScratchFolder folder_;
  io::Loop loop_;
  io::AdminServer supervisor_;
  std::vector<std::unique_ptr<io::AdminServer>> balancers_;
  std::thread thread_;
};

}  // namespace hither::test
