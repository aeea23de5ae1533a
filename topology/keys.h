// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace hither::topology {

/// The one table of everything that may stand in a description: the parser walks the file by it
/// (shape.h), the typed values and defaults come from it (section.h), `hither schema` prints it
/// (schema.h), and a test holds docs/topology_format.md against it.

struct Key {
  enum class Type {
    table,  ///< one with fixed keys, which follow in the table below
    names,  ///< one whose keys are chosen by the writer; its path ends in ".*"
    string,
    integer,
    number,
    duration,     ///< "500ms"
    word,         ///< one of `words`
    address,      ///< "192.0.2.1" or "2001:db8::1"
    endpoint,     ///< "127.0.0.1:53" or "[::1]:53"
    server,       ///< "host:port", a name or an address
    prefix,       ///< "10.0.0.0/8"
    country,      ///< "DE"
    origin,       ///< a country or a network
    location,     ///< [latitude, longitude]
    server_name,  ///< what a TLS client asks for: "www.example.test", or "*.example.test"
    hash_by,      ///< "path", "source", "header:NAME" or "cookie:NAME"
    status,       ///< "204" or "200-299"
  };
  /// `either`: one value or a list of them. `strings`: a table of names to values.
  enum class Shape { one, list, either, table };
  /// What a table may be keyed by, and what form a string has.
  enum class Names { none, label, host, variable, token };

  std::string_view path;  ///< "farm.*.port": * stands for a name, [] for each table of a list
  Type type = Type::table;
  Shape shape = Shape::one;
  bool required = false;
  std::string_view fallback;  ///< the default as TOML, or in words in (parentheses); "": none
  double least = 0;           ///< of a number; of a duration in seconds
  double most = 0;            ///< the same as least: no limit; of a string in octets
  int items_most = 0;         ///< of a list; 0: not a list
  std::span<const std::string_view> words;
  Names names = Names::none;  ///< of a table that is keyed by names; of a string that is one
  bool world_only = false;    ///< not in room.*.farm.*
  std::string_view text;      ///< one sentence
};

/// Bounds that several keys have, in seconds.
constexpr double shortest_probe = 0.01;
constexpr double hour = 3600;
constexpr double day = 86400;

/// All keys, each table before what is in it.
std::span<const Key> all_keys();

/// Those of [farm.*], for all_keys() alone.
std::span<const Key> farm_keys();

/// The key with this pattern as its path ("dns.health.fall"), or nullptr.
const Key* find_key(std::string_view path);

/// The keys directly inside a table ("" is the whole file), in the order of the table. The one of a
/// table by names ends in ".*". Those of "room.*.farm.*" are those of "farm.*" that a room may set.
std::vector<const Key*> keys_in(std::string_view table);

/// The last part of a key's path: "interval", "*".
std::string_view name_of(const Key& key);

}  // namespace hither::topology
