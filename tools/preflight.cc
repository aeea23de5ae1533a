// SPDX-License-Identifier: Apache-2.0
#include "tools/preflight.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "dns/name.h"
#include "dns/zone_file.h"
#include "io/files.h"
#include "io/geo_db.h"
#include "io/process.h"
#include "io/socket.h"

namespace hither::tools {
namespace {

using topology::Description;
using topology::Mistake;
using topology::Process;

/// Programs are looked for beside this one first: there are the other three.
void find_programs(const std::vector<Process>& plan, Preflight& result) {
  const std::vector<std::string> folders = {io::own_folder()};
  std::map<std::string, Result<std::string>> known;
  for (const Process& process : plan) {
    const std::string& name = process.argv.front();
    auto found = known.find(name);
    if (found == known.end()) {
      found = known.emplace(name, io::find_program(name, folders)).first;
      if (!found->second) result.mistakes.push_back({process.where, found->second.error().message});
    }
    result.programs.push_back(found->second ? *found->second : "");
  }
}

/// Binds every socket of the plan for a moment. What fails now would fail in the process.
void try_ports(const std::vector<Process>& plan, Preflight& result) {
  for (const Process& process : plan) {
    for (const Process::Listen& listen : process.listen) {
      const auto socket =
          listen.udp ? io::bind_udp(listen.endpoint, false) : io::listen_tcp(listen.endpoint);
      if (socket) continue;
      result.mistakes.push_back(
          {listen.where, fmt::format("{}: {}", process.name, socket.error().message)});
    }
  }
}

void open_databases(const Description& description, Preflight& result) {
  for (const std::string& geo : description.dns.geo) {
    if (geo == "builtin") continue;
    // Its date stands behind all the rest: where that can be read, nothing has been cut off.
    if (const auto usable = io::date_of_geo_db(geo); !usable) {
      result.mistakes.push_back({description.dns.where_geo, usable.error().message});
    }
  }
}

void read_zones(const Description& description, Preflight& result) {
  for (const topology::Zone& zone : description.zones) {
    if (zone.file.empty()) continue;
    const auto text = io::read_file(zone.file);
    if (!text) {
      result.mistakes.push_back({zone.where_file, text.error().message});
      continue;
    }
    std::vector<Error> mistakes;
    const auto origin = dns::Name::parse(zone.name);
    if (origin) dns::read_zone_text(*text, zone.file, *origin, mistakes);
    for (const Error& mistake : mistakes) {
      result.mistakes.push_back({zone.where_file, mistake.message});
    }
  }
}

}  // namespace

Preflight look_before_start(const Description& description, const std::vector<Process>& plan) {
  Preflight result;
  find_programs(plan, result);
  open_databases(description, result);
  read_zones(description, result);
  // Only when all else is right: a world that runs already would be a mistake per port.
  if (result.mistakes.empty()) try_ports(plan, result);
  std::ranges::stable_sort(result.mistakes, {}, [](const Mistake& mistake) {
    return std::pair(mistake.where.line, mistake.where.column);
  });
  return result;
}

}  // namespace hither::tools
