// SPDX-License-Identifier: Apache-2.0
#include "io/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "io/socket.h"

namespace hither::io {

Result<std::string> read_file(const std::string& path) {
  const Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) {
    return fail(fmt::format("{}: {}; name a file that can be read", path, error_text(errno)));
  }
  struct stat status {};
  if (fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return fail(fmt::format("{}: not a regular file; name a file", path));
  }
  if (status.st_size > (std::int64_t{1} << 30)) {
    return fail(fmt::format("{}: larger than 1 GiB; name another file", path));
  }
  std::string content(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t have = 0;
  while (have < content.size()) {
    const ssize_t got = read(fd.get(), content.data() + have, content.size() - have);
    if (got < 0) return fail(fmt::format("{}: {}", path, error_text(errno)));
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  content.resize(have);
  return content;
}

std::optional<FileStamp> stamp_of(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    return FileStamp{.error = errno};
  }
  return FileStamp{.device = status.st_dev,
                   .inode = status.st_ino,
                   .size = status.st_size,
                   .changed_ns = status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec};
}

Result<void> write_file(const std::string& path, const std::string& content) {
  const std::string draft = path + ".new";
  unlink(draft.c_str());
  const Fd fd(open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!fd) return fail(fmt::format("{}: {}", draft, error_text(errno)));
  std::size_t written = 0;
  while (written < content.size()) {
    const ssize_t put = write(fd.get(), content.data() + written, content.size() - written);
    if (put < 0) {
      const int error = errno;
      unlink(draft.c_str());
      return fail(fmt::format("{}: {}", draft, error_text(error)));
    }
    written += static_cast<std::size_t>(put);
  }
  if (fsync(fd.get()) != 0 || rename(draft.c_str(), path.c_str()) != 0) {
    const int error = errno;
    unlink(draft.c_str());
    return fail(fmt::format("{}: {}", path, error_text(error)));
  }
  return {};
}

std::string environment(const char* name, const std::string& otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr || *value == '\0' ? otherwise : value;
}

}  // namespace hither::io
