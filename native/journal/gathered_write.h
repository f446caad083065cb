// A write of many pieces of memory that goes on where a short one stopped.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/assert.h"

namespace tickforge {

class GatheredWrite {
 public:
  static constexpr std::size_t kPartsMax = 64;

  void clear() { *this = GatheredWrite(); }

  void add(const void* bytes, std::size_t length) {
    if (length == 0) return;
    TF_ASSERT(count_ < kPartsMax);
    parts_[count_++] = iovec{const_cast<void*>(bytes), length};  // iovec serves reads too; a write leaves it alone
    left_ += length;
  }

  /// Takes off what has been written.
  void advance(std::size_t written) {
    TF_ASSERT(written <= left_);
    left_ -= written;
    done_ += written;
    while (written > 0) {
      iovec& part = parts_[first_];
      const std::size_t step = written < part.iov_len ? written : part.iov_len;
      part.iov_base = static_cast<std::uint8_t*>(part.iov_base) + step;
      part.iov_len -= step;
      written -= step;
      if (part.iov_len == 0) ++first_;
    }
  }

  const iovec* parts() const { return parts_.data() + first_; }
  std::size_t count() const { return count_ - first_; }
  std::uint64_t left() const { return left_; }
  std::uint64_t done() const { return done_; }

 private:
  std::array<iovec, kPartsMax> parts_;
  std::size_t first_ = 0;
  std::size_t count_ = 0;
  std::uint64_t left_ = 0;
  std::uint64_t done_ = 0;
};

}  // namespace tickforge
