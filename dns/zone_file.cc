// SPDX-License-Identifier: Apache-2.0
#include "dns/zone_file.h"

#include <fmt/format.h>
#include <ldns/ldns.h>
#include <strings.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <utility>

#include "base/assert.h"

namespace hither::dns {
namespace {

constexpr std::uint32_t default_ttl = 3600;
constexpr std::uint32_t made_up_ttl = 3600;
constexpr std::uint32_t ttl_max = 0x7fffffff;  // RFC 2181 s8
/// What ldns is given for $TTL 0, which it would take for "none" and make an hour of.
constexpr std::uint32_t ttl_zero = 0xffffffff;

struct Closer {
  void operator()(std::FILE* file) const { std::fclose(file); }
  void operator()(ldns_rr* record) const { ldns_rr_free(record); }
  void operator()(ldns_buffer* buffer) const { ldns_buffer_free(buffer); }
};

/// A name that ldns may replace while it reads ($ORIGIN, the last owner).
class LdnsName {
 public:
  explicit LdnsName(const Name& name) { set(name); }
  LdnsName(const LdnsName&) = delete;
  LdnsName& operator=(const LdnsName&) = delete;
  ~LdnsName() { ldns_rdf_deep_free(rdf_); }
  ldns_rdf** get() { return &rdf_; }
  void set(const Name& name) {
    ldns_rdf_deep_free(rdf_);
    rdf_ = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, name.size(), name.wire().data());
  }

 private:
  ldns_rdf* rdf_ = nullptr;
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
  if (ldns_rr_ttl(&record) > ttl_max) {
    return fail(fmt::format("the TTL is more than {} (RFC 2181 s8); write a lesser one", ttl_max));
  }
  if (!owner || !rdata) return fail("the record cannot be put in wire form; check its fields");
  const auto type = static_cast<Type>(ldns_rr_get_type(&record));
  if (!is_well_formed(type, *rdata)) {
    return fail(fmt::format("its octets are no {} data; write them in words", to_text(type)));
  }
  return Record{.owner = *owner,
                .type = type,
                .ttl = ldns_rr_ttl(&record),
                .rdata = std::move(*rdata),
                .line = line};
}

/// Is a name written in full? An escaped dot is none (RFC 1035 s5.1).
bool ends_with_dot(std::string_view text) {
  if (!text.ends_with('.')) return false;
  text.remove_suffix(1);
  const std::size_t plain = text.find_last_not_of('\\');
  const std::size_t backslashes =
      plain == std::string_view::npos ? text.size() : text.size() - plain - 1;
  return backslashes % 2 == 0;
}

/// The next word of a line of a zone file, which is taken off it; empty: there is none.
std::string_view take_word(std::string_view& line) {
  constexpr std::string_view blanks = " \t";
  line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
  const std::string_view word = line.substr(0, line.find_first_of(blanks));
  line.remove_prefix(word.size());
  return word;
}

bool equal_words(std::string_view one, std::string_view other) {
  return one.size() == other.size() && strncasecmp(one.data(), other.data(), one.size()) == 0;
}

/// A record's line behind its owner, TTL and class, which may be left out.
struct Head {
  std::string_view from_type;
  bool states_ttl = false;
};

Head head_of(std::string_view line) {
  Head head;
  if (!line.starts_with(' ') && !line.starts_with('\t')) take_word(line);
  while (true) {
    std::string_view rest = line;
    const std::string_view word = take_word(rest);
    const bool ttl = !word.empty() && std::isdigit(static_cast<unsigned char>(word[0])) != 0;
    head.states_ttl = head.states_ttl || ttl;
    const auto names_word = [&](const char* name) { return equal_words(word, name); };
    constexpr std::array<const char*, 5> classes = {"IN", "CH", "HS", "NONE", "ANY"};
    const bool of_class = std::ranges::any_of(classes, names_word) ||
                          (word.size() > 5 && equal_words(word.substr(0, 5), "CLASS"));
    if (word.empty() || (!ttl && !of_class)) {
      head.from_type = line;
      return head;
    }
    line = rest;
  }
}

/// What ldns must not be given, though it would refuse it too: it forgets to free a part of what it
/// has read of it.
std::optional<std::string> find_forgotten(std::string_view from_type) {
  std::string_view rest = from_type;
  const std::string_view type = take_word(rest);
  if (!equal_words(type, "CERT") && !equal_words(type, "TYPE37")) return std::nullopt;
  const std::string kind(take_word(rest));
  char* end = nullptr;
  const long number = std::strtol(kind.c_str(), &end, 10);
  if (kind.empty() || *end != '\0' || number % 65536 != 0) return std::nullopt;
  return "certificate type 0 is reserved (RFC 4398 s2.1); write PKIX or another";
}

/// Follows the brackets of a zone file (RFC 1035 s5.1) as ldns does: it knows strings, comments and
/// escapes, but takes what is left open at the end for closed, and drops the record before a ')'
/// too many.
class BracketCheck {
 public:
  BracketCheck(const std::string& file, std::vector<Error>& mistakes)
      : file_(file), mistakes_(mistakes) {}

  /// True if every bracket has its other one; otherwise what stands behind it cannot be told.
  bool check(std::string_view text) {
    for (const char octet : text) {
      if (!step(octet == '\r' ? ' ' : octet)) return false;
      if (octet == '\n') ++line_;
    }
    if (depth_ == 0) return true;
    return refuse(opened_, "this '(' is never closed; write a ')' where its record ends");
  }

 private:
  bool step(char octet) {
    const bool escaped = std::exchange(before_, octet) == '\\';
    if (octet == '\n') comment_ = false;
    // A string ends with its line, unless brackets go on behind it.
    const bool line_end = octet == '\n' || octet == '\f' || octet == '\v';
    if (line_end && !escaped && !comment_ && depth_ == 0) quoted_ = false;
    if (comment_ || escaped) return true;
    if (octet == '"') quoted_ = !quoted_;
    if (quoted_) return true;
    if (octet == ';') comment_ = true;
    if (octet == '(' && depth_++ == 0) opened_ = line_;
    if (octet == ')' && depth_-- == 0) {
      return refuse(line_, "there is no '(' to this ')'; take it away");
    }
    return true;
  }
  bool refuse(int line, std::string_view message) {
    mistakes_.push_back({fmt::format("{}:{}: {}", file_, line, message)});
    return false;
  }

  const std::string& file_;
  std::vector<Error>& mistakes_;
  int line_ = 1;
  int opened_ = 1;  // line of the outermost bracket
  int depth_ = 0;
  bool quoted_ = false;
  bool comment_ = false;
  char before_ = '\0';
};

/// Reads a zone file from its first line to its last. ldns cuts it into lines, takes comments and
/// brackets out, and reads records; directives are read here.
class ZoneReader {
 public:
  ZoneReader(const std::string& file, const Name& origin, std::vector<Error>& mistakes)
      : file_(file),
        mistakes_(mistakes),
        origin_(origin),
        base_(origin),
        previous_(origin),
        buffer_(line_octets_max + 1) {}

  std::vector<Record> read(std::FILE* in);

 private:
  /// What ldns itself takes for a line.
  static constexpr std::size_t line_octets_max = LDNS_MAX_LINELEN;

  void read_line(const char* line);
  void read_directive(std::string_view line);
  void set_origin(std::string_view text);
  void set_ttl(std::string_view text);
  void read_record(const char* line);
  void report(const std::string& message) {
    mistakes_.push_back({fmt::format("{}:{}: {}", file_, first_line_, message)});
  }

  const std::string& file_;
  std::vector<Error>& mistakes_;
  std::vector<Record> records_;
  Name origin_;
  LdnsName base_;  // the same
  LdnsName previous_;
  /// Of a record that states none: that of $TTL (RFC 2308 s4), and before any that of the last
  /// record which states one (RFC 1035 s5.1).
  std::uint32_t ttl_ = default_ttl;
  bool has_ttl_directive_ = false;
  int first_line_ = 1;
  std::vector<char> buffer_;
};

/// A name as $ORIGIN has it: below the origin before, unless it ends with a dot (RFC 1035 s5.1).
void ZoneReader::set_origin(std::string_view text) {
  auto name = Name::parse(text);
  if (!name) {
    report(name.error().message);
    return;
  }
  if (text == "@") return;
  if (!ends_with_dot(text)) {
    const auto joined = Name::join(name->wire().first(name->size() - 1), origin_.wire());
    if (!joined) {
      report(fmt::format("$ORIGIN {} is too long a name below {}", text, to_text(origin_)));
      return;
    }
    name = *joined;
  }
  origin_ = *name;
  base_.set(origin_);
}

void ZoneReader::set_ttl(std::string_view text) {
  const std::string number(text);
  const char* end = nullptr;
  const std::uint32_t ttl = ldns_str2period(number.c_str(), &end);
  const bool is_number = !number.empty() && std::isdigit(static_cast<unsigned char>(number[0]));
  if (!is_number || end == nullptr || *end != '\0' || ttl > ttl_max) {
    report(fmt::format("$TTL '{}' is no time; write seconds, or 1h", text));
    return;
  }
  ttl_ = ttl;
  has_ttl_directive_ = true;
}

void ZoneReader::read_directive(std::string_view line) {
  const std::string_view name = take_word(line);
  const std::string_view value = take_word(line);
  if (equal_words(name, "$ORIGIN")) {
    set_origin(value);
  } else if (equal_words(name, "$TTL")) {
    set_ttl(value);
  } else if (equal_words(name, "$INCLUDE")) {
    report("$INCLUDE is not supported; put the records into this file");
  } else {
    report(fmt::format("{} is not supported; write $ORIGIN, $TTL or a record", name));
  }
}

void ZoneReader::read_record(const char* line) {
  const Head head = head_of(line);
  if (const auto problem = find_forgotten(head.from_type)) {
    report(*problem);
    return;
  }
  ldns_rr* raw = nullptr;
  const std::uint32_t ttl = ttl_ == 0 ? ttl_zero : ttl_;
  const ldns_status status = ldns_rr_new_frm_str(&raw, line, ttl, *base_.get(), previous_.get());
  if (status != LDNS_STATUS_OK) {
    report(fmt::format("{}; write OWNER TTL IN TYPE DATA", ldns_get_errorstr_by_id(status)));
    return;
  }
  const std::unique_ptr<ldns_rr, Closer> guard(raw);
  if (!head.states_ttl && ttl == ttl_zero) ldns_rr_set_ttl(raw, 0);
  auto record = to_record(*raw, first_line_);
  if (record) {
    if (head.states_ttl && !has_ttl_directive_) ttl_ = record->ttl;
    records_.push_back(std::move(*record));
  } else {
    report(record.error().message);
  }
}

void ZoneReader::read_line(const char* line) {
  std::string_view words = line;
  if (take_word(words).empty()) return;
  if (line[0] == '$') {
    read_directive(line);
  } else {
    read_record(line);
  }
}

std::vector<Record> ZoneReader::read(std::FILE* in) {
  const std::size_t stop_at = mistakes_.size() + mistakes_max;
  int line = 0;
  while (std::feof(in) == 0 && mistakes_.size() < stop_at) {
    first_line_ = line + 1;
    const ssize_t size =
        ldns_fget_token_l(in, buffer_.data(), LDNS_PARSE_SKIP_SPACE, line_octets_max, &line);
    if (size < 0 && std::feof(in) == 0) {
      report(fmt::format("a record is longer than {} octets; make it shorter", line_octets_max));
    }
    if (size > 0) read_line(buffer_.data());
  }
  return std::move(records_);
}

}  // namespace

std::vector<Record> read_zone_text(std::string_view text, const std::string& file,
                                   const Name& origin, std::vector<Error>& mistakes) {
  if (text.empty()) return {};
  // Opened for reading only, so the text is not written to; fmemopen() just has no const form.
  const std::unique_ptr<std::FILE, Closer> in(
      fmemopen(const_cast<char*>(text.data()), text.size(), "r"));
  ASSERT(in != nullptr);
  if (!BracketCheck(file, mistakes).check(text)) return {};
  return ZoneReader(file, origin, mistakes).read(in.get());
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
