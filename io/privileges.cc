// SPDX-License-Identifier: Apache-2.0
#include "io/privileges.h"

#include <fmt/format.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "io/socket.h"

namespace hither::io {
namespace {

Result<void> become(const std::string& user) {
  errno = 0;
  const passwd* entry = getpwnam(user.c_str());
  if (entry == nullptr) {
    return fail(fmt::format("there is no user '{}'; name one of this machine", user));
  }
  if (getuid() == entry->pw_uid && geteuid() == entry->pw_uid) return {};
  if (geteuid() != 0) {
    return fail(fmt::format("only root can become '{}'; start as root, or as that user", user));
  }
  const uid_t uid = entry->pw_uid;
  const gid_t gid = entry->pw_gid;
  if (initgroups(user.c_str(), gid) != 0 || setresgid(gid, gid, gid) != 0 ||
      setresuid(uid, uid, uid) != 0) {
    return fail(fmt::format("cannot become '{}': {}", user, error_text(errno)));
  }
  return {};
}

Result<void> give_up_capabilities() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  const std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  if (syscall(SYS_capset, &header, none.data()) != 0) {
    return fail(fmt::format("cannot give up capabilities: {}", error_text(errno)));
  }
  return {};
}

/// The signal that the kernel sends us when our parent dies (io/process.h asks for one). It forgets
/// it when a process becomes somebody else, so that nobody could signal what is no longer theirs.
class DeathSignal {
 public:
  DeathSignal() : parent_(getppid()) { prctl(PR_GET_PDEATHSIG, &signal_); }

  /// Asks for it again. A parent that has died meanwhile was not noticed: then it is sent here.
  Result<void> set_again() const {
    if (signal_ == 0) return {};
    if (prctl(PR_SET_PDEATHSIG, signal_) != 0) {
      return fail(fmt::format("cannot be told of the parent's end: {}", error_text(errno)));
    }
    if (getppid() != parent_) kill(getpid(), signal_);
    return {};
  }

 private:
  pid_t parent_;
  int signal_ = 0;
};

}  // namespace

Result<void> drop_privileges(const std::string& user) {
  const DeathSignal parents_death;
  if (!user.empty()) {
    if (auto became = become(user); !became) return became;
  }
  if (auto given_up = give_up_capabilities(); !given_up) return given_up;
  if (auto set = parents_death.set_again(); !set) return set;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return fail(fmt::format("cannot set no_new_privs: {}", error_text(errno)));
  }
  return {};
}

}  // namespace hither::io
