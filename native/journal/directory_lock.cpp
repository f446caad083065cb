#include "journal/directory_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/own_file.h"

namespace tickforge {
namespace {

// A recorder that was killed a moment ago may still hold its lock while the kernel ends its I/O.
constexpr int kAttempts = 5;
constexpr std::int64_t kPauseNs = 50'000'000;

std::string holder_of(int file) {
  char text[32] = {};
  const ssize_t length = ::pread(file, text, sizeof text - 1, 0);
  std::string holder(text, length > 0 ? static_cast<std::size_t>(length) : 0);
  while (!holder.empty() && holder.back() == '\n') holder.pop_back();
  return holder.empty() ? "another process" : "process " + holder;
}

}  // namespace

Result<void> prepare_directory(const std::string& directory) {
  if (::mkdir(directory.c_str(), kOwnDirectoryMode) == 0) return {};
  const int number = errno;
  struct stat status {};
  if (number == EEXIST && ::stat(directory.c_str(), &status) == 0) {
    if (S_ISDIR(status.st_mode)) return {};
    return Error{"TF_FOREIGN_DIRECTORY", "'" + directory + "' is not a directory", directory, ENOTDIR};
  }
  const bool no_parent = number == ENOENT || number == ENOTDIR;
  return system_error(no_parent ? "TF_NO_DIRECTORY" : code_of_making(number), "making the directory", directory, number);
}

Result<DirectoryLock> DirectoryLock::acquire(const std::string& directory) {
  const std::string path = directory + "/" + kLockFileName;
  UniqueFd file = open_own_file(path.c_str(), O_RDWR | O_CREAT);
  if (!file) return system_error(code_of_making(errno), "opening the lock", path, errno);
  for (int attempt = 1; ::flock(file.get(), LOCK_EX | LOCK_NB) != 0; ++attempt) {
    const int number = errno;
    if (number != EWOULDBLOCK && number != EINTR) return system_error("TF_IO", "locking", path, number);
    if (attempt == kAttempts) {
      const std::string holder = holder_of(file.get());
      return Error{"TF_LOCKED", "'" + directory + "' is being recorded into by " + holder, directory, number};
    }
    sleep_ns(kPauseNs);
  }
  // For the message above only: without it the lock is as good.
  const std::string holder = std::to_string(::getpid()) + "\n";
  if (::ftruncate(file.get(), 0) != 0 || ::pwrite(file.get(), holder.data(), holder.size(), 0) < 0) errno = 0;
  return DirectoryLock(std::move(file));
}

}  // namespace tickforge
