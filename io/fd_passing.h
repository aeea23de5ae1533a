// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "io/socket.h"

namespace hither::io {

/// Sockets between two programs of one machine and one user, over which descriptors go from one to
/// the other (SCM_RIGHTS, unix(7)). A place is the path of a file, or "@name" in the abstract
/// namespace, which leaves nothing behind.
///
/// A path is never followed through a link at its end, and the file of a socket is made so that
/// only its user may connect (0600). Abstract names have no rights at all: ask peer_user().

/// So many descriptors go with one piece; the kernel's own limit is 253.
constexpr std::size_t fds_per_piece = 64;

/// Listens there. The file that a program left when it died is replaced; one that somebody listens
/// at, or that is no socket of ours, is not.
[[nodiscard]] Result<Fd> listen_local(const std::string& place);
/// Connects to whoever listens there, not blocking.
[[nodiscard]] Result<Fd> connect_local(const std::string& place);
/// Takes the file of a place away, if it is a socket of ours. Nothing to do for "@name".
void remove_local(const std::string& place);

/// The user of the program at the other end, as the kernel knows it; nullopt if it does not.
std::optional<unsigned> peer_user(int fd);

/// Sends bytes, and with the first of them up to fds_per_piece descriptors; they stay open here.
IoResult send_with_fds(int fd, ByteView bytes, std::span<const int> fds);
/// Receives bytes and appends the descriptors that came with them, close-on-exec.
IoResult receive_with_fds(int fd, std::span<std::byte> buffer, std::vector<Fd>& fds);

/// Another descriptor of the same thing, close-on-exec; none if there are no more to be had.
Fd duplicate(int fd);

}  // namespace hither::io
