// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/geo.h"
#include "base/result.h"
#include "dns/geography.h"
#include "dns/protocol.h"
#include "dns/rate_limit.h"
#include "dns/settings.h"
#include "dns/snapshot.h"

namespace hither::dns {

/// What is made at random when the program starts and outlives every reload: cookies stay good, and
/// floods are counted on.
struct Lasting {
  SipKey cookie_secret;  ///< where no file of secrets is named
  std::shared_ptr<RateTable> rates;
};
Lasting make_lasting();

/// What the description names and this program reads once: zone files, geo databases and
/// the secrets of cookies.
struct Loaded {
  std::shared_ptr<const Directory> directory;
  std::unique_ptr<const Geography> geography;
  std::shared_ptr<const Protocol> protocol;
};

/// Opens and reads all of it. Every mistake is added to `mistakes` as one line with its cure; then
/// nothing is loaded. Part of the driver: it opens files.
///
/// Unless it shall `walk`, the geography can only find; walks need tens of MiB of a city database
/// more. Of databases the map knows only the `families`: whatif counts one, and a city takes a
/// second or more to read.
struct LoadWish {
  bool walk = false;
  Families families = Families::both;
};
std::optional<Loaded> load(const Settings& settings, const Lasting& lasting,
                           std::vector<Error>& mistakes, const LoadWish& wish = {});

}  // namespace hither::dns
