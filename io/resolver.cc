// SPDX-License-Identifier: Apache-2.0
#include "io/resolver.h"

#include <ares.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/select.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "io/clock.h"
#include "io/socket.h"

namespace hither::io {
namespace {

/// IPv4 first: "localhost" is ::1 too on most machines, and most programs listen on 127.0.0.1.
void sort(std::vector<Address>& addresses) {
  std::ranges::sort(addresses, {},
                    [](const Address& address) { return std::pair(!address.is_v4(), address); });
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
}

Result<Resolved> to_resolved(const std::string& host, int status, const ares_addrinfo* result) {
  if (status != ARES_SUCCESS || result == nullptr || result->nodes == nullptr) {
    return fail(fmt::format("'{}' does not resolve: {}", host, ares_strerror(status)));
  }
  Resolved resolved;
  int ttl = -1;
  for (const ares_addrinfo_node* node = result->nodes; node != nullptr; node = node->ai_next) {
    sockaddr_storage storage{};
    std::memcpy(&storage, node->ai_addr, std::min<std::size_t>(node->ai_addrlen, sizeof storage));
    resolved.addresses.push_back(from_sockaddr(storage).address);
    ttl = ttl < 0 ? node->ai_ttl : std::min(ttl, node->ai_ttl);
  }
  for (const ares_addrinfo_cname* alias = result->cnames; alias != nullptr; alias = alias->next) {
    ttl = std::min(ttl, alias->ttl);
  }
  sort(resolved.addresses);
  resolved.ttl = std::chrono::seconds(std::max(ttl, 0));
  return resolved;
}

/// "127.0.0.1:53,[::1]:53", as c-ares reads it.
std::string list_of(std::span<const Endpoint> servers) {
  std::string list;
  for (const Endpoint& server : servers) {
    list += (list.empty() ? "" : ",") + to_text(server);
  }
  return list;
}

}  // namespace

struct Resolver::Impl {
  struct Query {
    Impl* impl;
    std::string host;
    Callback callback;
    std::optional<Address> in_use;
    std::optional<Resolved> without;  ///< what was found, and has none of that family
  };

  Impl(Loop& on_loop, std::span<const Endpoint> servers)
      : loop(on_loop), timer(on_loop, [this] { on_time(); }) {
    ares_options options{};
    options.sock_state_cb = [](void* self, ares_socket_t fd, int readable, int writable) {
      static_cast<Impl*>(self)->on_socket(fd, readable != 0, writable != 0);
    };
    options.sock_state_cb_data = this;
    options.timeout = 1000;  // milliseconds, per try
    options.tries = 3;
    status = ares_init_options(&channel, &options,
                               ARES_OPT_SOCK_STATE_CB | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES);
    if (status != ARES_SUCCESS) return;
    made = true;
    if (!servers.empty()) status = ares_set_servers_ports_csv(channel, list_of(servers).c_str());
  }

  static void ask(std::unique_ptr<Query> query, int family) {
    ares_addrinfo_hints hints{};
    hints.ai_family = family;
    hints.ai_flags = ARES_AI_NOSORT;
    Query& asked = *query;
    ares_getaddrinfo(
        asked.impl->channel, asked.host.c_str(), nullptr, &hints,
        [](void* argument, int answer, int, ares_addrinfo* result) {
          std::unique_ptr<Query> done(static_cast<Query*>(argument));
          const std::unique_ptr<ares_addrinfo, decltype(&ares_freeaddrinfo)> owned(
              result, &ares_freeaddrinfo);
          if (!done->impl->ending) on_answer(std::move(done), answer, result);
        },
        query.release());
  }

  static void on_answer(std::unique_ptr<Query> query, int status, const ares_addrinfo* result) {
    Result<Resolved> found = to_resolved(query->host, status, result);
    if (query->without) {
      if (status == ARES_ENODATA || status == ARES_ENOTFOUND) {
        found = std::move(*query->without);
      } else if (found) {
        const std::vector<Address>& others = query->without->addresses;
        found->addresses.insert(found->addresses.end(), others.begin(), others.end());
        sort(found->addresses);
        found->ttl = std::min(found->ttl, query->without->ttl);
      }
    } else if (found && query->in_use) {
      const bool ipv4 = query->in_use->is_v4();
      const auto of_family = [ipv4](const Address& address) { return address.is_v4() == ipv4; };
      if (std::ranges::none_of(found->addresses, of_family)) {
        query->without = std::move(*found);
        ask(std::move(query), ipv4 ? AF_INET : AF_INET6);
        return;
      }
    }
    query->callback(std::move(found));
  }

  void on_socket(int fd, bool readable, bool writable) {
    if (!readable && !writable) {
      watches.erase(fd);
      return;
    }
    auto& watch = watches[fd];
    if (!watch) {
      watch = std::make_unique<FdWatch>(
          loop, fd, [this, fd] { process(fd, ARES_SOCKET_BAD); },
          [this, fd] { process(ARES_SOCKET_BAD, fd); });
    }
    watch->want_read(readable);
    watch->want_write(writable);
  }

  void process(int readable, int writable) {
    ares_process_fd(channel, readable, writable);
    arm();
  }

  void on_time() { process(ARES_SOCKET_BAD, ARES_SOCKET_BAD); }

  /// Sleeps as long as c-ares wants to.
  void arm() {
    timeval most{1, 0};
    timeval buffer{};
    const timeval* wait = ares_timeout(channel, &most, &buffer);
    if (watches.empty()) {
      timer.cancel();
      return;
    }
    timer.set(monotonic_now() + std::chrono::seconds(wait->tv_sec) +
              std::chrono::microseconds(wait->tv_usec));
  }

  Loop& loop;
  ares_channel channel = nullptr;
  int status = ARES_SUCCESS;
  bool made = false;  ///< the channel is there, whatever `status` says
  bool ending = false;
  std::map<int, std::unique_ptr<FdWatch>> watches;
  Timer timer;
};

Resolver::Resolver(Loop& loop, std::span<const Endpoint> servers)
    : impl_(std::make_unique<Impl>(loop, servers)) {}

Resolver::~Resolver() {
  impl_->ending = true;
  if (impl_->made) ares_destroy(impl_->channel);
}

void Resolver::resolve(const std::string& host, Callback callback, std::optional<Address> in_use) {
  if (impl_->status != ARES_SUCCESS) {
    callback(fail(fmt::format("no resolver: {}", ares_strerror(impl_->status))));
    return;
  }
  Impl::ask(std::make_unique<Impl::Query>(Impl::Query{.impl = impl_.get(),
                                                      .host = host,
                                                      .callback = std::move(callback),
                                                      .in_use = in_use,
                                                      .without = {}}),
            AF_UNSPEC);
  impl_->arm();
}

}  // namespace hither::io
