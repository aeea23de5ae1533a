// SPDX-License-Identifier: Apache-2.0
#include "tests/support/stand_in_world.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/ip.h"
#include "tools/state_folder.h"

namespace hither::test {
namespace {

void add_pages(io::AdminServer& server, const StandInWorld::Pages& pages) {
  for (const auto& [path, body] : pages) {
    server.add_page(path, [body = body](const io::PageRequest&) { return io::Page{.body = body}; });
  }
}

}  // namespace

StandInWorld::StandInWorld(const std::map<std::string, Pages>& rooms, const std::string& processes)
    : supervisor_(loop_) {
  setenv("HITHER_STATE", (folder_.path() + "/state").c_str(), 1);
  std::string list;
  for (const auto& [name, pages] : rooms) {
    list += fmt::format(R"({}{{"name":"{}","title":"{}","address":[],"admin":"{}"}})",
                        list.empty() ? "" : ",", name, name, add_balancer(pages));
  }
  add_pages(supervisor_,
            {{"/status", fmt::format(R"({{"world":"w","state":"up","since_s":1.0,"pid":1,)"
                                     R"("file":"w.toml","dns":{{"admin":"{}","listen":[]}},)"
                                     R"("rooms":[{}],"processes":{}}})",
                                     add_balancer({}), list, processes)}});
  EXPECT_TRUE(tools::make_state_folder());
  EXPECT_TRUE(supervisor_.listen_unix(tools::socket_of_world("w")));
  thread_ = std::thread([this] { loop_.run(); });
}

StandInWorld::~StandInWorld() {
  loop_.stop();
  thread_.join();
  unsetenv("HITHER_STATE");
}

/// Where it is, or would be.
std::string StandInWorld::add_balancer(const Pages& pages) {
  auto server = std::make_unique<io::AdminServer>(loop_);
  add_pages(*server, pages);
  const auto bound = server->listen({*parse_address("127.0.0.1"), 0});
  EXPECT_TRUE(bound) << bound.error().message;
  if (!pages.empty()) balancers_.push_back(std::move(server));
  return bound ? to_text(*bound) : "";
}

}  // namespace hither::test
