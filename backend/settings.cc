// SPDX-License-Identifier: Apache-2.0
#include "backend/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "base/text.h"

namespace hither::backend {
namespace {

constexpr Duration service_max = std::chrono::hours(1);

std::string_view name_of(ServiceTime::Kind kind) {
  switch (kind) {
    case ServiceTime::Kind::fixed:
      return "fixed";
    case ServiceTime::Kind::exponential:
      return "exponential";
    case ServiceTime::Kind::lognormal:
      return "lognormal";
  }
  return "fixed";
}

std::optional<ServiceTime::Kind> kind_of(std::string_view name) {
  using Kind = ServiceTime::Kind;
  for (const Kind kind : {Kind::fixed, Kind::exponential, Kind::lognormal}) {
    if (name == name_of(kind)) return kind;
  }
  return std::nullopt;
}

/// A decimal number without sign and exponent.
std::optional<double> parse_decimal(std::string_view text) {
  double number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  if (error != std::errc{} || rest != end || text.front() == '-' || !std::isfinite(number)) {
    return std::nullopt;
  }
  return number;
}

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  for (const std::string_view word : split(text, ' ')) {
    if (!word.empty()) words.push_back(word);
  }
  return words;
}

}  // namespace

Duration ServiceTime::draw(Rng& rng) const {
  const auto mean_ns = static_cast<double>(mean.count());
  double drawn = mean_ns;
  if (kind == Kind::exponential) drawn = rng.exponential(mean_ns);
  if (kind == Kind::lognormal) drawn = rng.lognormal(mean_ns, sigma);
  const auto most = static_cast<double>(service_max.count());
  return Duration(std::llround(std::clamp(drawn, 0.0, most)));
}

Result<ServiceTime> parse_service_time(std::string_view text) {
  const auto words = words_of(text);
  const auto kind = words.empty() ? std::nullopt : kind_of(words[0]);
  const std::size_t wanted = kind == ServiceTime::Kind::lognormal ? 3 : 2;
  if (!kind || words.size() != wanted) {
    return fail(fmt::format(
        "'{}' is not a service time; write 'fixed 5ms', 'exponential 20ms' or 'lognormal 20ms 1.0'",
        text));
  }
  const auto mean = parse_duration(words[1]);
  if (!mean) return tl::unexpected<Error>(mean.error());
  if (*mean > service_max) {
    return fail(fmt::format("the service time {} is too long; the most is 1h", words[1]));
  }
  ServiceTime service{.kind = *kind, .mean = *mean};
  if (*kind == ServiceTime::Kind::lognormal) {
    const auto sigma = parse_decimal(words[2]);
    if (!sigma || *sigma > 5) {
      return fail(fmt::format("'{}' is not a sigma; write a number from 0 to 5", words[2]));
    }
    service.sigma = *sigma;
  }
  return service;
}

std::string to_text(const ServiceTime& service) {
  std::string text = fmt::format("{} {}", name_of(service.kind), hither::to_text(service.mean));
  if (service.kind == ServiceTime::Kind::lognormal) text += fmt::format(" {}", service.sigma);
  return text;
}

Result<double> parse_share(std::string_view text) {
  const auto number = parse_decimal(text);
  if (!number || *number > 1) {
    return fail(fmt::format("'{}' is not a share; write a number from 0 to 1, such as 0.25", text));
  }
  return *number;
}

}  // namespace hither::backend
