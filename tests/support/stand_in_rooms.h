// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/ip.h"
#include "io/admin.h"
#include "io/loop.h"

namespace hither::test {

/// The rooms' balancers as hither-dns sees them: a status page each, on a port of 127.0.0.1 that
/// the kernel chose, answered by one thread. At first all are well.
class StandInRooms {
 public:
  StandInRooms(const std::vector<std::string>& rooms, const std::string& farm);
  ~StandInRooms();
  StandInRooms(const StandInRooms&) = delete;
  StandInRooms& operator=(const StandInRooms&) = delete;

  /// Where the status page of the room is: its key `admin`.
  Endpoint admin(const std::string& room) const;
  /// Whether its page reports from now on, or fails. Any thread.
  void set_usable(const std::string& room, bool usable);
  /// What of `capacity` its page says is in use from now on. Any thread.
  void set_load(const std::string& room, int load);

  static constexpr int capacity = 200;

 private:
  struct Room {
    explicit Room(io::Loop& loop) : page(loop) {}
    std::string name;
    std::atomic<bool> usable{true};
    std::atomic<int> load{0};
    io::AdminServer page;
    Endpoint admin;
  };
  Room& find(const std::string& name) const;

  io::Loop loop_;
  std::vector<std::unique_ptr<Room>> rooms_;
  std::thread thread_;
};

}  // namespace hither::test
