// A bounded window on a file, filled by reading: a file that shrinks meanwhile ends early instead of raising SIGBUS.
#pragma once

#include <sys/types.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "journal/posix_storage.h"
#include "journal/storage_files.h"

namespace tickforge {

/// A file to be read: one of the kernel, or one of a Storage, which may misbehave.
class ReadableFile {
 public:
  ReadableFile(int fd) : storage_(&kernel_files()), file_(fd) {}  // NOLINT: a number of the kernel is such a file
  ReadableFile(Storage& storage, int file) : storage_(&storage), file_(file) {}

  std::int64_t size() const { return storage_->size(file_); }
  std::int64_t read(void* bytes, std::size_t length, std::uint64_t offset) const {
    return storage_->read_now(file_, bytes, length, offset);
  }
  std::int64_t next_data(std::uint64_t offset) const { return storage_->next_data(file_, offset); }

 private:
  Storage* storage_;
  int file_;
};

inline Result<std::uint64_t> size_of_file(ReadableFile file, const std::string& path) {
  const std::int64_t bytes = file.size();
  if (bytes < 0) return system_error("TF_IO", "stat of", path, static_cast<int>(-bytes));
  return static_cast<std::uint64_t>(bytes);
}

/// Reads up to `length` bytes at `offset`, less only at the end of the file. An index that lies may name any offset.
inline Result<std::size_t> read_fully(ReadableFile file, const std::string& path, void* bytes, std::size_t length,
                                      std::uint64_t offset) {
  std::size_t done = 0;
  int attempts = 0;
  if (offset > static_cast<std::uint64_t>(std::numeric_limits<off_t>::max()) - length) return done;
  while (done < length) {
    const std::int64_t count = file.read(static_cast<std::uint8_t*>(bytes) + done, length - done, offset + done);
    if (is_interrupted(count) && ++attempts < kAttemptsMax) continue;
    if (count < 0) return system_error("TF_IO", "reading", path, static_cast<int>(-count));
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
    attempts = 0;
  }
  return done;
}

class FileWindow {
 public:
  FileWindow(ReadableFile file, const std::string& path, std::uint64_t file_bytes)
      : file_(file), path_(path), file_bytes_(file_bytes) {}

  /// `length` bytes at `offset`, valid until the next call; null beyond the end of the file and after an I/O error.
  /// Reads `ahead` bytes at once when the window does not hold them.
  const std::uint8_t* at(std::uint64_t offset, std::size_t length, std::size_t ahead) {
    if (error_ || offset > file_bytes_ || length > file_bytes_ - offset) return nullptr;
    if (offset < begin_ || offset + length > begin_ + filled_) {
      const std::size_t wanted =
          static_cast<std::size_t>(std::min<std::uint64_t>(std::max(length, ahead), file_bytes_ - offset));
      if (buffer_.size() < wanted) buffer_.resize(wanted);
      auto read = read_fully(file_, path_, buffer_.data(), wanted, offset);
      if (!read) {
        error_ = read.error();
        return nullptr;
      }
      begin_ = offset;
      filled_ = read.value();
      bytes_read_ += filled_;
      if (filled_ < length) return nullptr;
    }
    return buffer_.data() + (offset - begin_);
  }

  /// First byte at or after `offset` that is not in a hole of the file; the end of the file when there is none.
  std::uint64_t skip_hole(std::uint64_t offset) const {
    const std::int64_t data = file_.next_data(offset);
    if (data < 0) return data == -ENXIO ? file_bytes_ : offset;
    return std::min(static_cast<std::uint64_t>(data), file_bytes_);
  }

  std::uint64_t file_bytes() const { return file_bytes_; }
  std::uint64_t bytes_read() const { return bytes_read_; }
  const std::optional<Error>& error() const { return error_; }

 private:
  ReadableFile file_;
  std::string path_;
  std::uint64_t file_bytes_;
  std::vector<std::uint8_t> buffer_;
  std::uint64_t begin_ = 0;
  std::size_t filled_ = 0;
  std::uint64_t bytes_read_ = 0;
  std::optional<Error> error_;
};

}  // namespace tickforge
