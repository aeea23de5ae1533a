// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "dns/name.h"
#include "dns/name_index.h"
#include "dns/record.h"

namespace hither::dns {

/// A steered name and where it stands in the description, for messages.
struct SteeredAt {
  Name name;
  std::uint32_t index = 0;  ///< into Directory::names
  std::string where;        ///< "world.toml:12:1"
};

/// An address of a server that a delegation names, and which of its NS records names it.
struct Glue {
  std::uint16_t record = 0;
  const RrSet* set = nullptr;
};

/// So many sets of addresses may go with a referral. A part of them would pass for the whole
/// (RFC 9471 s3), so a delegation with more is refused.
constexpr std::size_t glue_max = 32;

/// One zone: every name in it with its records, empty non-terminals and steered names included.
/// Built once and never changed: any number of threads may read it. Lookups do not allocate.
class Zone {
 public:
  enum class Kind {
    found,    ///< `set` is the answer; of a CNAME also where ANY was asked (RFC 8482 s4.2)
    alias,    ///< `set` is a CNAME (RFC 1034 s4.3.2 step 3a)
    renamed,  ///< `set` is the DNAME of a name above; the name it stands at starts at `owner_start`
    steered,  ///< the address of a steered name is asked for
    any,      ///< the name exists, is no alias, and ANY was asked (RFC 8482)
    no_data,  ///< the name exists, the type does not; also an empty non-terminal (RFC 8020 s3.1)
    no_name,  ///< NXDOMAIN
    referral,  ///< `set` is the NS of a delegation; its owner starts at `owner_start` of the asked
               ///< name
  };
  struct Match {
    Kind kind = Kind::no_name;
    const RrSet* set = nullptr;
    std::uint32_t steered = 0;  ///< SteeredAt::index, for Kind::steered
    std::size_t owner_start = 0;
    std::span<const Glue> glue;  ///< for Kind::referral
  };

  /// Builds a zone. All mistakes are added to `mistakes`, as "file:line: what is wrong; cure"; then
  /// there is no zone. Refused: data outside of the zone, no or a second SOA, no NS at the top,
  /// CNAME beside other data, a second DNAME, data below a DNAME (RFC 6672 s2.4), records of one
  /// set with different TTLs (RFC 2181 s5.2), a set too large for any message, NS or DNAME at a
  /// wildcard (RFC 4592 s4.2, s4.4), NS beside DNAME below the top, a delegation with more
  /// glue than goes into a referral, a steered name below a delegation or a DNAME, and one beside
  /// zone data: at the top of the zone only A, AAAA and CNAME
  /// count as such.
  static std::optional<Zone> build(const Name& origin, const std::string& file,
                                   std::span<const Record> records,
                                   std::span<const SteeredAt> steered,
                                   std::vector<Error>& mistakes);

  const Name& origin() const { return origin_; }
  /// What a negative answer carries: the SOA with TTL = min(its TTL, MINIMUM) (RFC 2308 s3, s5).
  const RrSet& negative_soa() const { return negative_soa_; }

  /// What is known of a name of this zone (RFC 1034 s4.3.2, wildcards by RFC 4592 s3.3.1, DNAME by
  /// RFC 6672 s3.2). The NS and what is below of a delegation is never answered but referred to;
  /// only its DS is ours (RFC 4035 s3.1.4.1). Looks for the name itself first, then for the closest
  /// one above it that exists. Precondition: the name is within origin().
  Match find(const Key& name, Type type) const;

  /// Is anything of exactly this name here, or below it?
  bool has(const Key& name) const { return index_.find(name.wire()).has_value(); }

  /// The set of exactly this name, or nullptr: also below delegations.
  const RrSet* find_exact(ByteView lower_case, Type type) const;

  /// A walk over everything that the zone's file says, glue and what lies below delegations
  /// included: every set once, names in the order in which they first appear, and no steered name.
  struct Place {
    std::uint32_t node = 0;
    std::uint32_t set = 0;
    std::size_t name_start = 0;
  };
  struct OwnedSet {
    ByteView owner;              ///< in lower case
    const RrSet* set = nullptr;  ///< nullptr: the walk is over
  };
  /// The set at `place`, which moves on to the next.
  OwnedSet next(Place& place) const;

  /// All HTTPS and SVCB sets.
  std::span<const OwnedSet> services() const { return services_; }

  /// The only set of its type at the top.
  const RrSet& soa() const;
  std::uint32_t serial() const { return soa_serial(soa().first()); }
  /// Of all sets, whatever their order: two zones with one digest are the same zone.
  std::uint64_t digest() const { return digest_; }

 private:
  static constexpr std::uint32_t none = 0xffffffff;
  struct Node {
    std::vector<RrSet> sets;
    std::vector<Glue> glue;  ///< at a delegation: addresses of its servers, as far as we have them
    std::uint32_t steered = none;
    std::uint32_t wildcard = none;  ///< the node of "*" below this one
    std::uint32_t cut = none;       ///< the highest delegation at or above this name
    const RrSet* find(Type type) const;
  };
  friend class ZoneBuilder;

  Zone() = default;
  static Match match(const Node& node, Type type);
  Match match_below(const Node& encloser, const Key& name, Type type) const;
  Match refer(std::uint32_t cut, const Key& name) const;

  Name origin_;
  int origin_labels_ = 0;
  RrSet negative_soa_;
  std::uint64_t digest_ = 0;
  std::vector<Node> nodes_;  ///< the top of the zone is node 0
  NameIndex index_;
  std::vector<OwnedSet> services_;
};

}  // namespace hither::dns
