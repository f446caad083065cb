// What is done with files of a Storage in more than one call.
#pragma once

#include <cerrno>
#include <cstdint>
#include <string>

#include "base/error.h"
#include "journal/storage.h"

namespace tickforge {

/// The call may be made again: nothing was done.
constexpr bool is_interrupted(std::int64_t result) { return result == -EINTR || result == -EAGAIN; }
/// How often in a row. A call that then still does nothing has failed.
inline constexpr int kAttemptsMax = 16;

/// TF_DISK_FULL when a write failed because no space is left, TF_IO otherwise. `number` is an errno.
Error write_error(const char* doing, const std::string& path, int number);

/// An open file that is closed at the end.
class StorageFile {
 public:
  /// `file` as Storage::open() and create() give it; negative: there is none.
  StorageFile(Storage& storage, int file) : storage_(storage), file_(file) {}
  StorageFile(const StorageFile&) = delete;
  StorageFile& operator=(const StorageFile&) = delete;
  ~StorageFile() {
    if (file_ >= 0) (void)storage_.close(file_);
  }
  int get() const { return file_; }

 private:
  Storage& storage_;
  int file_;
};

/// An empty file, new or cut; its number or -errno.
int create_anew(Storage& storage, const std::string& path);
/// Errors: TF_DISK_FULL, TF_IO.
Result<void> write_fully(Storage& storage, int file, const std::string& path, const void* bytes, std::size_t length,
                         std::uint64_t offset);
/// Errors: TF_IO.
Result<void> sync_file(Storage& storage, int file, const std::string& path);
/// Makes the names in the directory of `path` durable.
Result<void> sync_directory_of(Storage& storage, const std::string& path);

}  // namespace tickforge
