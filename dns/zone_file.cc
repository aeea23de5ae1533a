// SPDX-License-Identifier: Apache-2.0
#include "dns/zone_file.h"

#include <fmt/format.h>
#include <ldns/ldns.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>

#include "base/assert.h"

namespace hither::dns {
namespace {

constexpr std::uint32_t default_ttl = 3600;
constexpr std::uint32_t made_up_ttl = 3600;

struct Closer {
  void operator()(std::FILE* file) const { std::fclose(file); }
  void operator()(ldns_rr* record) const { ldns_rr_free(record); }
  void operator()(ldns_buffer* buffer) const { ldns_buffer_free(buffer); }
};

/// A name that ldns may replace while it reads ($ORIGIN, the last owner).
class LdnsName {
 public:
  explicit LdnsName(const Name& name)
      : rdf_(ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, name.size(), name.wire().data())) {}
  LdnsName(const LdnsName&) = delete;
  LdnsName& operator=(const LdnsName&) = delete;
  ~LdnsName() { ldns_rdf_deep_free(rdf_); }
  ldns_rdf** get() { return &rdf_; }

 private:
  ldns_rdf* rdf_;
};

std::optional<Name> to_name(const ldns_rdf* rdf) {
  Reader in(ByteView(reinterpret_cast<const std::byte*>(ldns_rdf_data(rdf)), ldns_rdf_size(rdf)));
  return Name::read(in);
}

/// Rdata in wire form; nullopt if ldns cannot print what it has read.
std::optional<Bytes> to_rdata(const ldns_rr& record) {
  const std::unique_ptr<ldns_buffer, Closer> buffer(ldns_buffer_new(LDNS_MAX_PACKETLEN));
  if (ldns_rr_rdata2buffer_wire(buffer.get(), &record) != LDNS_STATUS_OK) return std::nullopt;
  const auto* data = reinterpret_cast<const std::byte*>(ldns_buffer_begin(buffer.get()));
  return Bytes(data, data + ldns_buffer_position(buffer.get()));
}

Result<Record> to_record(const ldns_rr& record, int line) {
  if (ldns_rr_get_class(&record) != LDNS_RR_CLASS_IN) {
    return fail("the class is not IN; only the Internet is served");
  }
  const auto owner = to_name(ldns_rr_owner(&record));
  auto rdata = to_rdata(record);
  if (!owner || !rdata) return fail("the record cannot be put in wire form; check its fields");
  return Record{.owner = *owner,
                .type = static_cast<Type>(ldns_rr_get_type(&record)),
                .ttl = ldns_rr_ttl(&record),
                .rdata = std::move(*rdata),
                .line = line};
}

std::string advice_for(ldns_status status) {
  if (status == LDNS_STATUS_SYNTAX_INCLUDE || status == LDNS_STATUS_SYNTAX_INCLUDE_ERR_NOTIMPL) {
    return "$INCLUDE is not supported; put the records into this file";
  }
  return fmt::format("{}; write OWNER TTL IN TYPE DATA", ldns_get_errorstr_by_id(status));
}

}  // namespace

std::vector<Record> read_zone_text(std::string_view text, const std::string& file,
                                   const Name& origin, std::vector<Error>& mistakes) {
  std::vector<Record> records;
  if (text.empty()) return records;
  // Opened for reading only, so the text is not written to; fmemopen() just has no const form.
  const std::unique_ptr<std::FILE, Closer> in(
      fmemopen(const_cast<char*>(text.data()), text.size(), "r"));
  ASSERT(in != nullptr);
  LdnsName base(origin);
  LdnsName previous(origin);
  std::uint32_t ttl = default_ttl;
  int line = 0;
  const std::size_t stop_at = mistakes.size() + mistakes_max;
  while (std::feof(in.get()) == 0 && mistakes.size() < stop_at) {
    const int first_line = line + 1;
    ldns_rr* raw = nullptr;
    const ldns_status status =
        ldns_rr_new_frm_fp_l(&raw, in.get(), &ttl, base.get(), previous.get(), &line);
    if (status == LDNS_STATUS_SYNTAX_EMPTY || status == LDNS_STATUS_SYNTAX_TTL ||
        status == LDNS_STATUS_SYNTAX_ORIGIN) {
      continue;
    }
    if (status != LDNS_STATUS_OK) {
      mistakes.push_back({fmt::format("{}:{}: {}", file, first_line, advice_for(status))});
      continue;
    }
    const std::unique_ptr<ldns_rr, Closer> guard(raw);
    auto record = to_record(*raw, first_line);
    if (record) {
      records.push_back(std::move(*record));
    } else {
      mistakes.push_back({fmt::format("{}:{}: {}", file, first_line, record.error().message)});
    }
  }
  return records;
}

std::vector<Record> make_up_zone(const Name& origin, std::span<const Endpoint> listen) {
  const Name server = origin.child("ns1").value_or(origin);
  const Name mailbox = origin.child("hostmaster").value_or(origin);
  std::vector<Record> records = {
      {.owner = origin,
       .type = Type::soa,
       .ttl = made_up_ttl,
       .rdata = soa_rdata({.primary = server, .mailbox = mailbox})},
      {.owner = origin, .type = Type::ns, .ttl = made_up_ttl, .rdata = name_rdata(server)}};
  for (const Endpoint& endpoint : listen) {
    const auto& octets = endpoint.address.octets();
    const auto* end = octets.end();
    const auto* begin = endpoint.address.is_v4() ? end - 4 : octets.begin();
    if (std::all_of(begin, end, [](std::uint8_t octet) { return octet == 0; })) continue;
    records.push_back({.owner = server,
                       .type = endpoint.address.is_v4() ? Type::a : Type::aaaa,
                       .ttl = made_up_ttl,
                       .rdata = address_rdata(endpoint.address)});
  }
  return records;
}

}  // namespace hither::dns
