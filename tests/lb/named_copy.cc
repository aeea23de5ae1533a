// SPDX-License-Identifier: Apache-2.0
#include "tests/lb/named_copy.h"

#include <gtest/gtest.h>

#include "io/clock.h"

namespace hither::lb::test {

bool eventually(const std::function<bool()>& question) {
  const Instant until = io::monotonic_now() + std::chrono::seconds(20);
  while (io::monotonic_now() < until) {
    if (question()) return true;
    std::this_thread::yield();
  }
  return false;
}

NamedCopy::NamedCopy(std::string name) : server_(loop_) {
  server_.add_page("/health",
                   [this](const io::PageRequest&) { return io::Page{.status = health_.load()}; });
  server_.add_page("/", [this, name = std::move(name)](const io::PageRequest&) {
    return io::Page{.status = status_.load(), .body = name};
  });
  const auto listening = server_.listen({.address = Address::v4(0x7f000001), .port = 0});
  EXPECT_TRUE(listening);
  endpoint_ = *listening;
  thread_ = std::thread([this] { loop_.run(); });
}

NamedCopy::~NamedCopy() {
  loop_.stop();
  thread_.join();
}

std::string NamedCopy::address() const { return to_text(endpoint_); }

}  // namespace hither::lb::test
