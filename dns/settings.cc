// SPDX-License-Identifier: Apache-2.0
#include "dns/settings.h"

#include <fmt/format.h>

#include "base/text.h"

namespace hither::dns {
namespace {

void report(std::vector<Error>& mistakes, std::string_view variable, const std::string& message) {
  mistakes.push_back({fmt::format("{}: {}", variable, message)});
}

std::vector<Endpoint> parse_list(const std::string& text, std::vector<Error>& mistakes) {
  std::vector<Endpoint> endpoints;
  for (const std::string_view part : split(text, ',')) {
    const auto endpoint = parse_endpoint(trim(part));
    if (endpoint) {
      endpoints.push_back(*endpoint);
    } else {
      report(mistakes, "HITHER_DNS_LISTEN", endpoint.error().message);
    }
  }
  return endpoints;
}

std::vector<Endpoint> parse_host_and_port(const Flags& flags, std::vector<Error>& mistakes) {
  const auto address = parse_address(flags.host.empty() ? "127.0.0.1" : flags.host);
  const auto port = parse_number(flags.port);
  if (!address) report(mistakes, "HOST", address.error().message);
  if (!port || *port > 65535) {
    report(mistakes, "PORT", fmt::format("'{}' is not a port; write 0 to 65535", flags.port));
  }
  if (!address || !port || *port > 65535) return {};
  return {{.address = *address, .port = static_cast<std::uint16_t>(*port)}};
}

int parse_threads(const std::string& text, int cores, std::vector<Error>& mistakes) {
  if (text.empty()) return cores;
  const auto number = parse_number(text);
  if (number && *number >= 1 && *number <= Settings::threads_max) return static_cast<int>(*number);
  report(
      mistakes, "HITHER_THREADS",
      fmt::format("'{}' is not a number of threads; write 1 to {}", text, Settings::threads_max));
  return cores;
}

std::string choose_node(const std::string& said, const std::string& described,
                        std::vector<Error>& mistakes) {
  constexpr std::size_t most = topology::DnsProtocol::node_octets_max;
  if (said.size() > most) {
    report(mistakes, "HITHER_NODE",
           fmt::format("a name of {} octets; write {} at most, for it goes into answers",
                       said.size(), most));
  }
  return said.empty() ? described : said;
}

}  // namespace

std::optional<Settings> make_settings(const Flags& flags, const topology::Description& description,
                                      int cores, std::vector<Error>& mistakes) {
  const std::size_t before = mistakes.size();
  Settings settings;
  settings.description = description;
  settings.listen = description.dns.listen;
  if (!flags.listen.empty()) {
    settings.listen = parse_list(flags.listen, mistakes);
  } else if (!flags.port.empty()) {
    settings.listen = parse_host_and_port(flags, mistakes);
  }
  settings.description.dns.listen = settings.listen;
  settings.node = choose_node(flags.node, description.dns.protocol.node, mistakes);
  settings.overrides = flags.overrides;
  if (settings.overrides.empty() && !flags.state.empty()) {
    settings.overrides = flags.state + "/overrides.toml";
  }
  settings.threads = parse_threads(flags.threads, std::max(cores, 1), mistakes);
  if (!flags.admin_listen.empty()) {
    const auto admin = parse_endpoint(flags.admin_listen);
    if (admin) {
      settings.admin = *admin;
    } else {
      report(mistakes, "HITHER_ADMIN_LISTEN", admin.error().message);
    }
  } else if (!settings.listen.empty()) {
    settings.admin = settings.description.dns_admin();
  }
  if (mistakes.size() > before) return std::nullopt;
  if (settings.listen.empty()) {
    mistakes.push_back({fmt::format(
        "{}: nothing to listen on; add listen = [\"127.0.0.1:5300\"] to [dns]", description.file)});
    return std::nullopt;
  }
  return settings;
}

}  // namespace hither::dns
