// A bounded window on a file, filled with pread: a file that shrinks meanwhile ends early instead of raising SIGBUS.
#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"

namespace tickforge {

inline Result<std::uint64_t> size_of_file(int fd, const std::string& path) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) return system_error("TF_IO", "stat of", path, errno);
  return static_cast<std::uint64_t>(status.st_size);
}

/// Reads up to `length` bytes at `offset`, less only at the end of the file. An index that lies may name any offset.
inline Result<std::size_t> read_fully(int fd, const std::string& path, void* bytes, std::size_t length,
                                      std::uint64_t offset) {
  std::size_t done = 0;
  if (offset > static_cast<std::uint64_t>(std::numeric_limits<off_t>::max()) - length) return done;
  while (done < length) {
    const ssize_t count =
        ::pread(fd, static_cast<std::uint8_t*>(bytes) + done, length - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error("TF_IO", "reading", path, errno);
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  return done;
}

class FileWindow {
 public:
  FileWindow(int fd, const std::string& path, std::uint64_t file_bytes)
      : fd_(fd), path_(path), file_bytes_(file_bytes) {}

  /// `length` bytes at `offset`, valid until the next call; null beyond the end of the file and after an I/O error.
  /// Reads `ahead` bytes at once when the window does not hold them.
  const std::uint8_t* at(std::uint64_t offset, std::size_t length, std::size_t ahead) {
    if (error_ || offset > file_bytes_ || length > file_bytes_ - offset) return nullptr;
    if (offset < begin_ || offset + length > begin_ + filled_) {
      const std::size_t wanted =
          static_cast<std::size_t>(std::min<std::uint64_t>(std::max(length, ahead), file_bytes_ - offset));
      if (buffer_.size() < wanted) buffer_.resize(wanted);
      auto read = read_fully(fd_, path_, buffer_.data(), wanted, offset);
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
    const off_t data = ::lseek(fd_, static_cast<off_t>(offset), SEEK_DATA);
    if (data < 0) return errno == ENXIO ? file_bytes_ : offset;
    return std::min(static_cast<std::uint64_t>(data), file_bytes_);
  }

  std::uint64_t file_bytes() const { return file_bytes_; }
  std::uint64_t bytes_read() const { return bytes_read_; }
  const std::optional<Error>& error() const { return error_; }

 private:
  int fd_;
  std::string path_;
  std::uint64_t file_bytes_;
  std::vector<std::uint8_t> buffer_;
  std::uint64_t begin_ = 0;
  std::size_t filled_ = 0;
  std::uint64_t bytes_read_ = 0;
  std::optional<Error> error_;
};

}  // namespace tickforge
