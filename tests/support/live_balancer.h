// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "tests/support/child_program.h"
#include "tests/support/scratch_folder.h"

namespace hither::test {

/// What /status says of a farm just now.
struct FarmNow {
  struct Copy {
    std::string state;
    int in_flight = 0;
    int connecting = 0;
    std::uint64_t failed = 0;  ///< requests that were given to it and got no response
  };
  int usable = 0;
  int clients = 0;
  int waiting = 0;
  int leaving = 0;  ///< copies that left and still have something to do
  std::vector<Copy> copies;

  /// No copy is being asked anything or connected to; clients may be there and wait their turn.
  bool asks_nothing() const;
  /// Nobody is connected, in flight, waiting or leaving.
  bool quiet() const;
  std::string to_text() const;
};

/// A real hither-lb alone, without `hither up`: on free ports of an address that no other process
/// uses, with its description in a scratch folder.
class LiveBalancer {
 public:
  struct Options {
    int threads = 1;
    int descriptors_max = 0;  ///< its limit of open files; 0: as we have it
  };
  LiveBalancer() : LiveBalancer(Options{}) {}
  explicit LiveBalancer(Options options);

  /// A port for a farm; the same each time.
  Endpoint port_of(const std::string& farm);
  /// Starts it with these farms (`[farm.NAME]` tables, but for their `port`), and waits until it
  /// says that it is ready.
  bool start(const std::map<std::string, std::string>& farms);
  ChildProgram& program() { return *program_; }
  /// The farm; nothing if the status page does not answer.
  std::optional<FarmNow> now(const std::string& farm) const;
  /// The status of a page.
  int ask(const std::string& path) const;
  /// How many descriptors it holds: what comes and goes with probes and status pages is left out.
  int descriptors() const;
  std::string output() const { return program_->output(); }

 private:
  Options options_;
  ScratchFolder folder_;
  std::map<std::string, Endpoint> ports_;
  Endpoint admin_;
  std::unique_ptr<ChildProgram> program_;
};

/// A place for a server that no other process uses, another one each time.
Endpoint unused_endpoint();

/// `["127.0.0.1:80", "127.0.0.1:81"]`, for `servers`.
std::string server_list(const std::vector<Endpoint>& servers);

}  // namespace hither::test
