// SPDX-License-Identifier: Apache-2.0
#include "dns/serial.h"

namespace hither::dns {
namespace {

bool is_transferred(const topology::Zone& zone) {
  return !zone.transfer_to.empty() || !zone.notify.empty();
}

}  // namespace

std::vector<LogRecord> judge_serials(const Directory& before, const Directory& now) {
  std::vector<LogRecord> records;
  for (std::size_t i = 0; i < now.zones.size(); ++i) {
    const Zone& zone = now.zones[i];
    const auto known = before.zone_index.find(zone.origin().wire());
    if (!known || !is_transferred(now.description.zones[i])) continue;
    const Zone& old = before.zones[*known];
    const std::string name = to_text(zone.origin());
    if (zone.serial() == old.serial() && zone.digest() != old.digest()) {
      records.push_back(log_warning("zone-serial-unchanged")
                            .with("zone", name)
                            .with("serial", zone.serial())
                            .with("cure", "raise it, or secondaries keep the old zone"));
    } else if (zone.serial() != old.serial() && !is_newer(zone.serial(), old.serial())) {
      records.push_back(log_warning("zone-serial-older")
                            .with("zone", name)
                            .with("serial", zone.serial())
                            .with("before", old.serial())
                            .with("cure", "raise it, or secondaries keep the old zone"));
    }
  }
  return records;
}

std::vector<LogRecord> name_partial_transfers(const Directory& directory) {
  std::vector<std::size_t> steered(directory.zones.size());
  for (const SteeredName& name : directory.names) {
    if (const auto zone = directory.closest_zone(Key(name.name.wire()), 0)) ++steered[*zone];
  }
  std::vector<LogRecord> records;
  for (std::size_t i = 0; i < steered.size(); ++i) {
    if (steered[i] == 0 || directory.description.zones[i].transfer_to.empty()) continue;
    records.push_back(log_info("transfer-leaves-out")
                          .with("zone", to_text(directory.zones[i].origin()))
                          .with("steered_names", steered[i]));
  }
  return records;
}

}  // namespace hither::dns
