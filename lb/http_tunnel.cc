// SPDX-License-Identifier: Apache-2.0
#include "lb/http_tunnel.h"

namespace hither::lb {

void HttpTunnel::begin() {
  open_ = true;
  up_.begin(BodyFraming::until_close, 0, HttpStream::Shape::bytes);
  down_.begin(BodyFraming::until_close, 0, HttpStream::Shape::bytes);
}

bool HttpTunnel::wants(Side from) const {
  return from == Side::client ? !client_ended_ && up_.wants_body()
                              : !backend_ended_ && down_.wants_body();
}

void HttpTunnel::refused(Side to) {
  HttpStream& stream = to == Side::backend ? up_ : down_;
  stream.in.clear();
  stream.out.clear();
  ended(to == Side::backend ? Side::client : Side::backend);
}

bool HttpTunnel::ends(Side to) const {
  const HttpStream& stream = to == Side::backend ? up_ : down_;
  const bool sender_ended = to == Side::backend ? client_ended_ : backend_ended_;
  return open_ && sender_ended && stream.in.empty() && stream.out.empty();
}

}  // namespace hither::lb
