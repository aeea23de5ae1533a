// SPDX-License-Identifier: Apache-2.0
#include "lb/routes.h"

#include <algorithm>

namespace hither::lb {

void NameRoutes::add(const std::string& pattern, std::size_t farm) {
  if (pattern.starts_with("*.")) {
    below_.try_emplace(pattern.substr(2), farm);
  } else {
    names_.try_emplace(pattern, farm);
  }
}

std::optional<std::size_t> NameRoutes::find(std::string_view name) const {
  if (const auto found = names_.find(name); found != names_.end()) return found->second;
  std::size_t dot = name.find('.');
  while (dot != std::string_view::npos) {
    const auto found = below_.find(name.substr(dot + 1));
    if (found != below_.end()) return found->second;
    dot = name.find('.', dot + 1);
  }
  return fallback_;
}

std::vector<Port> ports_of(const std::vector<FarmSettings>& farms,
                           std::span<const std::size_t> numbers) {
  std::vector<Port> ports;
  for (std::size_t i = 0; i < farms.size(); ++i) {
    const topology::Farm& farm = farms[i].farm;
    auto port = std::ranges::find(ports, farm.port, &Port::port);
    if (port == ports.end()) port = ports.insert(ports.end(), Port{.port = farm.port});
    port->proxy_header |= farm.accept_proxy;
    port->farms.push_back(numbers[i]);
    for (const std::string& name : farm.server_names) port->routes.add(name, numbers[i]);
    if (farm.server_names.empty()) port->routes.set_fallback(numbers[i]);
  }
  return ports;
}

}  // namespace hither::lb
