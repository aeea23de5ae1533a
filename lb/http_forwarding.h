// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/http_head.h"
#include "base/ip.h"

namespace hither::lb {

/// What a server is told about the client of a request: X-Forwarded-For, -Proto and -Host,
/// Forwarded (RFC 7239), X-Request-Id and Hither-Attempt. Anybody can write these fields, so what a
/// client says in them is dropped and ours stand instead. A client in a trusted network
/// (farm.*.trusted_proxies) is a proxy that did the same: then ours are added behind its lists, and
/// what it says of scheme, host and request stays. And how far the request has come: Via, and what
/// is left of Max-Forwards. Pure; no allocation per request.

/// A client as it is told to servers; made once for a connection.
struct ClientIdentity {
  std::string address;  ///< "2001:db8::7"
  std::string node;     ///< for Forwarded: "\"[2001:db8::7]\"" with its quotes (RFC 7239 s6)
  bool trusted = false;
};
ClientIdentity identity_of(const Address& client, std::span<const Prefix> trusted);

constexpr std::size_t request_id_bytes_max = 64;

/// What names a request in logs, here and at the server: what a trusted client named it, else
/// `fresh` in 16 hexadecimal digits, which `space` holds.
std::string_view request_id_of(const HttpFields& fields, const ClientIdentity& client,
                               std::uint64_t fresh, std::array<char, 16>& space);

/// The attempt that a request is, however many balancers it passes: 1 unless it was given to
/// another server before. It is passed on in this field, one digit, so that a retry of ours that
/// meets another balancer is not tried again there: each of them trying three times would make nine
/// requests of one, in a room that is in trouble.
constexpr std::string_view attempt_field = "Hither-Attempt";
constexpr int attempt_max = 9;
/// What a trusted client says, at most attempt_max; 1 if it says nothing or nonsense.
int attempt_of(const HttpFields& fields, const ClientIdentity& client);
/// Writes another number over the one that put_forwarding() wrote into this head.
void set_attempt(std::span<std::byte> head, int attempt);

struct Forwarding {
  const ClientIdentity& client;
  std::string_view proto = "http";
  std::string_view host = "unknown";  ///< the Host of a request that came without (HTTP/1.0)
  std::string_view request_id;
  int attempt = 1;
  std::string_view protocol = {};  ///< of an upgrade to ask the server for; empty: none
  std::optional<std::uint64_t> max_forwards = {};  ///< for the server; nullopt: as it came
};

/// Max-Forwards of a TRACE or OPTIONS: how many more proxies it is to pass (RFC 9110 s7.6.2).
struct MaxForwards {
  bool said = false;                    ///< never for another method, where it means nothing
  std::optional<std::uint64_t> number;  ///< nullopt: it is none, or there are several
};
MaxForwards max_forwards_of(const RequestHead& head);

/// Is the client's own field of that name left out? All that put_forwarding() writes but Via, which
/// is a list that anybody may add to; and of clients that are not trusted X-Real-IP and whatever
/// else begins with X-Forwarded-.
bool is_forwarding_field(std::string_view name, const Forwarding& forwarding);
/// Writes ours.
void put_forwarding(Writer& out, const RequestHead& head, const Forwarding& forwarding);

}  // namespace hither::lb
