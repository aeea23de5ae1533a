// SPDX-License-Identifier: Apache-2.0
#include "dns/types.h"

#include <fmt/format.h>

namespace hither::dns {

std::string to_text(Type type) {
  switch (type) {
    case Type::a:
      return "A";
    case Type::ns:
      return "NS";
    case Type::cname:
      return "CNAME";
    case Type::soa:
      return "SOA";
    case Type::ptr:
      return "PTR";
    case Type::hinfo:
      return "HINFO";
    case Type::mx:
      return "MX";
    case Type::txt:
      return "TXT";
    case Type::aaaa:
      return "AAAA";
    case Type::srv:
      return "SRV";
    case Type::dname:
      return "DNAME";
    case Type::opt:
      return "OPT";
    case Type::ds:
      return "DS";
    case Type::svcb:
      return "SVCB";
    case Type::https:
      return "HTTPS";
    case Type::nxname:
      return "NXNAME";
    case Type::tkey:
      return "TKEY";
    case Type::ixfr:
      return "IXFR";
    case Type::axfr:
      return "AXFR";
    case Type::any:
      return "ANY";
    case Type::caa:
      return "CAA";
  }
  return fmt::format("TYPE{}", static_cast<unsigned>(type));
}

std::string_view to_text(Rcode rcode) {
  switch (rcode) {
    case Rcode::noerror:
      return "NOERROR";
    case Rcode::formerr:
      return "FORMERR";
    case Rcode::servfail:
      return "SERVFAIL";
    case Rcode::nxdomain:
      return "NXDOMAIN";
    case Rcode::notimp:
      return "NOTIMP";
    case Rcode::refused:
      return "REFUSED";
    case Rcode::yxdomain:
      return "YXDOMAIN";
    case Rcode::notauth:
      return "NOTAUTH";
    case Rcode::badvers:
      return "BADVERS";
    case Rcode::badcookie:
      return "BADCOOKIE";
  }
  return "OTHER";
}

}  // namespace hither::dns
