// SPDX-License-Identifier: Apache-2.0
#include "dns/server_load.h"

#include <malloc.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "dns/builtin_geo.h"
#include "dns/client_map.h"
#include "io/clock.h"
#include "io/files.h"
#include "io/geo_db.h"

namespace hither::dns {
namespace {

constexpr int large_bytes = 256 * 1024;

/// Each in a thread of its own: most of the time goes into decoding records.
Geography::Sources open_databases(const std::vector<std::string>& geo, Families families,
                                  std::vector<Error>& mistakes) {
  using Source = std::unique_ptr<GeoSource>;
  std::vector<std::future<Result<Source>>> opening;
  opening.reserve(geo.size());
  for (const std::string& one : geo) {
    opening.push_back(std::async(std::launch::async, [&one, families]() -> Result<Source> {
      if (one != "builtin") return io::open_geo_db(one, builtin_country, families);
      return builtin_source();
    }));
  }
  Geography::Sources sources;
  for (auto& one : opening) {
    auto source = one.get();
    if (source) {
      sources.add(std::move(*source));
    } else {
      mistakes.push_back(source.error());
    }
  }
  return sources;
}

/// IPv4 in a thread of its own beside IPv6. The lock is for orders that are new, which are few.
Halves in_two_threads() {
  return {.run_both =
              [](const Halves::Task& one, const Halves::Task& other) {
                auto beside = std::async(std::launch::async, one);
                other();
                beside.get();
              },
          .run_alone =
              [mutex = std::make_shared<std::mutex>()](const Halves::Task& task) {
                const std::lock_guard lock(*mutex);
                task();
              }};
}

std::vector<std::string> read_zone_files(const std::vector<topology::Zone>& zones,
                                         std::vector<Error>& mistakes) {
  std::vector<std::string> texts(zones.size());
  for (std::size_t i = 0; i < zones.size(); ++i) {
    if (zones[i].file.empty()) continue;
    auto text = io::read_file(zones[i].file);
    if (text) {
      texts[i] = std::move(*text);
    } else {
      mistakes.push_back(text.error());
    }
  }
  return texts;
}

/// The lasting one where no file is named: good until the next start, and for nobody else.
std::vector<SipKey> read_secrets(const std::string& file, const SipKey& lasting,
                                 std::vector<Error>& mistakes) {
  if (file.empty()) return {lasting};
  const auto text = io::read_file(file);
  auto secrets = text ? parse_cookie_secrets(*text, file)
                      : Result<std::vector<SipKey>>(tl::unexpected(text.error()));
  if (secrets) return std::move(*secrets);
  mistakes.push_back(secrets.error());
  return {};
}

std::string host_name() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return name.data();
}

}  // namespace

Lasting make_lasting() {
  Lasting lasting{.cookie_secret = {}, .rates = std::make_shared<RateTable>(io::random_seed())};
  const std::array<std::uint64_t, 2> random = {io::random_seed(), io::random_seed()};
  static_assert(sizeof random == sizeof lasting.cookie_secret);
  std::memcpy(lasting.cookie_secret.data(), random.data(), sizeof random);
  return lasting;
}

std::optional<Loaded> load(const Settings& settings, const Lasting& lasting,
                           std::vector<Error>& mistakes, const LoadWish& wish) {
  // Large pieces go back to the system as soon as they are freed: loading needs many, once.
  mallopt(M_MMAP_THRESHOLD, large_bytes);
  const std::size_t before = mistakes.size();
  const topology::Description& description = settings.description;
  auto sources = open_databases(description.dns.geo, wish.families, mistakes);
  const auto texts = read_zone_files(description.zones, mistakes);
  const topology::DnsProtocol& rules = description.dns.protocol;
  auto secrets = read_secrets(rules.cookie_secrets, lasting.cookie_secret, mistakes);
  if (mistakes.size() > before) return std::nullopt;
  auto geography = std::make_unique<Geography>(std::move(sources), description.networks);
  auto maps = ClientMaps::build(*geography, description, mistakes, in_two_threads());
  if (mistakes.size() > before) return std::nullopt;
  if (!wish.walk) geography->let_go();
  auto directory = build_directory(description, texts, std::move(maps), mistakes);
  malloc_trim(0);  // what loading needed besides is not needed again
  if (directory == nullptr) return std::nullopt;
  auto protocol = make_protocol(rules, {.node = settings.node.empty() ? host_name() : settings.node,
                                        .secrets = std::move(secrets),
                                        .rates = lasting.rates,
                                        .query_log_one_in = description.dns.query_log_one_in});
  return Loaded{.directory = std::move(directory),
                .geography = std::move(geography),
                .protocol = std::move(protocol)};
}

}  // namespace hither::dns
