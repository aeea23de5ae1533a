// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/bits128.h"
#include "base/ip.h"

namespace hither::test {

/// Writes files in MaxMind's format 2.0, as far as tests need it: record size 24, maps of strings
/// and numbers, one level of maps inside. It can alias subtrees as the real files do, and loop, as
/// no file should.
class MmdbWriter {
 public:
  /// A value of a record: a string, a double, or a float.
  using Value = std::variant<std::string, double, float>;
  /// Key to value; a key "location.latitude" is the key latitude in the map location.
  using Record = std::map<std::string, Value>;

  explicit MmdbWriter(int ip_version) : v4_tree_(ip_version == 4), nodes_(1) {}

  /// A later block wins over an earlier one that it lies in. IPv4 goes to ::/96 in an IPv6 tree.
  void add(const Prefix& block, const Record& record) {
    const auto [offset, fresh] = offsets_.try_emplace(encode(record), data_.size());
    if (fresh) data_ += offset->first;
    Prefix at = block;
    if (!v4_tree_ && at.is_v4()) at.address = to_address(to_bits(at.address) & 0xffff'ffffU);
    set(at, Link{Link::data, static_cast<std::uint32_t>(offset->second)});
  }
  /// Makes `block` lead to where IPv4 begins. Call after the IPv4 blocks.
  void alias_v4(const Prefix& block) {
    set(block, Link{Link::node, node_at(Prefix{Address(), 96}).value});
  }
  /// Makes `block` lead back to the root.
  void loop(const Prefix& block) { set(block, Link{Link::node, 0}); }
  /// Makes `block` lead to data that is not there.
  void dangle(const Prefix& block) { set(block, Link{Link::data, 0xf0000}); }

  std::string bytes(const std::string& type = "Test", std::uint64_t epoch = 1'781'725'900) const {
    std::string out;
    for (const auto& node : nodes_) {
      for (const Link& link : node) put(out, number_of(link), 3);
    }
    out += std::string(16, '\0') + data_ + "\xab\xcd\xefMaxMind.com";
    put(out, 0xe0 | 9, 1);
    out += text("node_count") + unsigned_number(6, nodes_.size());
    out += text("record_size") + unsigned_number(5, 24);
    out += text("ip_version") + unsigned_number(5, v4_tree_ ? 4 : 6);
    out += text("database_type") + text(type);
    out += text("binary_format_major_version") + unsigned_number(5, 2);
    out += text("binary_format_minor_version") + unsigned_number(5, 0);
    out += text("build_epoch") + unsigned_number(9, epoch);
    out += text("languages") + std::string({0, 11 - 7}) + text("description");
    put(out, 0xe0, 1);
    return out;
  }

 private:
  struct Link {
    enum Kind { empty, node, data } kind = empty;
    std::uint32_t value = 0;
  };
  using Node = std::array<Link, 2>;

  std::uint32_t number_of(const Link& link) const {
    const auto count = static_cast<std::uint32_t>(nodes_.size());
    if (link.kind == Link::empty) return count;
    return link.kind == Link::node ? link.value : count + 16 + link.value;
  }

  /// The place of a block's link: the node above it, and which half.
  Link& at(const Prefix& block) {
    Bits128 bits = to_bits(block.address);
    int depth = 0;
    if (v4_tree_) depth = 96;
    std::uint32_t node = 0;
    for (; depth + 1 < block.length; ++depth) {
      const std::size_t side =
          static_cast<std::size_t>(bits >> static_cast<unsigned>(127 - depth)) & 1U;
      if (nodes_[node][side].kind != Link::node) {
        const Link above = nodes_[node][side];
        nodes_[node][side] = {Link::node, static_cast<std::uint32_t>(nodes_.size())};
        nodes_.push_back({above, above});
      }
      node = nodes_[node][side].value;
    }
    return nodes_[node][static_cast<std::size_t>(bits >> static_cast<unsigned>(127 - depth)) & 1U];
  }
  void set(const Prefix& block, Link link) { at(block) = link; }
  Link node_at(const Prefix& block) {
    Link& link = at(block);
    if (link.kind == Link::node) return link;
    const auto fresh = static_cast<std::uint32_t>(nodes_.size());
    const Link above = link;
    link = {Link::node, fresh};
    nodes_.push_back({above, above});
    return {Link::node, fresh};
  }

  static void put(std::string& out, std::uint64_t value, unsigned octets) {
    for (unsigned i = octets; i-- > 0;) out += static_cast<char>(value >> 8U * i & 0xffU);
  }
  static std::string text(const std::string& value) {  // of at most 28 bytes
    std::string out;
    put(out, 0x40 | value.size(), 1);
    return out + value;
  }
  /// Types above 7 say so in a second byte.
  static std::string unsigned_number(unsigned type, std::uint64_t value) {
    const unsigned octets = type == 5 ? 2 : type == 6 ? 4 : 8;
    std::string out;
    put(out, type <= 7 ? type << 5U | octets : octets, 1);
    if (type > 7) put(out, type - 7, 1);
    put(out, value, octets);
    return out;
  }
  static std::string encode(const Value& value) {
    if (const auto* string = std::get_if<std::string>(&value)) return text(*string);
    std::string out;
    if (const auto* number = std::get_if<double>(&value)) {
      put(out, 3U << 5U | 8U, 1);
      put(out, std::bit_cast<std::uint64_t>(*number), 8);
    } else {
      put(out, 4, 1);
      put(out, 15 - 7, 1);
      put(out, std::bit_cast<std::uint32_t>(std::get<float>(value)), 4);
    }
    return out;
  }
  static std::string encode(const Record& record) {
    std::map<std::string, std::string>
        outer;                              // key to encoded value, or to the pairs of an inner map
    std::map<std::string, unsigned> inner;  // how many pairs
    for (const auto& [key, value] : record) {
      const std::size_t dot = key.find('.');
      if (dot == std::string::npos) {
        outer[key] = encode(value);
      } else {
        outer[key.substr(0, dot)] += text(key.substr(dot + 1)) + encode(value);
        ++inner[key.substr(0, dot)];
      }
    }
    std::string out;
    put(out, 0xe0U | outer.size(), 1);
    for (const auto& [key, value] : outer) {
      out += text(key);
      if (inner.contains(key)) put(out, 0xe0U | inner[key], 1);
      out += value;
    }
    return out;
  }

  bool v4_tree_;
  std::vector<Node> nodes_;
  std::string data_;
  std::map<std::string, std::size_t> offsets_;
};

}  // namespace hither::test
