// SPDX-License-Identifier: Apache-2.0
#include "lb/settings.h"

#include <fmt/format.h>

#include "base/text.h"
#include "topology/plan.h"

namespace hither::lb {
namespace {

std::string unknown_room(const topology::Description& description, const std::string& room) {
  std::vector<std::string> names;
  for (const topology::Room& known : description.rooms) names.push_back(known.name);
  const std::string cure = room.empty() ? "set HITHER_ROOM or --room" : "write one of these";
  return fmt::format("{}: room '{}' is not defined; rooms are {}: {}", description.file, room,
                     join_words(names), cure);
}

FarmSettings farm_settings(const topology::Description& description, const topology::Room& room,
                           const topology::Farm& farm) {
  FarmSettings settings{.farm = farm, .servers = {}};
  const auto add = [&settings, &farm](const std::string& address) {
    settings.servers.emplace_back(fmt::format("{}-{}", farm.name, settings.servers.size() + 1),
                                  address);
  };
  for (const std::string& server : farm.servers) add(server);
  if (!farm.servers.empty()) return settings;
  for (int copy = 1; copy <= farm.copies; ++copy) {
    add(to_text(topology::endpoint_of_copy(description, room, farm, copy)));
  }
  return settings;
}

}  // namespace

Result<Settings> make_settings(const topology::Description& description, const std::string& room,
                               const std::string& admin) {
  const topology::Room* found = description.find_room(room);
  if (found == nullptr) return fail(unknown_room(description, room));
  Settings settings{
      .room = room, .listen = found->address, .admin = description.admin_of(*found), .farms = {}};
  if (!admin.empty()) {
    const Result<Endpoint> endpoint = parse_endpoint(admin);
    if (!endpoint) return fail("HITHER_ADMIN_LISTEN: " + endpoint.error().message);
    settings.admin = *endpoint;
  }
  for (const topology::Farm& farm : found->farms) {
    settings.farms.push_back(farm_settings(description, *found, farm));
  }
  return settings;
}

Result<HostPort> parse_host_port(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  const std::string_view port_text = colon == std::string_view::npos ? "" : text.substr(colon + 1);
  const std::optional<std::uint64_t> port = parse_number(port_text);
  if (!port || *port == 0 || *port > 65535) {
    return fail(fmt::format("'{}' has no port; write host:port, such as web.internal:8080", text));
  }
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host.empty()) {
    return fail(fmt::format("'{}' has no host; write host:port, such as web.internal:8080", text));
  }
  return HostPort{.host = std::string(host), .port = static_cast<std::uint16_t>(*port)};
}

Result<std::vector<Endpoint>> parse_resolvers(std::string_view text) {
  constexpr std::uint16_t dns_port = 53;
  std::vector<Endpoint> resolvers;
  if (text.empty()) return resolvers;
  for (const std::string_view one : split(text, ',')) {
    if (const Result<Address> address = parse_address(one)) {
      resolvers.push_back({.address = *address, .port = dns_port});
      continue;
    }
    const Result<HostPort> parts = parse_host_port(one);
    const Result<Address> address = parts ? parse_address(parts->host) : fail("");
    if (!address) {
      return fail(
          fmt::format("HITHER_RESOLVERS: '{}' is no address; write addresses of DNS "
                      "servers, such as 10.0.0.2 or 10.0.0.2:5353,[fd00::2]:53",
                      one));
    }
    resolvers.push_back({.address = *address, .port = parts->port});
  }
  return resolvers;
}

Result<unsigned> parse_threads(std::string_view text) {
  constexpr std::uint64_t threads_max = 256;
  if (text.empty()) return 1U;
  const std::optional<std::uint64_t> threads = parse_number(text);
  if (!threads || *threads == 0 || *threads > threads_max) {
    return fail(
        fmt::format("HITHER_THREADS is '{}'; write a number from 1 to {}", text, threads_max));
  }
  return static_cast<unsigned>(*threads);
}

}  // namespace hither::lb
