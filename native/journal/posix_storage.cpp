#include "journal/posix_storage.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/assert.h"
#include "base/clock.h"
#include "base/own_file.h"
#include "base/unique_fd.h"

namespace tickforge {
namespace {

int or_errno(std::int64_t result) { return result < 0 ? -errno : static_cast<int>(result); }

int opened_or_errno(const std::string& path, int flags) {
  UniqueFd file = open_own_file(path.c_str(), flags);
  if (!file) return -errno;
  // The caller closes it by its number.
  return or_errno(::fcntl(file.get(), F_DUPFD_CLOEXEC, 0));
}

int write_at(int file, const void* bytes, std::size_t length, std::uint64_t offset) {
  return or_errno(::pwrite(file, bytes, length, static_cast<off_t>(offset)));
}

}  // namespace

int PosixStorage::create(const std::string& path) {
  return opened_or_errno(path, O_RDWR | O_CREAT | O_EXCL);
}

int PosixStorage::open(const std::string& path) { return opened_or_errno(path, O_RDWR); }

int PosixStorage::close(int file) {
  direct_.erase(file);
  return or_errno(::close(file));
}

std::int64_t PosixStorage::size(int file) {
  struct stat status{};
  return ::fstat(file, &status) == 0 ? std::int64_t{status.st_size} : -errno;
}

std::int64_t PosixStorage::read_now(int file, void* bytes, std::size_t length, std::uint64_t offset) {
  const ssize_t count = ::pread(file, bytes, length, static_cast<off_t>(offset));
  return count < 0 ? -errno : std::int64_t{count};
}

std::int64_t PosixStorage::next_data(int file, std::uint64_t offset) {
  const off_t data = ::lseek(file, static_cast<off_t>(offset), SEEK_DATA);
  return data < 0 ? -errno : std::int64_t{data};
}

int PosixStorage::remove(const std::string& path) { return or_errno(::unlink(path.c_str())); }

int PosixStorage::rename(const std::string& from, const std::string& to) {
  return or_errno(::rename(from.c_str(), to.c_str()));
}

int PosixStorage::list(const std::string& directory, std::vector<std::string>& names) {
  DIR* handle = ::opendir(directory.c_str());
  if (handle == nullptr) return -errno;
  errno = 0;
  while (const dirent* entry = ::readdir(handle)) names.emplace_back(entry->d_name);
  const int result = -errno;
  ::closedir(handle);
  return result;
}

int PosixStorage::sync_directory(const std::string& directory) {
  const UniqueFd handle(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!handle) return -errno;
  return or_errno(::fsync(handle.get()));
}

int PosixStorage::submit_write(int file, const void* bytes, std::size_t length, std::uint64_t offset) {
  const int routed = route(file, bytes, length, offset);
  ended_.write_done = true;
  ended_.write_result = check_route(routed != file, write_at(routed, bytes, length, offset));
  return 0;
}

int PosixStorage::route(int file, const void* bytes, std::size_t length, std::uint64_t offset) {
  // What every disk of today is content with; blocks and their memory are (kBlockAlign).
  constexpr std::uint64_t kDirectAlign = 4096;
  const bool aligned = (reinterpret_cast<std::uintptr_t>(bytes) | length | offset) % kDirectAlign == 0;
  if (path_ == WritePath::kPageCache || length <= kSmallBytes || !aligned) return file;
  auto found = direct_.find(file);
  if (found == direct_.end()) {
    const std::string path = "/proc/self/fd/" + std::to_string(file);
    found = direct_.emplace(file, UniqueFd(::open(path.c_str(), O_RDWR | O_DIRECT | O_CLOEXEC))).first;
  }
  return found->second ? found->second.get() : file;
}

int PosixStorage::check_route(bool direct, int result) {
  if (!direct || result != -EINVAL) return result;
  path_ = WritePath::kPageCache;
  return -EAGAIN;
}

int PosixStorage::submit_sync(int file) {
  ended_.sync_done = true;
  ended_.sync_result = or_errno(::fdatasync(file));
  return 0;
}

void PosixStorage::start_writeback(int file, std::uint64_t offset, std::uint64_t length) {
  // Its result says nothing about durability, so it is not looked at: an error comes back from the sync.
  (void)::sync_file_range(file, static_cast<off64_t>(offset), static_cast<off64_t>(length), SYNC_FILE_RANGE_WRITE);
}

Completions PosixStorage::poll(std::int64_t) { return std::exchange(ended_, Completions{}); }

void PosixStorage::pause(std::int64_t ns) { sleep_ns(ns); }

std::uint64_t PosixStorage::random_id() {
  std::uint64_t id = 0;
  while (id == 0) TF_ASSERT(::getrandom(&id, sizeof id, 0) == sizeof id);
  return id;
}

int PosixStorage::write_now(int file, const void* bytes, std::size_t length, std::uint64_t offset) {
  return write_at(file, bytes, length, offset);
}

int PosixStorage::sync_now(int file) {
  const int result = or_errno(::fdatasync(file));
  // The kernel keeps what it could not bring to the disk as if it had: the next one to read must not believe it.
  if (result < 0) (void)::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
  return result;
}

int PosixStorage::reserve(int file, std::uint64_t offset, std::uint64_t length) {
  return or_errno(::fallocate(file, FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset), static_cast<off_t>(length)));
}

int PosixStorage::write_zeros(int file, std::uint64_t offset, std::uint64_t length) {
  constexpr std::size_t kParts = 16;
  alignas(4096) static const std::uint8_t zeros[64 << 10] = {};
  std::array<iovec, kParts> parts;
  std::size_t count = 0;
  for (std::uint64_t left = length; left > 0 && count < kParts; left -= parts[count++].iov_len) {
    parts[count] = {const_cast<std::uint8_t*>(zeros), std::min<std::uint64_t>(left, sizeof zeros)};
  }
  const int written = or_errno(::pwritev(file, parts.data(), static_cast<int>(count), static_cast<off_t>(offset)));
  if (written > 0) start_writeback(file, offset, static_cast<std::uint64_t>(written));
  return written;
}

int PosixStorage::truncate(int file, std::uint64_t length) {
  return or_errno(::ftruncate(file, static_cast<off_t>(length)));
}

Storage& kernel_files() {
  static PosixStorage storage;
  return storage;
}

}  // namespace tickforge
