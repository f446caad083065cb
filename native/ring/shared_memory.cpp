#include "ring/shared_memory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace tickforge {
namespace {

constexpr const char* kCode = "TF_SHARED_MEMORY";

void remove_files(const std::string& directory) {
  DIR* handle = ::opendir(directory.c_str());
  if (handle == nullptr) return;
  while (const dirent* entry = ::readdir(handle)) {
    if (entry->d_name[0] != '.') ::unlinkat(::dirfd(handle), entry->d_name, 0);
  }
  ::closedir(handle);
}

}  // namespace

Result<std::string> shared_directory_of(const std::string& data_directory, const std::string& journal) {
  struct stat status{};
  if (::stat(data_directory.c_str(), &status) != 0) {
    return system_error("TF_NO_DIRECTORY", "looking at", data_directory, errno);
  }
  const char* base = std::getenv("TICKFORGE_SHM");
  char identity[64];
  std::snprintf(identity, sizeof identity, "/tickforge-%llx-%llx-", static_cast<unsigned long long>(status.st_dev),
                static_cast<unsigned long long>(status.st_ino));
  return std::string(base != nullptr && *base != '\0' ? base : "/dev/shm") + identity + journal;
}

Result<UniqueFd> create_shared(const std::string& path, std::size_t bytes) {
  const bool is_private = path.empty();
  UniqueFd file(is_private ? ::memfd_create("tickforge", MFD_CLOEXEC)
                           : ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return system_error(kCode, "making shared memory", path, errno);
  if (is_private) {
    // Pages come when they are touched: nobody else can take the memory in between but the out-of-memory killer.
    if (::ftruncate(file.get(), static_cast<off_t>(bytes)) != 0) return system_error(kCode, "sizing memory", path, errno);
    return file;
  }
  const int number = ::posix_fallocate(file.get(), 0, static_cast<off_t>(bytes));
  if (number != 0) {
    ::unlink(path.c_str());
    return system_error(kCode, "setting " + std::to_string(bytes) + " bytes of shared memory aside for", path, number);
  }
  return file;
}

Result<MappedRegion> map_shared(const UniqueFd& file, std::size_t offset, std::size_t length, Access access,
                                const std::string& path) {
  const int protection = access == Access::kRead ? PROT_READ : PROT_READ | PROT_WRITE;
  void* mapped = ::mmap(nullptr, length, protection, MAP_SHARED, file.get(), static_cast<off_t>(offset));
  if (mapped == MAP_FAILED) return system_error(kCode, "mapping shared memory", path, errno);
  return MappedRegion(mapped, length);
}

Result<void> begin_shared_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0) return {};
  if (errno != EEXIST) return system_error(kCode, "making the directory", path, errno);
  struct stat status{};
  // In a place where everybody may make names, one of somebody else is not ours to use.
  if (::lstat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode) || status.st_uid != ::geteuid()) {
    return system_error(kCode, "using the directory", path, EPERM);
  }
  remove_files(path);
  return {};
}

void remove_shared_directory(const std::string& path) {
  remove_files(path);
  ::rmdir(path.c_str());
}

}  // namespace tickforge
