// SPDX-License-Identifier: Apache-2.0
#include "dns/server_setup.h"

#include <utility>

#include "base/text.h"
#include "io/files.h"

namespace hither::dns {
namespace {

void watch_file(const std::string& file, SetupReading& reading) {
  reading.files.push_back(file);
  reading.stamps.push_back(io::stamp_of(file));
}

void watch_named_files(const topology::Description& description, SetupReading& reading) {
  for (const topology::Zone& zone : description.zones) {
    if (!zone.file.empty()) watch_file(zone.file, reading);
  }
  for (const std::string& geo : description.dns.geo) {
    if (geo != "builtin") watch_file(geo, reading);
  }
  const std::string& secrets = description.dns.protocol.cookie_secrets;
  if (!secrets.empty()) watch_file(secrets, reading);
}

}  // namespace

std::optional<topology::Overrides> read_overrides_file(const std::string& path,
                                                       std::vector<Error>& mistakes) {
  if (path.empty() || !io::stamp_of(path)) return topology::Overrides{};
  const auto text = io::read_file(path);
  if (!text) {
    mistakes.push_back(text.error());
    return std::nullopt;
  }
  auto reading = topology::read_overrides(*text, path);
  mistakes.insert(mistakes.end(), reading.mistakes.begin(), reading.mistakes.end());
  return std::move(reading.overrides);
}

SetupReading set_up(const Start& start) {
  const Flags& flags = start.flags;
  SetupReading reading;
  watch_file(flags.topology, reading);
  const auto text = io::read_file(flags.topology);
  if (!text) {
    reading.mistakes.push_back(text.error());
    return reading;
  }
  const topology::Reading described = topology::read_description(*text, flags.topology);
  if (!described.description) {
    for (const topology::Mistake& mistake : described.mistakes) {
      reading.mistakes.push_back({topology::to_text(mistake, flags.topology)});
    }
    return reading;
  }
  watch_named_files(*described.description, reading);
  auto settings = make_settings(flags, *described.description, start.cores, reading.mistakes);
  if (!settings) return reading;
  auto loaded = load(*settings, start.lasting, reading.mistakes);
  const auto overrides_stamp = io::stamp_of(settings->overrides);
  auto overrides = read_overrides_file(settings->overrides, reading.mistakes);
  if (!overrides) {
    reading.files.push_back(settings->overrides);
    reading.stamps.push_back(overrides_stamp);
  }
  if (!loaded || !overrides) return reading;
  reading.setup.emplace(Setup{.settings = std::move(*settings),
                              .loaded = std::move(*loaded),
                              .overrides = std::move(*overrides),
                              .overrides_stamp = overrides_stamp});
  return reading;
}

}  // namespace hither::dns
