// Opening files under our own names, where somebody else may have put something.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <string>

#include "base/unique_fd.h"

namespace tickforge {

/// What we make is for its owner and the group, less what the umask takes away.
inline constexpr mode_t kOwnFileMode = 0640;
inline constexpr mode_t kOwnDirectoryMode = 0750;

/// For what makes a file or a directory: a full disk, or a quota that is used up, has a code of its own.
inline const char* code_of_making(int number) {
  return number == ENOSPC || number == EDQUOT ? "TF_DISK_FULL" : "TF_IO";
}

/// Opens a regular file, and nothing else: no FIFO is waited for. Without one errno says why: EISDIR for a directory, ESPIPE
/// for a FIFO, a socket or a device.
inline UniqueFd open_regular_file(const char* path, int flags) {
  UniqueFd file(::open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, kOwnFileMode));
  if (!file && errno == ENXIO) errno = ESPIPE;
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0) return UniqueFd();
  if (S_ISREG(status.st_mode)) {
    // Left on, io_uring would answer EAGAIN where it could wait.
    if (::fcntl(file.get(), F_SETFL, flags & ~(O_CREAT | O_EXCL | O_NOFOLLOW)) == 0) return file;
    return UniqueFd();
  }
  file.reset();
  errno = S_ISDIR(status.st_mode) ? EISDIR : ESPIPE;
  return file;
}

/// For writers, and in shared memory: as above, and no link is followed. errno is ELOOP for one.
inline UniqueFd open_own_file(const char* path, int flags) { return open_regular_file(path, flags | O_NOFOLLOW); }

/// For readers. A link to a file is one: people keep some days on other disks.
inline UniqueFd open_for_reading(const std::string& path) { return open_regular_file(path.c_str(), O_RDONLY); }

/// Whether errno says that there is no file under a name, but perhaps something else.
inline bool is_no_file(int number) {
  return number == ENOENT || number == EISDIR || number == ESPIPE || number == ELOOP;
}

}  // namespace tickforge
